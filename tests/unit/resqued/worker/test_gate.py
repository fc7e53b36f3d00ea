import socket

import pytest

from resqued.clock import MonotonicClock
from resqued.worker.board import Board
from resqued.worker.gate import Gate


@pytest.mark.parametrize(
    "said", [b"", b"\xff\xfe", b"[" * 100_000, b"9" * 100_000, b"null", b"{}", b"[]", b'{"a":1}']
)
def test_what_is_no_line_of_the_protocol_is_passed_over(said: bytes):
    """A worker of anybody's factory never ends its listener by what it says."""
    ours, theirs = socket.socketpair()
    gate = Gate(ours, Board(MonotonicClock()))
    theirs.sendall(said + b'\n["working"]\n')

    assert gate.read() == [["working"]]

    gate.close()
    theirs.close()
