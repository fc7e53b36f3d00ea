import json
import os
import pathlib
import socket
from collections.abc import Iterator

import pytest

from resqued.control import server as server_module
from resqued.control.connection import PATIENCE
from resqued.control.protocol import MAX_REQUEST, Code, RefusedError, Request
from resqued.control.server import MAX_CLIENTS, Reply, Server
from resqued.control.socket_file import SocketFile
from resqued.process.waiter import Waiter
from tests.support.clock import HandTurnedClock

#: An answer that no socket takes at once.
BIG = "x" * 4_000_000


class Loop:
    """The loop of a process that serves, turned by hand."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.file = SocketFile(str(path))
        self.file.__enter__()
        self.clock = HandTurnedClock()
        self.waiter = Waiter()
        self.asked: list[str] = []
        self.later: list[Reply] = []
        assert self.file.holding is not None
        listening = socket.socket(fileno=os.dup(self.file.holding[1]))
        listening.setblocking(False)
        self.server = Server(listening, self.waiter, self.clock, self._answer)

    def turn(self, times: int = 3) -> None:
        """Do some rounds, none of which waits."""
        for _ in range(times):
            self.server.serve(self.waiter.wait(0))

    def is_idle(self) -> bool:
        """Tell whether the loop would wait now, and not turn for nothing."""
        return self.server.next_step_in != 0.0 and not self.waiter.wait(0)

    def client(self, sends: bytes = b"") -> socket.socket:
        """Connect, and send something."""
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(5)
        client.connect(str(self.path))
        if sends:
            client.sendall(sends)
        return client

    def close(self) -> None:
        """Leave nothing open."""
        self.server.close()
        self.waiter.close()
        self.file.__exit__(None, None, None)

    def _answer(self, request: Request, reply: Reply) -> None:
        self.asked.append(request.verb)
        match request.verb:
            case "later":
                self.later.append(reply)
            case "refuse":
                raise RefusedError(Code.NOT_NOW, "not now")
            case "fail":
                raise KeyError("a mistake of ours")
            case "big":
                reply.send({"text": BIG})
            case verb:
                reply.send({"said": verb})


@pytest.fixture
def loop(tmp_path: pathlib.Path) -> Iterator[Loop]:
    """Return a loop that serves nobody yet."""
    one = Loop(tmp_path / "x.sock")
    yield one
    one.close()


@pytest.fixture
def clients() -> Iterator[list[socket.socket]]:
    """Those that are closed afterwards."""
    found: list[socket.socket] = []
    yield found
    for client in found:
        client.close()


def line(verb: str) -> bytes:
    """Return a request."""
    return json.dumps({"v": 1, "verb": verb}).encode() + b"\n"


def answer(client: socket.socket) -> dict[str, object]:
    """Return what has been answered; nothing more is there."""
    received = b""
    while not received.endswith(b"\n"):
        chunk = client.recv(1 << 20)
        assert chunk, f"closed after {received!r}"
        received += chunk
    found: dict[str, object] = json.loads(received)
    return found


def is_closed(client: socket.socket) -> bool:
    """Tell whether the server has closed its end."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_a_request_is_answered(loop: Loop):
    """One line for one line, also where it comes in pieces, or with the next one."""
    with loop.client(line("a")) as client:
        loop.turn()
        assert answer(client) == {"v": 1, "ok": True, "said": "a"}
        client.sendall(line("b")[:5])
        loop.turn()
        client.sendall(line("b")[5:] + line("c"))
        loop.turn()
        assert client.recv(4096).count(b"\n") == 2
    loop.turn()
    assert loop.asked == ["a", "b", "c"]
    assert loop.is_idle()


def test_what_is_refused_is_said(loop: Loop):
    """By the one who answers, or because it is no request; the client may ask again."""
    with loop.client(line("refuse") + b"garbage\n" + line("a")) as client:
        loop.turn(5)
        lines = [json.loads(text) for text in client.recv(4096).splitlines()]
    assert [each.get("code") for each in lines] == ["not-now", "malformed", None]


def test_a_mistake_of_ours_ends_nothing(loop: Loop, caplog: pytest.LogCaptureFixture):
    """It is logged with its traceback, and answered; the next request is met."""
    with loop.client(line("fail") + line("a")) as client:
        loop.turn(5)
        lines = [json.loads(text) for text in client.recv(4096).splitlines()]
    assert [each.get("code") for each in lines] == ["internal", None]
    assert "KeyError: 'a mistake of ours'" in caplog.text


def test_an_answer_may_come_later(loop: Loop):
    """Others are answered meanwhile; the loop does not turn for nothing."""
    with loop.client(line("later") + line("a")) as slow, loop.client(line("b")) as quick:
        loop.turn()
        assert answer(quick)["said"] == "b"
        assert loop.asked == ["later", "b"]
        assert loop.is_idle()

        loop.later[0].send({"said": "at last"})
        loop.turn()
        assert [json.loads(text)["said"] for text in slow.recv(4096).splitlines()] == [
            "at last",
            "a",
        ]


def test_who_has_left_before_the_answer(loop: Loop):
    """It is lost, and nothing else."""
    loop.client(line("later")).close()
    loop.turn()
    loop.later[0].send({})
    loop.turn()
    with loop.client(line("a")) as client:
        loop.turn()
        assert answer(client)["said"] == "a"
    loop.turn()
    assert loop.is_idle()


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_request_that_is_too_long(loop: Loop, end: bytes):
    """It is refused before all of it was read, and its client sent away."""
    with loop.client() as client:
        client.setblocking(False)
        data = b"x" * (MAX_REQUEST + 1) + end

        while data:
            try:
                data = data[client.send(data) :]
            except BlockingIOError:
                loop.turn()
        loop.turn()

        client.settimeout(5)
        assert answer(client)["error"] == f"a request has at most {MAX_REQUEST} bytes"
        assert is_closed(client)
    assert loop.asked == []
    assert loop.server._clients == []


