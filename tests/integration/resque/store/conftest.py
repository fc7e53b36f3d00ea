"""Connections that are closed again, and a second view of the server."""

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from resque.store.address import Address
from resque.store.connection import Connection
from tests.support.server import ValkeyServer

Connect = Callable[..., Connection]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Make connections that are closed after the test."""
    made: list[Connection] = []

    def make(url: str, **options: float) -> Connection:
        made.append(Connection(Address.parse(url), **options))
        return made[-1]

    yield make
    for connection in made:
        connection.close()


@pytest.fixture
def connection(connect: Connect, clean_valkey: ValkeyServer) -> Connection:
    """A connection to the run's server, which is empty."""
    return connect(clean_valkey.url)


@pytest.fixture
def other(connect: Connect, clean_valkey: ValkeyServer) -> Connection:
    """Another one to the same server."""
    return connect(clean_valkey.url)


@pytest.fixture
def when_blocked() -> Iterator[Callable[[Connection, Callable[[], object]], threading.Thread]]:
    """Do something, in the thread returned, once a client waits in a blocking command.

    ``observer`` is used by that thread until then.
    """
    threads: list[threading.Thread] = []

    def start(observer: Connection, action: Callable[[], object]) -> threading.Thread:
        def watch() -> None:
            deadline = time.monotonic() + 10
            while b"blocked_clients:1" not in observer.call("INFO", "clients"):
                assert time.monotonic() < deadline, "no client was blocked within 10 s"
            action()

        threads.append(threading.Thread(target=watch))
        threads[-1].start()
        return threads[-1]

    yield start
    for thread in threads:
        thread.join(10)


@pytest.fixture
def in_child() -> Callable[[Callable[[], object]], bytes]:
    """Run something in a forked child and return the repr of its result."""

    def run(body: Callable[[], object]) -> bytes:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.write(writer, repr(body()).encode())
            except BaseException as error:  # noqa: BLE001 - it must not climb up the parent's stack
                os.write(writer, repr(error).encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            result = pipe.read()
        os.waitpid(pid, 0)
        return result

    return run
