from signal import Signals

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqued.master.shutdown import LAST_MOMENT, Shutdown, Urgency
from tests.support.clock import HandTurnedClock

QUIT, TERM, INT = Signals.SIGQUIT, Signals.SIGTERM, Signals.SIGINT
NONE, DRAIN, STOP, KILL = Urgency


@pytest.mark.parametrize(
    ("received", "heeded", "urgency"),
    [
        ([], [], NONE),
        ([QUIT], [True], DRAIN),
        ([QUIT, QUIT, QUIT], [True, False, False], DRAIN),
        ([TERM], [True], STOP),
        ([INT], [True], STOP),
        ([QUIT, TERM], [True, True], STOP),
        ([QUIT, INT], [True, True], STOP),
        ([TERM, QUIT], [True, False], STOP),
        ([TERM, TERM], [True, True], KILL),
        ([TERM, INT], [True, True], KILL),
        ([INT, INT, INT], [True, True, False], KILL),
        ([QUIT, TERM, QUIT, TERM], [True, True, False, True], KILL),
        ([INT, TERM, QUIT], [True, True, False], KILL),
    ],
)
def test_what_each_signal_asks_for(received: list[Signals], heeded: list[bool], urgency: Urgency):
    """QUIT drains, TERM and INT stop, a second of these kills; nothing else changes anything."""
    shutdown = Shutdown(HandTurnedClock())

    assert [shutdown.ask(number) for number in received] == heeded
    assert shutdown.urgency is urgency
    assert shutdown.is_asked_for is bool(received)


@pytest.mark.parametrize(("received", "passed_on"), [(QUIT, QUIT), (TERM, TERM), (INT, TERM)])
def test_what_those_below_are_told(received: Signals, passed_on: Signals):
    """QUIT is passed on as QUIT, and both others as TERM."""
    shutdown = Shutdown(HandTurnedClock())
    shutdown.ask(received)

    assert shutdown.signal is passed_on


def test_the_time_to_stop_is_over_once():
    """stop_timeout after TERM, escalate_if_due is true one time, and from then on it is KILL."""
    clock = HandTurnedClock()
    shutdown = Shutdown(clock)
    shutdown.ask(TERM)

    clock.turn(14.9)
    assert not shutdown.escalate_if_due(15)
    assert not shutdown.must_kill_listeners
    clock.turn(0.1)
    assert shutdown.escalate_if_due(15)
    assert shutdown.urgency is KILL
    assert not shutdown.escalate_if_due(15)


def test_term_after_a_long_drain_has_its_whole_time():
    """stop_timeout counts from TERM, not from the QUIT before."""
    clock = HandTurnedClock()
    shutdown = Shutdown(clock)
    shutdown.ask(QUIT)
    clock.turn(1000)
    shutdown.ask(TERM)

    clock.turn(14)
    assert not shutdown.escalate_if_due(15)
    clock.turn(1)
    assert shutdown.escalate_if_due(15)


def test_listeners_that_do_not_kill_are_killed_a_moment_later():
    """They get a second from the order, whether time or a second TERM gave it."""
    clock = HandTurnedClock()
    shutdown = Shutdown(clock)
    shutdown.ask(TERM)
    clock.turn(5)
    shutdown.ask(TERM)

    assert not shutdown.must_kill_listeners
    clock.turn(LAST_MOMENT)
    assert shutdown.must_kill_listeners


def test_nothing_is_due_before_anything_is_asked():
    """No time, however long, starts a stop."""
    clock = HandTurnedClock()
    shutdown = Shutdown(clock)
    clock.turn(100_000)

    assert not shutdown.escalate_if_due(0)
    assert not shutdown.must_kill_listeners
    assert shutdown.wake_in(15) is None


@pytest.mark.parametrize(
    ("received", "after", "wake_in"),
    [
        ([QUIT], 0, None),
        ([QUIT], 1000, None),
        ([TERM], 0, 15),
        ([TERM], 5, 10),
        ([TERM, TERM], 0.5, LAST_MOMENT - 0.5),
        ([TERM, TERM], 2, None),
    ],
)
def test_when_to_look_again(received: list[Signals], after: float, wake_in: float | None):
    """The next moment at which something is due by the clock, with a stop_timeout of 15 s."""
    clock = HandTurnedClock()
    shutdown = Shutdown(clock)
    for number in received:
        shutdown.ask(number)
    clock.turn(after)

    assert shutdown.wake_in(15) == wake_in


steps = st.lists(st.sampled_from([QUIT, TERM, INT]) | st.floats(0, 100))


@given(steps, st.floats(0, 50))
def test_it_never_goes_back(story: list[Signals | float], stop_timeout: float):
    """Whatever comes, in whatever order, urgency only rises; and QUIT alone never kills."""
    clock = HandTurnedClock()
    shutdown = Shutdown(clock)
    urgency = NONE

    for step in story:
        if isinstance(step, Signals):
            shutdown.ask(step)
        else:
            clock.turn(step)
            shutdown.escalate_if_due(stop_timeout)
        assert shutdown.urgency >= urgency
        urgency = shutdown.urgency

    if not {TERM, INT} & set(story):
        assert urgency in (NONE, DRAIN)
        assert not shutdown.must_kill_listeners


@given(steps, st.floats(0, 50))
def test_sleeping_as_told_misses_nothing(story: list[Signals | float], stop_timeout: float):
    """After sleeping until wake_in says None, everything that time brings has come."""
    clock = HandTurnedClock()
    shutdown = Shutdown(clock)
    for step in story:
        if isinstance(step, Signals):
            shutdown.ask(step)
        else:
            clock.turn(step)
    shutdown.escalate_if_due(stop_timeout)

    for _ in range(10):
        wake_in = shutdown.wake_in(stop_timeout)
        if wake_in is None:
            break
        assert wake_in > 0
        clock.turn(wake_in + 1e-6)  # a sleep is never shorter than asked for
        shutdown.escalate_if_due(stop_timeout)

    assert shutdown.wake_in(stop_timeout) is None
    if shutdown.urgency > DRAIN:
        assert shutdown.must_kill_listeners
