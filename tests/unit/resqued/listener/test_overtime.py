"""What is done to a worker whose job takes too long, and when; the clock is turned by hand."""

import pytest

from resqued.listener.overtime import Overtime, Stage
from resqued.process.stack import PATIENCE
from resqued.worker.board import JobInHand
from tests.support.clock import HandTurnedClock

LIMIT = 30.0
STOP_TIMEOUT = 10.0


class Story:
    """One worker's time limit."""

    def __init__(self) -> None:
        self.clock = HandTurnedClock()
        self.overtime = Overtime(self.clock)
        self.job = JobInHand(1, "Slow", self.clock.now())

    def step_after(self, seconds: float, job: JobInHand | None) -> Stage | None:
        """Return what is to be done when ``job`` is in hand that much later."""
        self.clock.turn(seconds)
        return self.overtime.step(job, LIMIT, STOP_TIMEOUT)


@pytest.fixture
def story() -> Story:
    """Return a worker whose job has just begun."""
    return Story()


def test_a_job_that_does_not_end(story: Story):
    """Its worker is asked for its stack, gets TERM, and KILL until it is gone."""
    for pause, stage in [
        (LIMIT, Stage.ASKED),
        (PATIENCE, Stage.TERMINATED),
        (STOP_TIMEOUT, Stage.KILLED),
        (STOP_TIMEOUT, Stage.KILLED),
    ]:
        assert story.overtime.due_in(story.job, LIMIT) == pytest.approx(pause)
        assert story.step_after(pause / 2, story.job) is None
        assert story.step_after(pause / 2 + 0.001, story.job) is stage
    assert story.overtime.job == story.job


def test_without_a_job_there_is_time(story: Story):
    """As much as one has that begins just now."""
    assert story.overtime.due_in(None, LIMIT) == LIMIT
    assert story.step_after(LIMIT, None) is None
    assert story.overtime.due_in(None, LIMIT) == LIMIT


@pytest.mark.parametrize("has_next", [False, True])
def test_a_job_that_ends_before_term_is_forgotten(story: Story, *, has_next: bool):
    """The next one has all its time."""
    assert story.step_after(LIMIT, story.job) is Stage.ASKED
    following = JobInHand(2, "Next", story.clock.now()) if has_next else None

    assert story.overtime.due_in(following, LIMIT) == LIMIT
    assert story.step_after(1, following) is None
    assert story.overtime.stage is Stage.IN_TIME
    assert not story.overtime.is_terminated


def test_after_term_there_is_no_way_back(story: Story):
    """It was told to leave, whatever it has in hand since."""
    story.step_after(LIMIT, story.job)
    assert story.step_after(PATIENCE, story.job) is Stage.TERMINATED

    assert story.overtime.is_terminated
    assert story.overtime.due_in(None, LIMIT) == STOP_TIMEOUT
    assert story.step_after(STOP_TIMEOUT, None) is Stage.KILLED
    assert story.overtime.is_terminated
