import pytest

from resqued.figures import ReloadTally
from resqued.master.reloads import Outcome, Reloads
from tests.support.clock import HandTurnedClock


@pytest.fixture
def clock() -> HandTurnedClock:
    """The master's clock."""
    return HandTurnedClock(100.0)


@pytest.fixture
def reloads(clock: HandTurnedClock) -> Reloads:
    """One reload that starts generation 2."""
    found = Reloads(clock)
    found.begin(2)
    return found


def outcome(reloads: Reloads) -> tuple[Outcome, str | None, float | None]:
    """Return what became of the last one, and when."""
    assert reloads.last is not None
    return reloads.last.outcome, reloads.last.reason, reloads.last.ended_at


def test_one_that_goes_well(reloads: Reloads, clock: HandTurnedClock):
    """It loads, moves, and is done, for good."""
    assert outcome(reloads) == (Outcome.LOADING, None, None)
    reloads.proved(2)
    assert outcome(reloads) == (Outcome.MOVING, None, None)
    clock.turn(5)
    reloads.done(2)
    assert outcome(reloads) == (Outcome.DONE, None, 105.0)

    reloads.failed(2, "its listener has ended much later")
    reloads.abandon("the pool was paused")
    assert outcome(reloads) == (Outcome.DONE, None, 105.0)


@pytest.mark.parametrize("is_proved", [False, True])
def test_one_that_fails(reloads: Reloads, *, is_proved: bool):
    """While it loads, or while workers move; the first reason counts."""
    if is_proved:
        reloads.proved(2)
    reloads.failed(2, "no module")
    reloads.failed(2, "its listener has ended")

    assert outcome(reloads) == (Outcome.FAILED, "no module", 100.0)
    reloads.begin(3)
    assert [reloads.has_failed(generation) for generation in (1, 2, 3)] == [False, True, False]


def test_another_one_comes_before_its_end(reloads: Reloads):
    """The first is abandoned; each is found by its number."""
    reloads.begin(3)

    assert outcome(reloads) == (Outcome.LOADING, None, None)
    first = reloads.by_number(1)
    assert first is not None
    assert (first.outcome, first.reason) == (Outcome.ABANDONED, "another reload was asked for")
    assert reloads.by_number(2) is reloads.last
    assert reloads.by_number(3) is None


def test_other_generations_are_no_concern_of_it(reloads: Reloads):
    """Those that are started because a listener has died, say."""
    reloads.failed(1, "x")
    reloads.proved(3)
    reloads.done(3)

    assert outcome(reloads) == (Outcome.LOADING, None, None)


def test_without_a_reload():
    """Nothing is noted."""
    reloads = Reloads(HandTurnedClock())
    reloads.proved(1)
    reloads.abandon("the pool stops")

    assert reloads.last is None
    assert reloads.known == ()


def test_not_all_are_remembered(reloads: Reloads):
    """Numbers go on, also after an exec."""
    for generation in range(3, 100):
        reloads.begin(generation)

    assert len(reloads.known) == 16
    successor = Reloads(HandTurnedClock(), reloads.known)
    successor.begin(100)
    assert successor.last is not None
    assert successor.last.number == 99


def test_those_that_have_ended_are_counted(clock: HandTurnedClock):
    """By the way in which they have, with the time that they took; also after an exec."""
    former = Reloads(clock, tallies=(ReloadTally("done", 2, 10.0),))
    former.begin(2)
    clock.turn(3)
    former.begin(3)
    clock.turn(4)
    former.done(3)
    former.begin(4)

    assert former.tallies == (ReloadTally("done", 3, 14.0), ReloadTally("abandoned", 1, 3.0))
