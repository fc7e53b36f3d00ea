"""Jobs of dead workers: back to their queue, and how often that may be.

Payloads are Ruby's and carry no count, so it stands beside them, under a digest of queue and
payload: equal payloads of one queue share it. Each count is a key of its own, as only keys have an
end of their own on every server (a hash's fields have none before Redis 7.4 and Valkey 9.0).
"""

from dataclasses import dataclass
from typing import Literal

from resque.digest import sha1_hex
from resque.keys import Keys
from resque.store import workers
from resque.store.queues import Reserved
from resque.store.script import Script
from resque.store.server import Server

#: Digits of a number of deaths; what is longer is no number of ours.
_MAX_DIGITS = 10
_RECOVER = Script.load("recover")
#: Seconds that a count is kept after its last death: nobody tells of a job that went well.
COUNT_KEPT = 7 * 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a record."""

    kind: Literal["requeued", "poison", "changed"]
    deaths: int = 0  #: how many workers have died in such a job, unless it has changed


def allowed(server: Server, keys: Keys, worker_id: str | bytes) -> int | None:
    """Return how many workers a job may take along that this one dies of (``workers.register``).

    None: it is not to be put back at all, or nobody can read what stands there.
    """
    text = server.call("HGET", keys.deaths_allowed, worker_id)
    return int(text) if text and text.isdigit() and len(text) < _MAX_DIGITS else None


def requeue(
    server: Server,
    keys: Keys,
    worker_id: str | bytes,
    record: bytes,
    held: Reserved,
    max_deaths: int,
) -> Verdict:
    """Put a dead worker's job back and clear its record, if that still is ``record``.

    A job that has killed ``max_deaths`` workers is left to the caller, as its failure is to be
    saved first. Safe to repeat.
    """
    reply = server.run(
        _RECOVER,
        [
            workers.record_key(keys, worker_id),
            _count(keys, held),
            keys.queue(held.queue),
            keys.queues,
        ],
        [record, held.element, held.queue, max_deaths, COUNT_KEPT],
    )
    match reply:
        case [b"requeued", int(deaths)]:
            return Verdict("requeued", deaths)
        case [b"poison", int(deaths)]:
            return Verdict("poison", deaths)
        case _:
            return Verdict("changed")


def forget(server: Server, keys: Keys, held: Reserved) -> None:
    """Forget how many workers have died in a job that will not be put back."""
    server.call("DEL", _count(keys, held))


def _count(keys: Keys, held: Reserved) -> str:
    return keys.deaths(sha1_hex(held.queue.encode() + b"\0" + held.element))
