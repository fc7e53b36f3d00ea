import pytest

from resqued.backoff import LONG_ENOUGH, Backoff
from tests.support.clock import HandTurnedClock


def one_life(backoff: Backoff, clock: HandTurnedClock, seconds: float, *, expected: bool) -> float:
    """Start, live, end; return the pause after that."""
    backoff.started()
    clock.turn(seconds)
    backoff.ended(expected=expected)
    return backoff.due_in


def test_the_first_start_is_due_at_once():
    """Nothing has failed yet."""
    assert Backoff(HandTurnedClock()).due_in == 0


def test_the_pause_doubles_up_to_16_seconds():
    """One early end after another: 1, 2, 4, 8, 16, and 16 from then on."""
    clock = HandTurnedClock()
    backoff = Backoff(clock)

    pauses = []
    for _ in range(7):
        pauses.append(one_life(backoff, clock, 0.125, expected=False))
        clock.turn(pauses[-1])

    assert pauses == [1, 2, 4, 8, 16, 16, 16]


def test_it_is_due_when_the_pause_is_over_and_not_before():
    """due_in counts down with the clock and stops at 0."""
    clock = HandTurnedClock()
    backoff = Backoff(clock)
    one_life(backoff, clock, 0, expected=False)

    clock.turn(0.75)
    assert backoff.due_in == 0.25
    clock.turn(0.25)
    assert backoff.due_in == 0
    clock.turn(100)
    assert backoff.due_in == 0


@pytest.mark.parametrize(
    ("seconds", "expected", "pause", "next_pause"),
    [
        pytest.param(LONG_ENOUGH + 0.125, False, 0, 1, id="long life"),
        pytest.param(LONG_ENOUGH, False, 4, 8, id="just not long enough"),
        pytest.param(0.125, True, 0, 1, id="asked for"),
    ],
)
def test_what_sets_the_pause_back(seconds: float, expected: bool, pause: float, next_pause: float):  # noqa: FBT001
    """A life longer than 16 s or an end that was asked for: the next pause is 1 s again."""
    clock = HandTurnedClock()
    backoff = Backoff(clock)
    one_life(backoff, clock, 0.125, expected=False)
    one_life(backoff, clock, 0.125, expected=False)

    assert one_life(backoff, clock, seconds, expected=expected) == pause
    assert one_life(backoff, clock, 0.125, expected=False) == next_pause


def test_time_spent_waiting_is_no_life():
    """Only the time since the latest start counts, not that since the first."""
    clock = HandTurnedClock()
    backoff = Backoff(clock)
    one_life(backoff, clock, 1, expected=False)
    clock.turn(100)

    assert one_life(backoff, clock, 1, expected=False) == 2


@pytest.mark.parametrize(("begun", "pause"), [(0.0, 0), (10.0, 1)])
def test_the_life_of_another_than_the_last(begun: float, pause: float):
    """Not what was started last counts, but when what has ended was."""
    clock = HandTurnedClock()
    backoff = Backoff(clock)
    origin = clock.now()
    clock.turn(LONG_ENOUGH + 1)
    backoff.started()

    backoff.ended(expected=False, started_at=origin + begun)

    assert backoff.due_in == pause
