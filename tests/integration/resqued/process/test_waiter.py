import socket
import time

import pytest

from resqued.process.waiter import Waiter
from tests.support.forks import in_child


@pytest.fixture
def waiter():
    """Return a waiter that watches nothing."""
    one = Waiter()
    yield one
    one.close()


@pytest.fixture
def pair():
    """Return two connected sockets."""
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_it_wakes_for_what_is_readable(waiter, pair):
    """The sources themselves are returned, and only the ready ones."""
    ours, theirs = pair
    waiter.watch(ours)
    waiter.watch(theirs)

    assert waiter.wait(0) == []
    theirs.send(b".")
    assert waiter.wait(None) == [ours]
    assert waiter.wait(0) == [ours]


@pytest.mark.parametrize("seconds", [0, -5, 0.05])
def test_it_wakes_at_the_latest_when_the_time_is_over(waiter, seconds: float):
    """A moment that has passed already means at once."""
    before = time.monotonic()

    assert waiter.wait(seconds) == []
    assert max(0, seconds) <= time.monotonic() - before < 2


def test_room_for_output_counts_only_when_wanted(waiter, pair):
    """An idle socket always has room; that must not make the loop spin."""
    ours, _ = pair
    waiter.watch(ours)

    assert waiter.wait(0) == []
    waiter.watch_writing(ours, wanted=True)
    waiter.watch_writing(ours, wanted=True)
    assert waiter.wait(0) == [ours]
    waiter.watch_writing(ours, wanted=False)
    assert waiter.wait(0) == []


def test_what_is_forgotten_wakes_nobody(waiter, pair):
    """Forgetting twice is an error in one spelling and none in the other."""
    ours, theirs = pair
    waiter.watch(ours)
    theirs.send(b".")
    waiter.forget(ours)

    assert waiter.wait(0) == []
    waiter.forget_if_watched(ours)
    with pytest.raises(KeyError):
        waiter.forget(ours)


def test_a_childs_close_leaves_the_parents_waiter_alone(waiter, pair):
    """The kernel's object is shared by forks; closing a copy ends nothing."""
    ours, theirs = pair
    waiter.watch(ours)

    in_child(waiter.close)

    theirs.send(b".")
    assert waiter.wait(5) == [ours]
