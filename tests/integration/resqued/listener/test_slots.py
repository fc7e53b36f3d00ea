"""A slot's machine with real forks of small functions; the clock is turned by hand."""

import os
import signal
from collections.abc import Callable
from signal import Signals

import pytest

from resqued.config.model import WorkerSpec
from resqued.listener.slots import SlotState, WorkerSlot
from resqued.process.reaper import ExitStatus
from resqued.worker.gate import Gate, Ticket
from resqued.worker.summary import WorkerSummary
from tests.support.clock import HandTurnedClock
from tests.support.forks import in_child
from tests.support.waiting import wait_until

SPEC = WorkerSpec(queues=("a", "b"), interval=5.0, pool=None)


class Story:
    """A slot and all that stands around it, in a child process of the test's own."""

    def __init__(self) -> None:
        self.clock = HandTurnedClock()
        self.slot = WorkerSlot(3, SPEC, self.clock)

    def start(self, work: Callable[[Ticket], int]) -> None:
        """Ask, and fork a worker that runs ``work`` behind the gate."""
        if self.slot.state is SlotState.IDLE:
            self.slot.ask()
        gate, ticket = Gate.pair()

        def body() -> int:
            gate.close()
            return work(ticket)

        self.slot.start(body, gate)
        ticket.close()

    def reach_gate(self) -> bool:
        """Wait until the worker has said that it is built; tell the slot."""
        wait_until(lambda: self.slot.gate is not None and self.slot.gate.is_reached(), "the gate")
        return self.slot.reached_gate()

    def reap(self) -> WorkerSummary:
        """Wait for the worker's end."""
        return wait_until(self.slot.reap, "the worker's end")


def pass_gate(ticket: Ticket) -> int:
    """Be a worker that leaves with 7 once it is let through, and with 8 if it is not."""
    return 7 if ticket.wait() else 8


def hang(_ticket: Ticket) -> int:
    """Be a worker whose start never ends."""
    signal.pause()
    return 9


def told(body: Callable[[Story], object]) -> Callable[[], None]:
    """Run a test's body in a child process, whose children are all its own."""

    def test() -> None:
        in_child(lambda: body(Story()) and None)

    test.__name__, test.__doc__ = body.__name__, body.__doc__
    return test


@told
def test_an_empty_slot_is_due_at_once(story: Story):
    """It asks, and then waits for the master and not for the clock."""
    assert (story.slot.due_in, story.slot.is_occupied) == (0, False)
    story.slot.ask()
    assert story.slot.state is SlotState.ASKING
    assert story.slot.due_in is None


@told
def test_a_worker_passes_the_gate_when_it_is_ready_and_watched(story: Story):
    """First ready, then watched: it waits for the second."""
    story.start(pass_gate)
    assert story.slot.state is SlotState.STARTING
    assert story.slot.is_occupied

    assert not story.reach_gate()
    assert story.slot.state is SlotState.STARTING
    assert story.slot.watched()

    assert story.slot.state is SlotState.WORKING
    assert story.reap().process_status.code == 7


@told
def test_or_the_other_way_round(story: Story):
    """First watched, then ready."""
    story.start(pass_gate)

    assert not story.slot.watched()
    assert story.reach_gate()

    assert story.slot.state is SlotState.WORKING
    assert story.reap().process_status.code == 7


@told
def test_an_end_is_not_noticed_before_the_master_watches(story: Story):
    """Or its pid might be another process by the time the master looks for it."""
    story.start(lambda _ticket: 5)
    os.waitid(os.P_PID, story.slot.pid, os.WEXITED | os.WNOWAIT)

    assert story.slot.reap() is None
    assert story.slot.is_occupied
    assert not story.slot.watched()

    assert story.reap().process_status == ExitStatus(story.slot.pid, 5, None)


