"""The HTTP side, with pages made up here."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from resqued.health import server
from resqued.health.server import MAX_CLIENTS, HealthServer, Page
from tests.support.clock import HandTurnedClock
from tests.support.forks import in_child, no_more_files
from tests.support.waiting import wait_until

REQUEST = b"GET /page HTTP/1.0\r\n\r\n"


@contextmanager
def serving(page: Callable[[str], Page]) -> Iterator[tuple[str, int]]:
    """Serve one page at the address that is returned."""
    is_over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        with HealthServer(listening, {"/page": page}, is_over.is_set, HandTurnedClock()) as serves:
            thread = threading.Thread(target=serves.serve)
            thread.start()
            yield listening.getsockname()
            is_over.set()
            thread.join()


def is_refused(client: socket.socket) -> bool:
    """Tell whether the server has ended a connection without a word."""
    try:
        return client.recv(100) == b""
    except ConnectionResetError:
        return True  # before it had read the request


def test_clients_whose_page_takes_long_have_no_threads_without_end():
    """Who was sent away cannot leave before its page is made; until then others have to wait."""
    may_go = threading.Event()

    def page(_accept: str) -> Page:
        may_go.wait(20)
        return Page(b"well\n")

    before = threading.active_count() + 1  # the one in reserve
    with serving(page) as address, ExitStack() as stack:
        clients = []
        for _ in range(2 * MAX_CLIENTS + 3):
            clients.append(stack.enter_context(socket.create_connection(address, timeout=20)))
            clients[-1].sendall(REQUEST)
        assert all(map(is_refused, clients[2 * MAX_CLIENTS :]))
        assert threading.active_count() <= before + 2 * MAX_CLIENTS + 1
        may_go.set()
        assert clients[2 * MAX_CLIENTS - 1].makefile("rb").read().endswith(b"well\n")
        wait_until(lambda: threading.active_count() == before + 1, "the end of the threads")
        with socket.create_connection(address, timeout=20) as client:
            client.sendall(REQUEST)
            assert client.makefile("rb").read().endswith(b"well\n")


def test_a_server_that_leaves_waits_for_nobody_without_end(monkeypatch: pytest.MonkeyPatch):
    """Whoever sends a byte now and then would keep the process of a former master for days."""
    monkeypatch.setattr(server, "PATIENCE", 0.2)
    with ExitStack() as stack:
        with serving(lambda _accept: Page(b"well\n")) as address:
            slow = stack.enter_context(socket.create_connection(address, timeout=20))
            slow.sendall(REQUEST[:9])
            with socket.create_connection(address, timeout=20) as other:
                other.sendall(REQUEST)
                assert other.makefile("rb").read().endswith(b"well\n")
            began = time.monotonic()
        assert time.monotonic() - began < server.Handler.timeout / 2
        assert is_refused(slow)


def test_clients_without_threads(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    """Where none can be started, they are served all the same, one by one; it is said once."""

    def fail(_work: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    with serving(lambda _accept: Page(b"well\n")) as address:
        for is_short in (True, False, True):
            with monkeypatch.context() as context, ExitStack() as stack:
                if is_short:
                    context.setattr(server, "start_thread", fail)
                clients = [
                    stack.enter_context(socket.create_connection(address, timeout=20))
                    for _ in range(3)
                ]
                for client in clients:
                    client.sendall(REQUEST)
                for client in clients:
                    assert client.makefile("rb").read().endswith(b"well\n")
    events = [getattr(record, "event", None) for record in caplog.records]
    assert events == ["health_threads_lacking"] * 2
    assert "can't start new thread" in caplog.text


def test_no_descriptor_for_a_client(caplog: pytest.LogCaptureFixture):
    """It waits until there is one, without a processor's whole time meanwhile; it is said once."""
    rounds = 4

    def body() -> tuple[float, list[object], bytes]:
        left = iter([True] * rounds)
        listening = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(listening.getsockname(), timeout=20)
        client.sendall(REQUEST)
        page = Page(b"well\n")
        serves = HealthServer(
            listening, {"/page": lambda _: page}, lambda: not next(left, False), HandTurnedClock()
        )
        with serves:
            began = time.monotonic()
            with no_more_files():
                serves.serve()
            took = time.monotonic() - began
            left = iter([True])
            serves.serve()
        events = [getattr(record, "event", None) for record in caplog.records]
        return took, events, client.makefile("rb").read()

    took, events, answer = in_child(body)
    assert took > rounds * server.PAUSE * 0.9
    assert events == ["health_files_lacking"]
    assert answer.endswith(b"well\n")


def test_descriptors_that_come_and_go(caplog: pytest.LogCaptureFixture):
    """That there is none is said again after a calmer while only, not after each client."""
    clock = HandTurnedClock()

    def body() -> list[object]:
        left = iter([True])
        listening = socket.create_server(("127.0.0.1", 0))
        page = Page(b"well\n")
        serves = HealthServer(
            listening, {"/page": lambda _: page}, lambda: not next(left, False), clock
        )
        said: list[object] = []
        with serves:
            before = threading.active_count()
            for pause in (0.0, server.CALM * 0.9, server.CALM * 0.9, server.CALM):
                clock.turn(pause)
                with socket.create_connection(listening.getsockname(), timeout=20) as client:
                    client.sendall(REQUEST)
                    with no_more_files():
                        left = iter([True])
                        serves.serve()
                    said.append(len(caplog.records))
                    left = iter([True])
                    serves.serve()
                    client.makefile("rb").read()
                    wait_until(lambda: threading.active_count() == before, "its end")
        return said

    assert in_child(body) == [1, 1, 1, 2]


def test_a_mistake_beside_the_pages(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """It ends the connection, and the log says why; a client that has left is no news."""
    errors: list[Exception] = [ValueError("a mistake of ours"), BrokenPipeError()]

    def fail(_handler: server.Handler) -> None:
        raise errors.pop(0)

    monkeypatch.setattr(server.Handler, "do_GET", fail)
    with serving(lambda _accept: Page(b"well\n")) as address:
        for _ in range(2):
            with socket.create_connection(address, timeout=20) as client:
                client.sendall(REQUEST)
                assert is_refused(client)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "a mistake of ours" in str(record.exc_info[1])


def test_a_page_that_cannot_be_made(caplog: pytest.LogCaptureFixture):
    """Its client is told so, and the log why."""

    def page(_accept: str) -> Page:
        raise ValueError("what no page expects")

    with serving(page) as address, socket.create_connection(address, timeout=20) as client:
        client.sendall(REQUEST)
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.0 500 ")
    assert answer.endswith(b"The page could not be made; the log says why\n")
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "what no page expects" in str(record.exc_info[1])
