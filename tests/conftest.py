"""Fixtures for every tier: one real server for the run, and a clean namespace for each test."""

import os
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterator

import hypothesis
import pytest

from resqued.process.signals import HANDLED
from tests.support.server import ValkeyServer

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _signals_left_as_they_were() -> Iterator[None]:
    """No test changes what the next one's children inherit."""
    before = _signals()
    yield
    assert _signals() == before


def _signals() -> object:
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    return mask, [signal.getsignal(number) for number in HANDLED]


@pytest.fixture(autouse=True)
def _no_server_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test ever talks to a server that the developer's shell happens to name."""
    for name in ("REDIS_URL", "RESQUE_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """One server for the whole run."""
    with ValkeyServer() as server:
        yield server


@pytest.fixture
def clean_valkey(valkey: ValkeyServer) -> ValkeyServer:
    """The run's server, emptied."""
    with socket.create_connection(("127.0.0.1", valkey.port), timeout=5) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(64).startswith(b"+OK")
    return valkey


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Set the local zone for one test."""

    def use(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def namespace() -> str:
    """A Redis namespace that no other test uses."""
    return f"test-{os.getpid()}-{uuid.uuid4().hex[:8]}"
