"""The listener's short-lived children, with the test in the listener's place."""

import logging
import os
import select
from collections.abc import Callable

from resqued.listener.recovery import AT_ONCE, TIME_LIMIT, Recoveries
from resqued.worker.death import WorkerDeath
from tests.support.clock import HandTurnedClock
from tests.support.forks import in_child, no_room
from tests.support.waiting import PATIENCE, wait_until


class Story(logging.Handler):
    """Recoveries that wait for the test, in a child process of the test's own."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = HandTurnedClock()
        self.recoveries = Recoveries(self._recover, self.clock)
        self._end, self._ends = os.pipe()
        self._begun, self._begins = os.pipe()
        os.set_blocking(self._begun, False)
        self.seen: list[int] = []  #: whose recovery has begun, in order
        self.logged: list[str] = []
        logging.getLogger("resqued.listener.recovery").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of the log."""
        self.logged.append(record.getMessage())

    def _recover(self, death: WorkerDeath, _seconds: float) -> int:
        os.write(self._begins, bytes([death.pid]))
        assert select.select([self._end], [], [], PATIENCE)[0]
        return 1

    def let_all_end(self) -> None:
        """Let the recoveries end, those included that have not begun."""
        os.write(self._ends, b"+")

    def die(self, *pids: int) -> None:
        """Begin to see to these workers."""
        for pid in pids:
            self.recoveries.begin(WorkerDeath(pid, None, ("a", "b"), "fail", 3))

    def wait_for(self, count: int) -> None:
        """Go on until so many recoveries have begun."""

        def have_begun() -> bool:
            self.recoveries.step()
            try:
                self.seen.extend(os.read(self._begun, 100))
            except BlockingIOError:
                return len(self.seen) >= count
            return False

        wait_until(have_begun, f"{count} recoveries")

    def wait_for_all(self) -> None:
        """Go on until nothing is left to be done."""

        def all_done() -> bool:
            self.recoveries.step()
            return not self.recoveries.is_busy

        wait_until(all_done, "the end of all")


def told(body: Callable[[Story], None]) -> Callable[[], None]:
    """Run a test's body in a child process, whose children are all its own."""

    def test() -> None:
        in_child(lambda: body(Story()))

    test.__name__, test.__doc__ = body.__name__, body.__doc__
    return test


@told
def test_all_are_seen_to_some_at_once(story: Story):
    """In order, each once; one that fails has said so itself."""
    pids = range(1, AT_ONCE + 4)
    story.die(*pids)
    story.wait_for(AT_ONCE)
    assert sorted(story.seen) == list(pids)[:AT_ONCE]
    assert story.recoveries.next_step_in == TIME_LIMIT

    story.let_all_end()
    story.wait_for_all()
    story.wait_for(len(pids))
    assert sorted(story.seen) == list(pids)
    assert (story.recoveries.next_step_in, story.logged) == (None, [])


@told
def test_one_that_takes_too_long_is_ended(story: Story):
    """So is the wait of those that could not begin; each is a line in the log."""
    story.die(*range(1, AT_ONCE + 2))
    story.wait_for(AT_ONCE)
    story.clock.turn(TIME_LIMIT)
    assert story.recoveries.next_step_in == 0
    story.wait_for_all()

    what = "What worker %d for a,b has left was not seen to: %s"
    killed = "recovery ended: SIGKILL (signal 9)"
    expected = [what % (pid, killed) for pid in range(1, AT_ONCE + 1)]
    assert sorted(story.logged) == [*expected, what % (AT_ONCE + 1, "there was no time for it")]
    assert len(story.seen) == AT_ONCE


@told
def test_a_fork_that_fails_is_tried_again(story: Story):
    """After a second, as soon as there is room."""
    with no_room():
        story.die(1)
        story.recoveries.step()
    assert len(story.logged) == 1
    assert story.logged[0].startswith("Cannot fork, trying again: ")
    assert (story.recoveries.is_busy, story.recoveries.next_step_in) == (True, 1)

    story.clock.turn(1)
    story.let_all_end()
    story.wait_for(1)
    story.wait_for_all()
    assert story.seen == [1]


def test_a_factory_without_a_way_with_the_dead():
    """Nothing is forked for it."""
    recoveries = Recoveries(None, HandTurnedClock())
    recoveries.begin(WorkerDeath(1, None, ("a",), "requeue", 3))
    recoveries.step()
    assert (recoveries.is_busy, recoveries.next_step_in) == (False, None)
