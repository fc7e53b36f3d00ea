"""Queues: push to them, and take the next job from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from json import loads

from resque import times
from resque.errors import EncodeError
from resque.keys import Keys
from resque.ruby_json import encode_json
from resque.store.script import Script
from resque.store.server import Server, Speaker
from resque.store.tracking import Tracking
from resque.store.words import Word

_RESERVE = Script.load("reserve")
_FIELD = b',"payload":'
#: Where an element lay that is only known from a record which cannot be read.
UNKNOWN_QUEUE = "unknown"


@dataclass(frozen=True, slots=True)
class Reserved:
    """An element taken from a queue, and recorded as in the worker's hands."""

    queue: str
    element: bytes
    number: int = 0  #: how many jobs its worker has finished before it


class Nothing(Enum):
    """Why ``reserve`` has returned no job."""

    EMPTY = "empty"  #: no queue has one
    PAUSED = "paused"  #: all workers of the namespace are paused


def push(server: Server, keys: Keys, elements: Mapping[str, Sequence[bytes]]) -> None:
    """Append elements to their queues, in one round trip; for one, in Ruby's two commands."""
    if elements:
        pushes: list[Sequence[Word]] = [
            ("RPUSH", keys.queue(queue), *some) for queue, some in elements.items()
        ]
        server.pipeline([("SADD", keys.queues, *elements), *pushes])


def pop(server: Server, keys: Keys, queue: str) -> bytes | None:
    """Take the first element of a queue away."""
    element: bytes | None = server.call("LPOP", keys.queue(queue))
    return element


def elements(server: Server, keys: Keys, queue: str, start: int, count: int) -> list[bytes]:
    """Return elements of a queue from a place on, which may count from its end; -1: all."""
    if count == 0:
        return []
    if count == 1:
        element = server.call("LINDEX", keys.queue(queue), start)
        return [] if element is None else [element]
    stop = start + count - 1 if count > 0 else -1
    # Counted from the end, a stop beyond the last would be one from the beginning.
    stop = -1 if start < 0 <= stop else stop
    found: list[bytes] = server.call("LRANGE", keys.queue(queue), start, stop)
    return found


def remove(server: Server, keys: Keys, queue: str, elements: Sequence[bytes]) -> int:
    """Remove all that equal one of these, byte for byte; return how many there were."""
    key = keys.queue(queue)
    return sum(server.pipeline([("LREM", key, 0, element) for element in elements]))


def forget(server: Server, keys: Keys, queue: str) -> None:
    """Remove a queue and all that lies in it."""
    server.pipeline([("SREM", keys.queues, queue), ("DEL", keys.queue(queue))])


def names(server: Speaker, keys: Keys) -> list[str]:
    """Return the queues ever pushed to; a name that is not UTF-8 is no worker's business."""
    found = []
    for name in server.call("SMEMBERS", keys.queues):
        try:
            found.append(name.decode())
        except UnicodeDecodeError:
            continue
    return found


def size(server: Server, keys: Keys, queue: str) -> int:
    """Return how many jobs wait in a queue."""
    length: int = server.call("LLEN", keys.queue(queue))
    return length


class Reservation:
    """One worker's way to its next job, from the same queues each time."""

    def __init__(self, keys: Keys, worker_id: str, queues: Sequence[str]) -> None:
        self._queues = tuple(queues)
        own = [keys.worker(worker_id), keys.pause]
        stats = [keys.stat("processed"), keys.worker_stat("processed", worker_id)]
        self._keys = [*own, *stats, *map(keys.queue, queues)]
        self._names = [encode_json(queue) for queue in queues]
        self._second, self._run_at = -1, ""

    def take(self, server: Speaker, now: float, *, done: int | None = None) -> Reserved | Nothing:
        """Take the first job of the first queue that has one; ``now`` is seconds of the epoch.

        In the same step the job with the number ``done``, if still in the worker's hands, is
        counted as processed. Safe to repeat after its reply was lost: that counts once, and while
        the worker has a record, the job in it is returned again. Through a ``Tracking`` queues
        without a job are read as well, so that it tells of the next one.
        """
        if int(now) != self._second:  # to write a time takes longer than to tell that it is old
            self._second, self._run_at = int(now), times.run_at(now)
        args = [self._run_at, "" if done is None else done, *self._names]
        if isinstance(server, Tracking):
            args.append("watch")
        match server.run(_RESERVE, self._keys, args):
            case [b"job", number, place, element]:
                return Reserved(self._queues[place - 1], element, number)
            case [b"held", number, record]:
                return replace(from_record(record), number=number)
            case [b"paused"]:
                return Nothing.PAUSED
            case _:
                return Nothing.EMPTY


def from_record(record: bytes) -> Reserved:
    """Read a worker's record.

    In one of ours, or of Ruby's, the element as it was is what follows its field: a quote inside
    the queue's name is escaped, so the field cannot stand there. From a record with its fields in
    another order the payload is written anew. One that cannot be read is returned whole, as an
    element that is no job.
    """
    head, _, rest = record.partition(_FIELD)
    queue, _ = _fields(head + b"}")
    if queue is not None and rest:
        return Reserved(queue, rest[:-1])
    queue, payload = _fields(record)
    if queue is not None and payload is not None:
        return Reserved(queue, encode_json(payload))
    return Reserved(UNKNOWN_QUEUE if queue is None else queue, record)


def _fields(record: bytes) -> tuple[str | None, object]:
    """Return queue and payload of a JSON object, None for what is missing or cannot be."""
    try:
        content = loads(record)
        queue, payload = content.get("queue"), content.get("payload")
        encode_json([queue, payload])  # what another wrote may be more than JSON
    except (ValueError, AttributeError, RecursionError, EncodeError):
        return None, None
    return (queue if isinstance(queue, str) else None), payload