def test_a_line_without_an_end(loop: Loop):
    """Of 100 MB no more is ever kept than one request may have."""
    with loop.client() as client:
        client.setblocking(False)
        sent = _pour(loop, client, 100 * 2**20)
    assert sent < 2**20
    assert loop.server._clients == []


def _pour(loop: Loop, client: socket.socket, most: int) -> int:
    """Send without an end, as fast as it is taken; returns how much until the other side closes."""
    sent = 0
    while sent < most:
        try:
            sent += client.send(b"x" * 65536)
        except BlockingIOError:
            loop.turn(1)
        except (BrokenPipeError, ConnectionResetError):
            break
    return sent


def test_the_longest_request(loop: Loop):
    """It is taken."""
    text = json.dumps({"v": 1, "verb": "a", "x": ""}).encode()
    longest = text[:-2] + b"x" * (MAX_REQUEST - len(text)) + text[-2:] + b"\n"
    assert len(longest) == MAX_REQUEST + 1
    with loop.client(longest) as client:
        loop.turn(10)
        assert answer(client)["said"] == "a"


def test_a_slow_reader_is_not_waited_for(loop: Loop):
    """What it does not take is kept, and it gets all of it; others are answered meanwhile."""
    with loop.client(line("big") * 3) as slow, loop.client(line("a")) as quick:
        loop.turn(10)
        assert loop.asked.count("big") == 1
        assert answer(quick)["said"] == "a"
        assert loop.is_idle()

        received = b""
        while not received.endswith(b"\n"):
            received += slow.recv(100_000)
            loop.turn(1)
        assert json.loads(received.splitlines()[0])["text"] == BIG


def test_a_reader_that_does_not_read_is_sent_away(loop: Loop):
    """After its time; the loop knows when that is."""
    with loop.client(line("big")) as client:
        loop.turn()
        step = loop.server.next_step_in
        assert step is not None
        assert 0 < step <= PATIENCE
        loop.clock.turn(PATIENCE)
        loop.turn()
        assert loop.server._clients == []
        received = b""
        with pytest.raises((AssertionError, ConnectionResetError)):
            received = json.dumps(answer(client)).encode()
        assert received == b""


@pytest.mark.parametrize("sent", [b"", b'{"v":1,'])
def test_a_half_open_client_is_sent_away(loop: Loop, sent: bytes):
    """After its time, and not before."""
    with loop.client(sent) as client:
        loop.turn()
        loop.clock.turn(PATIENCE - 0.1)
        loop.turn()
        assert not is_closed(client)
        loop.clock.turn(0.1)
        assert loop.server.next_step_in == 0.0
        loop.turn()
        assert is_closed(client)
    assert loop.is_idle()
    assert loop.server.next_step_in is None


def test_a_client_that_asks_now_and_then_stays(loop: Loop):
    """Its time begins anew with each answer."""
    with loop.client() as client:
        for _ in range(3):
            loop.clock.turn(PATIENCE - 1)
            client.sendall(line("a"))
            loop.turn()
            assert answer(client)["said"] == "a"


def test_too_many_clients(loop: Loop, clients: list[socket.socket]):
    """Who is there for longest without having asked makes room; who waits for an answer stays."""
    waiting = loop.client(line("later"))
    clients.append(waiting)
    loop.turn()
    for _ in range(MAX_CLIENTS + 5):
        loop.clock.turn(0.01)
        clients.append(loop.client())
        loop.turn(1)

    assert len(loop.server._clients) == MAX_CLIENTS
    assert [is_closed(client) for client in clients] == [
        False,
        *[True] * 6,
        *[False] * (MAX_CLIENTS - 1),
    ]
    loop.later[0].send({"said": "x"})
    waiting.settimeout(5)
    assert answer(waiting)["said"] == "x"


def test_so_many_requests_that_a_round_cannot_meet_them(loop: Loop, clients: list[socket.socket]):
    """Some each round, in the order in which their clients came; the loop goes on at once."""
    for number in range(20):
        loop.clock.turn(0.01)
        clients.append(loop.client(line(str(number)) * 2))
    loop.turn(1)
    assert len(loop.asked) == server_module._MOST_ANSWERED
    assert loop.server.next_step_in == 0.0

    loop.turn(10)

    assert len(loop.asked) == 40
    assert loop.asked[:20] == [str(number) for number in range(20)]
    assert loop.is_idle()


def test_no_descriptor_is_left(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Nobody is taken in for a moment, so that the loop does not turn for nothing; then again."""
    monkeypatch.setattr(server_module.limits, "refuse_last_files", _refuse)
    with loop.client(line("a")) as first, loop.client(line("b")) as second:
        loop.turn(1)
        assert "No client is taken in at the control socket for now" in caplog.text
        assert is_closed(first)
        assert loop.is_idle()
        assert loop.server.next_step_in == 1.0

        monkeypatch.undo()
        loop.clock.turn(1.0)
        loop.turn()
        assert answer(second)["said"] == "b"


def _refuse(_descriptor: int) -> None:
    raise OSError(24, "Too many open files")


def test_another_socket_in_the_place_of_the_first(loop: Loop):
    """New clients come in by it; who is connected stays."""
    former = loop.client()
    loop.turn()
    loop.path.unlink()
    loop.file.renew()
    assert loop.file.holding is not None

    loop.server.listen_anew(loop.file.holding[1])

    for client in (former, loop.client()):
        with client:
            client.sendall(b'{"v":1,"verb":"hello"}\n')
            loop.turn()
            assert json.loads(client.recv(4096))["said"] == "hello"
    loop.turn()
    assert loop.is_idle()
