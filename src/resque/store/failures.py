"""Lists of failure records.

A record is always named by its index and its bytes. Others may shift the list at any moment, so
each script that changes a record looks whether it is still that one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from resque.keys import Keys
from resque.store.script import Script
from resque.store.server import Server

_REMOVE = Script.load("remove_failed")
_REQUEUE = Script.load("requeue_failed")
_CLEAR = Script.load("clear_failed")


@dataclass(frozen=True, slots=True)
class Place:
    """A record, and the index at which it was seen."""

    index: int
    record: bytes


@dataclass(frozen=True, slots=True)
class Retry:
    """A record to be replaced by ``retried``, and its job, to be put into its queue."""

    index: int
    record: bytes
    retried: bytes
    queue: str
    element: bytes


def append(server: Server, key: str, record: bytes) -> None:
    """Append a record to a list, in the one command that Ruby sends."""
    server.call("RPUSH", key, record)


def append_to_queue(server: Server, keys: Keys, queue: str, record: bytes) -> None:
    """Append a record to its queue's own list, in the two commands that Ruby sends."""
    key = keys.failed_queue(queue)
    name = key.removeprefix(f"{keys.namespace}:")
    server.pipeline([("SADD", keys.failed_queues, name), ("RPUSH", key, record)])


def queues(server: Server, keys: Keys) -> list[str]:
    """Return the queues that have had a list of their own, sorted.

    A name that is not UTF-8, or not that of such a list, is passed over.
    """
    names = (
        name.decode("utf-8", "replace") for name in server.call("SMEMBERS", keys.failed_queues)
    )
    suffix = keys.failed_queue("").removeprefix(f"{keys.namespace}:")
    found = (name.removesuffix(suffix) for name in names if name.endswith(suffix))
    return sorted(name for name in found if "\ufffd" not in name)


def lengths(server: Server, lists: Sequence[str]) -> list[int]:
    """Return how many records are in each list."""
    return server.pipeline([("LLEN", key) for key in lists])


def read(server: Server, key: str, start: int, count: int) -> list[Place]:
    """Return up to ``count`` records from the index ``start`` on, oldest first."""
    records = server.call("LRANGE", key, start, start + count - 1) if count > 0 else []
    return [Place(start + offset, record) for offset, record in enumerate(records)]


def find(server: Server, key: str, record: bytes) -> int | None:
    """Return the index of the oldest record with these bytes."""
    index: int | None = server.call("LPOS", key, record)
    return index


def remove(server: Server, key: str, places: Sequence[Place], tombstone: bytes) -> list[bool]:
    """Remove records; return for each whether it was there.

    One alone is looked for in the whole list, several only where they were seen. No record may
    ever equal the ``tombstone``.
    """
    words = [word for place in places for word in (place.index, place.record)]
    return [bool(done) for done in server.run(_REMOVE, [key], [tombstone, *words])]


def requeue(server: Server, keys: Keys, key: str, retries: Sequence[Retry]) -> list[bool]:
    """Replace records and push their jobs; return for each whether it was there.

    One alone is looked for in the whole list, several only where they were seen.
    """
    words = [word for r in retries for word in (r.index, r.record, r.retried, r.queue, r.element)]
    targets = [keys.queue(retry.queue) for retry in retries]
    return [bool(done) for done in server.run(_REQUEUE, [key, keys.queues, *targets], words)]


def clear(server: Server, lists: Sequence[str]) -> int:
    """Remove whole lists; return how many records they had."""
    removed: int = server.run(_CLEAR, lists)
    return removed
