"""Queues: push to them, and take the next job from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from json import loads

from resque import times
from resque.keys import Keys
from resque.ruby_json import encode_json
from resque.store.script import Script
from resque.store.server import Server

_RESERVE = Script.load("reserve")
_FIELD = b',"payload":'
#: Where an element lay that is only known from a record which cannot be read.
UNKNOWN_QUEUE = "unknown"


@dataclass(frozen=True, slots=True)
class Reserved:
    """An element taken from a queue, and recorded as in the worker's hands."""

    queue: str
    element: bytes


def push(server: Server, keys: Keys, queue: str, element: bytes) -> None:
    """Append an element, in the two commands that Ruby sends, in one round trip."""
    server.pipeline([("SADD", keys.queues, queue), ("RPUSH", keys.queue(queue), element)])


def names(server: Server, keys: Keys) -> list[str]:
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


def reserve(
    server: Server, keys: Keys, worker_id: str, queues: Sequence[str], now: float
) -> Reserved | None:
    """Take the first job of the first queue that has one; ``now`` is seconds of the epoch.

    None if there is none, or if all workers are paused. Safe to repeat after its reply was lost:
    while the worker has a record, the job in it is returned again.
    """
    reply = server.run(
        _RESERVE,
        [keys.worker(worker_id), keys.pause, *map(keys.queue, queues)],
        [times.run_at(now), *map(encode_json, queues)],
    )
    match reply:
        case [b"job", place, element]:
            return Reserved(queues[place - 1], element)
        case [b"held", record]:
            return from_record(record)
        case _:  # nothing there, or paused
            return None


def from_record(record: bytes) -> Reserved:
    """Read a record that ``reserve`` wrote: the element as it was is what follows its field.

    A quote inside the queue's name is escaped, so the field cannot stand there. A record that
    somebody else wrote is returned whole, as an element that is no job.
    """
    head, _, rest = record.partition(_FIELD)
    try:
        queue = loads(head + b"}")["queue"]
    except (ValueError, KeyError, TypeError):
        queue = None
    if not isinstance(queue, str) or not rest:
        return Reserved(UNKNOWN_QUEUE, record)
    return Reserved(queue, rest[:-1])
