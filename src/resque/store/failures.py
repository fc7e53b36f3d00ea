"""The failed list."""

from resque.keys import Keys
from resque.store.script import Script
from resque.store.server import Server

_FAIL = Script.load("fail")


def save(server: Server, keys: Keys, record: bytes, counted_for: str | None) -> None:
    """Append a failure record, and count it in all and for the worker ``counted_for``.

    None counts nothing: Ruby does not count what a job did not report by itself.
    """
    counters = [keys.stat("failed"), keys.worker_stat("failed", counted_for)] if counted_for else []
    server.run(_FAIL, [keys.failed, *counters], [record])


def append(server: Server, key: str, record: bytes) -> None:
    """Append a failure record to a list, in the one command that Ruby sends."""
    server.call("RPUSH", key, record)


def count(server: Server, keys: Keys) -> int:
    """Return how many records there are."""
    length: int = server.call("LLEN", keys.failed)
    return length
