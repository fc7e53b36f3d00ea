import os
from signal import Signals

import pytest

from resqued.process.condition import Condition, conditions

#: As the kernel writes it; other lines, one without a colon among them, do not matter.
STATUS = b"""\
Name:\tpython: x\t3
State:\tS (sleeping)
Pid:\t4242
garbage
SigQ:\t0/63445
SigPnd:\t0000000000000000
ShdPnd:\t0000000000000000
SigBlk:\t0000000000000000
SigIgn:\t0000000001001000
SigCgt:\t0000000008400002
"""
WINCH = Signals.SIGWINCH
BIT = b"0000000008000000"
NO_BIT = b"0000000000000000"


def test_a_process_that_can_be_asked():
    """It sleeps, and has a handler; nothing is on its way, nothing held back."""
    found = Condition.parse(STATUS)
    assert (found.state, found.is_held) == ("S", False)
    assert found.catches(WINCH)
    assert not found.catches(Signals.SIGTERM)
    assert not found.awaits(WINCH)
    assert not found.blocks(WINCH)


@pytest.mark.parametrize("name", [b"SigPnd", b"ShdPnd"])
def test_a_signal_on_its_way(name: bytes):
    """Whether it was sent to the thread or to its process."""
    found = Condition.parse(STATUS.replace(name + b":\t" + NO_BIT, name + b":\t" + BIT))
    assert found.awaits(WINCH)
    assert not found.awaits(Signals.SIGURG)


def test_a_signal_that_is_held_back():
    """It is blocked, which does not say that it has come."""
    found = Condition.parse(STATUS.replace(b"SigBlk:\t" + NO_BIT, b"SigBlk:\t" + BIT))
    assert found.blocks(WINCH)
    assert not found.awaits(WINCH)


@pytest.mark.parametrize(
    ("state", "is_held"), [(b"T (stopped)", True), (b"t (tracing stop)", True), (b"D (x)", False)]
)
def test_who_is_held(state: bytes, *, is_held: bool):
    """A stopped process; one that waits in the kernel goes on by itself."""
    assert Condition.parse(STATUS.replace(b"S (sleeping)", state)).is_held is is_held


@pytest.mark.parametrize("text", [b"", STATUS.replace(b"SigBlk", b"NoBlk")])
def test_what_is_no_status(text: bytes):
    """Nothing is guessed."""
    with pytest.raises(KeyError):
        Condition.parse(text)


def test_this_process():
    """Each of its threads, the main one by the process's own number."""
    found = conditions(os.getpid())
    assert found[os.getpid()].state == "R"
    assert conditions(2**22 + 1) == {}
