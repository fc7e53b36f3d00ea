"""How large a scaled pool may be at any moment."""

import pytest

from tests.chaos.sizes import OVERLAP, Sizes
from tests.support.clock import HandTurnedClock

CONFIGURED = 3


@pytest.fixture
def clock() -> HandTurnedClock:
    """The schedule's clock."""
    return HandTurnedClock()


@pytest.fixture
def sizes(clock: HandTurnedClock) -> Sizes:
    """Those of a schedule that has scaled nothing."""
    return Sizes(clock.now)


def test_a_size_counts_from_the_question_on(sizes: Sizes):
    """The answer comes later than what it tells of; a refusal takes it back."""
    sizes.ask(5)
    assert [sizes.most(CONFIGURED, generation) for generation in (1, 2, None)] == [5, 5, 5]
    sizes.refused()
    assert [sizes.most(CONFIGURED, generation) for generation in (1, 2, None)] == [3, 3, 3]


def test_a_size_that_is_accepted_while_it_is_looked_at(clock: HandTurnedClock):
    """It counts, in whatever moment the answer comes."""
    answered = False

    class Accepting(Sizes):
        """Sizes whose schedule goes on as soon as what was asked for has been looked at."""

        @property
        def _asked(self) -> int | None:
            nonlocal answered
            asked = self._last
            if looking and not answered:
                answered = True
                self.accepted(7, CONFIGURED)
            return asked

        @_asked.setter
        def _asked(self, size: int | None) -> None:
            self._last = size

    looking = False
    sizes = Accepting(clock.now)
    sizes.ask(5)
    looking = True
    assert sizes.most(CONFIGURED, 7) == 5
    assert answered
    assert sizes.most(CONFIGURED, 7) == 5


def test_a_size_that_was_accepted(sizes: Sizes, clock: HandTurnedClock):
    """It is that of its generation alone; the former one counts a little longer."""
    sizes.ask(1)
    sizes.accepted(7, CONFIGURED)
    assert sizes.most(CONFIGURED, 7) == 3
    clock.turn(OVERLAP)
    assert [sizes.most(CONFIGURED, generation) for generation in (7, 8, None)] == [1, 3, 3]
    sizes.ask(4)
    sizes.accepted(7, 1)
    sizes.ask(0)
    sizes.accepted(7, 4)
    assert sizes.most(CONFIGURED, 7) == 4
    clock.turn(OVERLAP)
    assert sizes.most(CONFIGURED, 7) == 0


def test_a_size_that_nobody_has_answered(sizes: Sizes, clock: HandTurnedClock):
    """Any generation may have it, for good."""
    sizes.ask(5)
    sizes.unanswered()
    clock.turn(100)
    assert [sizes.most(CONFIGURED, generation) for generation in (1, None)] == [5, 5]
