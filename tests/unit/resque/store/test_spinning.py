from itertools import pairwise

import pytest

from resque.store import spinning
from resque.store.spinning import Spinning
from tests.support.clock import HandTurnedClock

STEP = spinning.LONGEST / 4


class Line:
    """Where a reply comes after so many looks; the clock goes on with each of them."""

    def __init__(self) -> None:
        self.clock = HandTurnedClock()
        self.spinning = Spinning(self.clock)
        self.looks = 0

    def look(self, *, nothing: int) -> bytes | None:
        """Look at a line that has nothing for this many looks."""
        self.looks = 0

        def receive() -> bytes | None:
            self.clock.turn(STEP)
            self.looks += 1
            return b"" if self.looks > nothing else None

        return self.spinning.look(receive)


@pytest.fixture
def line() -> Line:
    """A new connection."""
    return Line()


@pytest.mark.parametrize("nothing", [0, 1, 3])
def test_what_comes_soon_is_returned(line: Line, nothing: int):
    """At once, or after some looks; also the end of a connection, which is no bytes."""
    for _ in range(100):
        assert line.look(nothing=nothing) == b""
        assert line.looks == nothing + 1


def test_nobody_looks_for_long(line: Line):
    """When the time is over the caller may sleep."""
    assert line.look(nothing=1000) is None
    assert line.looks in {4, 5}


def test_looks_in_vain_become_rare(line: Line):
    """A server that is far away costs next to nothing."""
    looked = []
    for number in range(1000):
        assert line.look(nothing=1000) is None
        if line.looks:
            looked.append(number)
    pauses = [later - sooner - 1 for sooner, later in pairwise(looked)]
    assert pauses[:7] == [1, 3, 7, 15, 31, 63, 63]
    assert set(pauses[7:]) == {spinning.MOST_LEFT_OUT}


def test_one_that_is_quick_again_is_looked_for_again(line: Line):
    """From the first look that was not in vain."""
    for _ in range(1000):
        line.look(nothing=1000)
    while line.look(nothing=0) is None:
        assert line.looks == 0
    for _ in range(10):
        assert line.look(nothing=0) == b""
    assert line.look(nothing=1000) is None
    assert line.look(nothing=0) is None, "left out once"
    assert line.look(nothing=0) == b""


def test_an_error_is_passed_on(line: Line):
    """A connection that breaks, or a signal's handler that raises: that is for the caller."""

    def receive() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        line.spinning.look(receive)
