"""Looking at what is there: queues, workers, sums. Nothing is changed.

Names are bytes here, as those of others need not be UTF-8.
"""

from collections.abc import Iterator, Sequence

from resque.inspection import Element, Info, JobInHand, QueueSample, WorkerEntries, count, shown
from resque.keys import Keys
from resque.store.server import Server
from resque.store.words import Word

#: Keys looked at by one SCAN: the server does nothing else meanwhile.
_SCAN_COUNT = 1000
_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\*?[]"})


def queue_names(server: Server, keys: Keys) -> list[bytes]:
    """Return the names of all queues ever pushed to, sorted."""
    return sorted(server.call("SMEMBERS", keys.queues))


def queue_sizes(server: Server, keys: Keys) -> dict[str, int]:
    """Return how many elements each queue has."""
    names = queue_names(server, keys)
    sizes = server.pipeline([("LLEN", _queue(keys, name)) for name in names])
    return dict(zip(map(shown, names), sizes, strict=True))


def samples(server: Server, keys: Keys, count_each: int) -> dict[str, QueueSample]:
    """Return the size and the first elements of each queue."""
    names = queue_names(server, keys)
    commands = [
        command
        for queue in (_queue(keys, name) for name in names)
        for command in (("LLEN", queue), ("LRANGE", queue, 0, count_each - 1))
    ]
    replies = server.pipeline(commands)
    return {
        shown(name): QueueSample(size, tuple(map(Element.of, elements)) if count_each > 0 else ())
        for name, size, elements in zip(names, replies[::2], replies[1::2], strict=True)
    }


def worker_entries(server: Server, keys: Keys) -> list[WorkerEntries]:
    """Return all about each registered worker, sorted by id, in two round trips."""
    ids = sorted(server.call("SMEMBERS", keys.workers))
    if not ids:
        return []
    replies = server.pipeline(
        [
            ("MGET", *_for_each(keys.worker(""), ids)),
            ("MGET", *_for_each(keys.worker(""), ids, b":started")),
            ("HMGET", keys.heartbeats, *ids),
            ("MGET", *_for_each(keys.worker_stat("processed", ""), ids)),
            ("MGET", *_for_each(keys.worker_stat("failed", ""), ids)),
        ]
    )
    return [WorkerEntries(*entries) for entries in zip(ids, *replies, strict=True)]


def info(server: Server, keys: Keys) -> Info:
    """Return the sums, in two round trips."""
    names, ids, processed, failed = server.pipeline(
        [
            ("SMEMBERS", keys.queues),
            ("SMEMBERS", keys.workers),
            ("GET", keys.stat("processed")),
            ("LLEN", keys.failed),
        ]
    )
    commands: list[Sequence[Word]] = [("LLEN", _queue(keys, name)) for name in names]
    # Not one GET each: MGET takes a key of another type for none.
    if ids:
        commands.append(("MGET", *_for_each(keys.worker(""), ids)))
    replies = server.pipeline(commands)
    in_hand = [JobInHand.of(record) for record in (replies[-1] if ids else ()) if record]
    return Info(
        pending=sum(replies[: len(names)]),
        processed=count(processed),
        failed=failed,
        queues=len(names),
        workers=len(ids),
        working=sum(1 for job in in_hand if job is not None),
        server=str(server.address),
        namespace=keys.namespace,
    )


def key_names(server: Server, keys: Keys) -> list[str]:
    """Return the names of all keys of the namespace, without it, sorted."""
    prefix = f"{keys.namespace}:"
    server.call("EXISTS", keys.queues)  # for a cluster: SCAN sees the keys of its own node only
    found = set(_scan(server, prefix.translate(_SPECIAL) + "*"))
    return sorted(shown(key[len(prefix.encode()) :]) for key in found)


def _scan(server: Server, pattern: str) -> Iterator[bytes]:
    """Yield keys, some perhaps twice, without holding up the server as KEYS would."""
    cursor = b"0"
    while True:
        cursor, found = server.call("SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_COUNT)
        yield from found
        if cursor == b"0":
            return


def _queue(keys: Keys, name: bytes) -> bytes:
    return keys.queue("").encode() + name


def _for_each(start: str, ids: Sequence[bytes], end: bytes = b"") -> list[bytes]:
    return [start.encode() + worker_id + end for worker_id in ids]
