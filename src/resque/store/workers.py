"""Workers as the server knows them: registration, heartbeat, the job in hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from resque import times
from resque.inspection import shown
from resque.keys import Keys
from resque.store.script import Script
from resque.store.server import Server
from resque.store.words import Word

_REGISTER = Script.load("register")
_CLAIM = Script.load("claim")
_UNREGISTER = Script.load("unregister")
_FINISH = Script.load("finish")


@dataclass(frozen=True, slots=True)
class Roll:
    """Who was there at one moment, for whoever looks for dead workers."""

    now: float  #: the server's clock, in seconds of the epoch
    heartbeats: Mapping[bytes, bytes]  #: by worker, registered or not, whoever wrote them
    ids: Sequence[bytes]  #: of all registered workers, sorted, whoever wrote them


def register(
    server: Server,
    keys: Keys,
    worker_id: str,
    started: float,
    *,
    max_deaths: int | None = None,
    prune_for: int | None = None,
) -> Roll | None:
    """Make a worker known, or known again, and write its heartbeat; in one command.

    ``started`` is this host's time, the heartbeat has the server's: it is all that a pruner on
    another host ever learns of a worker's life. With ``max_deaths`` whoever finds the worker dead
    knows that its job is to be put back. With ``prune_for`` this worker asks to be the one who
    looks for dead ones, for so many seconds; a ``Roll`` says that it is.
    """
    reply = server.run(
        _REGISTER,
        [
            keys.workers,
            keys.worker_started(worker_id),
            keys.heartbeats,
            keys.deaths_allowed,
            keys.prune_lock,
        ],
        [
            worker_id,
            times.started(started),
            times.zone(started),
            *map(_or_nothing, (max_deaths, prune_for)),
        ],
    )
    if reply is None:
        return None
    now, beats, ids = reply
    return Roll(now, dict(zip(beats[::2], beats[1::2], strict=True)), sorted(ids))


def heartbeat(server: Server, keys: Keys, worker_id: str) -> bytes:
    """Return a worker's heartbeat as it stands there; nothing if there is none."""
    found: bytes | None = server.call("HGET", keys.heartbeats, worker_id)
    return found or b""


def claim(server: Server, keys: Keys, worker_id: str, seen: bytes, beat: str) -> bool:
    """Write an id's heartbeat if it is still the one that was seen; whether it was."""
    return bool(server.run(_CLAIM, [keys.heartbeats], [worker_id, seen, beat]))


def unregister(server: Server, keys: Keys, worker_id: str | bytes) -> None:
    """Forget a worker, its record and its counters."""
    raw = _raw(worker_id)
    own = [keys.worker("").encode() + raw, keys.worker("").encode() + raw + b":started"]
    stats = [keys.worker_stat(name, "").encode() + raw for name in ("processed", "failed")]
    known = (keys.workers, keys.heartbeats, keys.deaths_allowed)
    server.run(_UNREGISTER, [*known, *own, *stats], [raw])


def finish(
    server: Server, keys: Keys, worker_id: str, number: int, *, has_failed: bool = False
) -> None:
    """Count the job with this number as processed and clear its record; safe to repeat.

    ``has_failed``: it has reported a failure itself, which is counted too; Ruby counts no other.
    """
    Finishing(server, keys, worker_id).finish(number, has_failed=has_failed)


class Finishing:
    """One worker's way to finish its jobs; the keys are the same each time."""

    def __init__(self, server: Server, keys: Keys, worker_id: str) -> None:
        self._server = server
        stats = [
            key
            for name in ("processed", "failed")
            for key in (keys.stat(name), keys.worker_stat(name, worker_id))
        ]
        self._keys = [keys.worker(worker_id), *stats]

    def finish(self, number: int, *, has_failed: bool = False) -> None:
        """Do what the function ``finish`` does; raises what the server's calls raise."""
        self._server.run(_FINISH, self._keys, [number, int(has_failed)])

    def posting(self, number: int) -> Callable[[], bool]:
        """Prepare that for a job's process, over the worker's connection; see ``Server``."""
        return self._server.posting(_FINISH, self._keys, [number, 0])


def raw_ids(server: Server, keys: Keys) -> list[bytes]:
    """Return the ids of all registered workers, sorted, whoever wrote them."""
    return sorted(server.call("SMEMBERS", keys.workers))


def ids(server: Server, keys: Keys) -> list[str]:
    """Return the same as text; what is not UTF-8 is shown by escapes."""
    return [shown(worker_id) for worker_id in raw_ids(server, keys)]


def record(server: Server, keys: Keys, worker_id: str | bytes) -> bytes | None:
    """Return the record of the job in a worker's hands."""
    found: bytes | None = server.call("GET", record_key(keys, worker_id))
    return found


def record_key(keys: Keys, worker_id: str | bytes) -> bytes:
    """Return the key of that record."""
    return keys.worker("").encode() + _raw(worker_id)


def server_time(server: Server) -> float:
    """Return the server's clock, in seconds of the epoch."""
    seconds, microseconds = server.call("TIME")
    return int(seconds) + int(microseconds) / 1_000_000


def _or_nothing(number: int | None) -> Word:
    return "" if number is None else number


def _raw(worker_id: str | bytes) -> bytes:
    return worker_id if isinstance(worker_id, bytes) else worker_id.encode()