@told
def test_an_untold_end_waits_for_its_backoff(story: Story):
    """Exit status 0 included: 1 s, then 2 s; a life of more than 16 s sets it back."""
    pauses = []
    for life in (1, 1, 17, 1):
        story.start(lambda _ticket: 0)
        story.slot.watched()
        story.clock.turn(life)
        summary = story.reap()
        assert (summary.queues, summary.alive_time_sec) == (("a", "b"), life)
        assert story.slot.state is SlotState.IDLE
        pauses.append(story.slot.due_in)
        story.clock.turn(20)
        assert story.slot.due_in == 0

    assert pauses == [1, 2, 0, 1]


@told
def test_a_worker_that_was_told_to_leave_closes_its_slot(story: Story):
    """Its end is expected, and nobody is started in its place."""
    story.start(hang)
    story.slot.watched()
    story.slot.send(Signals.SIGTERM)
    assert story.slot.state is SlotState.STOPPING

    assert story.reap().process_status.signal == Signals.SIGTERM
    assert story.slot.state is SlotState.CLOSED
    assert story.slot.due_in is None


@told
def test_quit_before_the_gate_is_term(story: Story):
    """There is no job to finish, and no handler that knows what QUIT means."""

    def start_without_quit(_ticket: Ticket) -> int:
        signal.signal(signal.SIGQUIT, signal.SIG_IGN)
        signal.pause()
        return 9

    story.start(start_without_quit)
    story.slot.watched()
    story.slot.send(Signals.SIGQUIT)

    assert story.reap().process_status.signal == Signals.SIGTERM


@told
def test_quit_after_the_gate_is_quit(story: Story):
    """The worker understands it and leaves when its job is done."""

    def work(ticket: Ticket) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGQUIT})
        ticket.wait()
        signal.sigwait({signal.SIGQUIT})
        return 6

    story.start(work)
    story.slot.watched()
    story.reach_gate()
    story.slot.send(Signals.SIGQUIT)

    assert story.reap().process_status.code == 6
    assert story.slot.state is SlotState.CLOSED


@told
def test_a_worker_that_was_told_to_leave_is_not_let_through(story: Story):
    """Its readiness comes too late."""

    def stay(ticket: Ticket) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        return pass_gate(ticket)

    story.start(stay)
    story.slot.watched()
    wait_until(lambda: story.slot.gate is not None and story.slot.gate.is_reached(), "the gate")
    story.slot.send(Signals.SIGTERM)

    assert not story.slot.reached_gate()
    gate = story.slot.take_gate()
    assert gate is not None
    assert story.slot.take_gate() is None
    gate.close()

    assert story.reap().process_status.code == 8


@told
def test_a_slot_that_is_stopped_while_it_is_empty(story: Story):
    """Nothing runs there, and nothing will: a late grant is not used."""
    story.slot.ask()
    story.slot.send(Signals.SIGQUIT)

    assert story.slot.state is SlotState.CLOSED
    assert story.slot.due_in is None
    with pytest.raises(RuntimeError, match="slot 3 is closed, not asking"):
        story.start(hang)


@told
def test_moves_that_do_not_exist(story: Story):
    """The machine refuses them by name."""
    with pytest.raises(RuntimeError, match="slot 3 is idle, not asking"):
        story.slot.start(lambda: 0, Gate.pair()[0])
    story.slot.ask()
    with pytest.raises(RuntimeError, match="slot 3 is asking, not idle"):
        story.slot.ask()


@told
def test_a_fork_that_fails_backs_off(story: Story):
    """The slot waits like after an early end, and asks again."""
    import resource  # noqa: PLC0415 - in the child only

    if os.getuid() == 0:  # the limit does not bind root
        os.setgid(65534)
        os.setuid(65534)
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, hard))
    for pause in (1, 2):
        with pytest.raises(BlockingIOError):
            story.start(hang)
        assert story.slot.state is SlotState.IDLE
        assert story.slot.due_in == pause
        story.clock.turn(pause)
    resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))
    story.start(lambda _ticket: 4)
    story.slot.watched()
    assert story.reap().process_status.code == 4
