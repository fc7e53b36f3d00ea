"""Workers as the server knows them: registration, heartbeat, the job in hand."""

from resque import times
from resque.keys import Keys
from resque.store.script import Script
from resque.store.server import Server

_REGISTER = Script.load("register")
_UNREGISTER = Script.load("unregister")
_FINISH = Script.load("finish")


def register(server: Server, keys: Keys, worker_id: str, now: float) -> None:
    """Make a worker known; ``now`` is this host's time, the heartbeat has the server's."""
    server.run(
        _REGISTER,
        [keys.workers, keys.worker_started(worker_id), keys.heartbeats],
        [worker_id, times.started(now), times.heartbeat(server_time(server))],
    )


def unregister(server: Server, keys: Keys, worker_id: str) -> None:
    """Forget a worker, its record and its counters."""
    server.run(
        _UNREGISTER,
        [
            keys.workers,
            keys.heartbeats,
            keys.worker(worker_id),
            keys.worker_started(worker_id),
            keys.worker_stat("processed", worker_id),
            keys.worker_stat("failed", worker_id),
        ],
        [worker_id],
    )


def beat(server: Server, keys: Keys, worker_id: str) -> None:
    """Write a heartbeat: all that a pruner on another host ever learns of a worker's life."""
    heartbeat = times.heartbeat(server_time(server))
    server.call("HSET", keys.heartbeats, worker_id, heartbeat)


def finish(server: Server, keys: Keys, worker_id: str) -> None:
    """Count the job in hand as processed and clear its record; safe to repeat."""
    server.run(
        _FINISH,
        [
            keys.worker(worker_id),
            keys.stat("processed"),
            keys.worker_stat("processed", worker_id),
        ],
    )


def ids(server: Server, keys: Keys) -> list[str]:
    """Return the ids of all registered workers, sorted, whoever wrote them."""
    found = server.call("SMEMBERS", keys.workers)
    return sorted(worker_id.decode("utf-8", "backslashreplace") for worker_id in found)


def record(server: Server, keys: Keys, worker_id: str) -> bytes | None:
    """Return the record of the job in a worker's hands."""
    found: bytes | None = server.call("GET", keys.worker(worker_id))
    return found


def server_time(server: Server) -> float:
    """Return the server's clock, in seconds of the epoch."""
    seconds, microseconds = server.call("TIME")
    return int(seconds) + int(microseconds) / 1_000_000
