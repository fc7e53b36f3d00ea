"""A slot's machine with real forks of small functions; the clock is turned by hand."""

import os
import pathlib
import select
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from signal import Signals

import pytest

from resqued.config.model import WorkerLimits, WorkerSpec
from resqued.listener.process import ANNOUNCEMENT, Process
from resqued.listener.slots import SlotState, WorkerSlot
from resqued.process import signals
from resqued.process.reaper import ExitStatus
from resqued.worker.gate import Gate, Ticket
from resqued.worker.summary import WorkerSummary
from tests.support.clock import HandTurnedClock
from tests.support.forks import in_child, no_room
from tests.support.waiting import wait_until

SPEC = WorkerSpec(queues=("a", "b"), interval=5.0, pool=None)


class Story:
    """A slot and all that stands around it, in a child process of the test's own."""

    def __init__(self) -> None:
        self.clock = HandTurnedClock()
        self.slot = WorkerSlot(3, SPEC, self.clock)

    @property
    def process(self) -> Process:
        """What was forked."""
        assert self.slot.process is not None
        return self.slot.process

    def fork(self, work: Callable[[Ticket], int]) -> None:
        """Fork a process that runs ``work`` behind the gate; a canary, for now."""
        gate, ticket = Gate.pair(self.clock)

        def body() -> int:
            signals.lead_group()
            gate.close()
            return work(ticket)

        self.slot.fork(body, gate)
        ticket.close()

    def start(self, work: Callable[[Ticket], int]) -> None:
        """Ask, be granted, and fork a worker that runs ``work`` behind the gate."""
        if self.slot.state is SlotState.IDLE:
            self.slot.ask()
        self.fork(work)
        self.slot.start()

    def watched(self) -> bool:
        """Tell the slot that the master watches its worker; whether that lets it through."""
        self.process.is_watched = True
        return self.slot.open_if_due()

    def hear(self, word: str) -> None:
        """Wait until the worker has said what makes ``word`` of its process true."""

        def heard() -> bool:
            self.process.listen()
            return bool(getattr(self.process, word))

        wait_until(heard, word)

    def reach_gate(self) -> bool:
        """Wait until the worker has said that it is built; whether that lets it through."""
        self.hear("is_ready")
        return self.slot.open_if_due()

    def reap(self, *, closing: bool = False) -> WorkerSummary:
        """Wait for the worker's end."""
        return wait_until(lambda: self.slot.reap(closing=closing), "the worker's end")


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
    assert story.watched()

    assert story.slot.state is SlotState.WORKING
    assert story.reap().process_status.code == 7


@told
def test_or_the_other_way_round(story: Story):
    """First watched, then ready."""
    story.start(pass_gate)

    assert not story.watched()
    assert story.reach_gate()

    assert story.slot.state is SlotState.WORKING
    assert story.reap().process_status.code == 7


@told
def test_an_end_is_not_noticed_before_the_master_watches(story: Story):
    """Or its pid might be another process by the time the master looks for it."""
    story.start(lambda _ticket: 5)
    os.waitid(os.P_PID, story.slot.pid, os.WEXITED | os.WNOWAIT)

    pid = story.slot.pid

    assert story.slot.reap(closing=False) is None
    assert story.slot.is_occupied
    assert not story.watched()

    assert story.reap().process_status == ExitStatus(pid, 5, None)
    assert story.slot.pid == 0


@told
def test_an_untold_end_waits_for_its_backoff(story: Story):
    """Exit status 0 included: 1 s, then 2 s; a life of more than 16 s sets it back."""
    pauses = []
    for life in (1, 1, 17, 1):
        story.start(lambda _ticket: 0)
        story.watched()
        story.clock.turn(life)
        summary = story.reap()
        assert (summary.queues, summary.alive_time_sec) == (("a", "b"), life)
        assert story.slot.state is SlotState.IDLE
        pauses.append(story.slot.due_in)
        story.clock.turn(20)
        assert story.slot.due_in == 0

    assert pauses == [1, 2, 0, 1]


@told
def test_a_recycled_worker_is_followed_at_once(story: Story):
    """Its end was announced; but only the one that it meant, and the next has to say so itself."""
    pauses = []
    for words, code in [(["recycled", "3 jobs"], 0), (["recycled", "3 jobs"], 1), (["working"], 0)]:

        def leave(ticket: Ticket, words: list[str] = words, code: int = code) -> int:
            ticket.say(*words)
            return code

        story.start(leave)
        story.watched()
        story.reap()
        pauses.append(story.slot.due_in)
        story.clock.turn(20)

    assert pauses == [0, 1, 2]


def has_a_job(*first: str) -> Callable[[Ticket], int]:
    """Return the body of a worker that has a job for good, and does not leave at TERM."""

    def body(ticket: Ticket) -> int:
        signals.ignore(Signals.SIGTERM)
        for word in first:
            ticket.say(word)
        ticket.wait()
        ticket.board.job_started("Stuck")
        while True:
            signal.pause()

    return body


@told
def test_a_job_that_takes_too_long_in_the_worker_s_own_process(story: Story):
    """The worker gets TERM at the limit, and KILL after the time to stop; the next one comes."""
    story.slot.spec = replace(SPEC, limits=WorkerLimits(timeout=30))
    story.start(has_a_job())
    story.watched()
    assert story.reach_gate()
    assert story.slot.overdue_in == 30  # of a job that may have begun just now
    story.hear("job")
    story.clock.turn(29)
    assert story.slot.overdue_in == 1
    story.slot.end_if_overdue(10)
    assert story.slot.state is SlotState.WORKING

    story.clock.turn(1)
    story.slot.end_if_overdue(10)
    assert story.slot.state is SlotState.WORKING
    assert 0 < story.slot.overdue_in < 1
    story.clock.turn(1)
    story.slot.end_if_overdue(10)
    assert (story.slot.state, story.slot.overdue_in) == (SlotState.STOPPING, 10)
    story.clock.turn(10)
    story.slot.end_if_overdue(10)

    assert story.reap().process_status.signal == Signals.SIGKILL
    assert story.slot.due_in == 0


@told
def test_the_limit_holds_for_a_worker_that_was_told_to_leave(story: Story):
    """Or one stuck job would hold up a reload for ever."""
    story.slot.spec = replace(SPEC, limits=WorkerLimits(timeout=30))
    story.start(has_a_job())
    story.watched()
    story.reach_gate()
    story.hear("job")
    story.slot.close(Signals.SIGTERM)
    assert story.slot.overdue_in == 30
    for _ in range(3):
        story.clock.turn(30)
        story.slot.end_if_overdue(10)

    assert story.reap(closing=True).process_status.signal == Signals.SIGKILL


@told
def test_a_job_that_ends_just_in_time(story: Story):
    """The next one in its place has all its time."""

    def body(ticket: Ticket) -> int:
        ticket.wait()
        ticket.board.job_started("Slow")
        signal.sigwait({Signals.SIGUSR1})
        ticket.board.job_finished()
        ticket.board.job_started("Next")
        return hang(ticket)

    signal.pthread_sigmask(signal.SIG_BLOCK, {Signals.SIGUSR1})
    story.slot.spec = replace(SPEC, limits=WorkerLimits(timeout=30))
    story.start(body)
    story.watched()
    story.reach_gate()
    story.hear("job")
    story.clock.turn(30)
    story.slot.end_if_overdue(10)
    story.slot.pass_on(Signals.SIGUSR1)
    wait_until(lambda: story.process.job.name == "Next", "the next job")
    assert story.slot.overdue_in == 30
    story.clock.turn(29)
    story.slot.end_if_overdue(10)
    assert story.slot.state is SlotState.WORKING
    story.slot.send(Signals.SIGKILL)
    story.reap()


@told
def test_a_job_whose_outcome_cannot_be_told_yet(story: Story):
    """Its server may be away for longer than any limit: it has ended in time, and stays in hand."""

    def body(ticket: Ticket) -> int:
        ticket.wait()
        ticket.board.job_started("Ended")
        ticket.board.job_ended("failed")
        return hang(ticket)

    story.slot.spec = replace(SPEC, limits=WorkerLimits(timeout=30))
    story.start(body)
    story.watched()
    story.reach_gate()
    wait_until(lambda: story.process.gate.board.begun and story.process.unended_job is None, "it")
    for _ in range(3):
        story.clock.turn(100)
        assert story.slot.overdue_in == 30
        story.slot.end_if_overdue(10)
    assert story.slot.state is SlotState.WORKING
    assert story.process.job.name == "Ended"
    story.slot.send(Signals.SIGKILL)
    story.reap()


@told
def test_a_worker_that_sees_to_its_limit_is_let_be(story: Story):
    """And so is one without a limit."""
    for first, limit in [(("enforces",), 30.0), ((), None)]:
        story.slot.spec = replace(SPEC, limits=WorkerLimits(timeout=limit))
        story.start(has_a_job(*first))
        story.watched()
        story.reach_gate()
        story.hear("job")
        story.clock.turn(1_000)
        assert story.slot.overdue_in is None
        story.slot.end_if_overdue(10)
        assert story.slot.state is SlotState.WORKING
        story.slot.send(Signals.SIGKILL)
        story.reap()


@told
def test_the_slot_of_a_worker_that_was_told_to_leave_asks_again(story: Story):
    """At once: its end was asked for, and says nothing of the next one."""
    story.start(hang)
    story.watched()
    story.slot.send(Signals.SIGTERM)
    assert story.slot.state is SlotState.STOPPING

    assert story.reap().process_status.signal == Signals.SIGTERM
    assert story.slot.state is SlotState.IDLE
    assert story.slot.due_in == 0


@told
def test_no_worker_follows_where_all_are_to_leave(story: Story):
    """Whether it was told itself, or ends by itself in time."""
    story.start(hang)
    story.watched()
    story.slot.close(Signals.SIGTERM)

    assert story.reap(closing=True).process_status.signal == Signals.SIGTERM
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
    story.watched()
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
    story.watched()
    story.reach_gate()
    story.slot.send(Signals.SIGQUIT)

    assert story.reap().process_status.code == 6
    assert story.slot.state is SlotState.IDLE


@told
def test_a_worker_that_was_told_to_leave_is_not_let_through(story: Story):
    """Its readiness comes too late."""

    def stay(ticket: Ticket) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        return pass_gate(ticket)

    story.start(stay)
    story.hear("is_ready")
    story.slot.send(Signals.SIGTERM)

    assert not story.watched()
    assert story.slot.state is SlotState.STOPPING
    story.process.gate.close()
    pid = story.slot.pid

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 8


@told
def test_a_slot_that_is_stopped_while_it_is_empty(story: Story):
    """Nothing runs there, and nothing will: a late grant finds it closed."""
    story.slot.ask()
    story.slot.close(Signals.SIGQUIT)

    assert story.slot.state is SlotState.CLOSED
    assert story.slot.due_in is None
    with pytest.raises(RuntimeError, match="slot 3 is closed, not asking"):
        story.slot.start()


@told
def test_retiring_nobody_asks_nothing(story: Story):
    """The worker may have ended by itself while the order was on its way."""
    story.slot.send(Signals.SIGQUIT)
    assert story.slot.state is SlotState.IDLE
    story.slot.ask()
    story.slot.send(Signals.SIGQUIT)
    assert story.slot.state is SlotState.ASKING


@told
def test_moves_that_do_not_exist(story: Story):
    """The machine refuses them by name."""
    with pytest.raises(RuntimeError, match="slot 3 is idle, not asking"):
        story.slot.start()
    story.slot.ask()
    with pytest.raises(RuntimeError, match="slot 3 is asking, not idle"):
        story.slot.ask()


# --- when a worker counts as working


def announce(ticket: Ticket) -> int:
    """Pass the gate as a worker that says when it works, and say so when told to."""
    if not ticket.wait(announces=True):
        return 9
    with pathlib.Path("may announce").open() as pipe:  # ends when the test lets it go on
        pipe.read()
    ticket.say("working")
    with pathlib.Path("may leave").open() as pipe:
        pipe.read()
    return 7


@told
def test_a_worker_that_says_nothing_works_from_its_gate_on(story: Story):
    """It is told once."""
    story.start(pass_gate)
    assert not story.slot.announce_if_due()
    story.reach_gate()
    assert not story.slot.announce_if_due()
    story.watched()
    assert story.slot.announced_in == 0
    assert story.slot.announce_if_due()
    assert not story.slot.announce_if_due()
    story.reap()


@told
def test_a_worker_that_announces_itself(story: Story):
    """It works when it says so, or when its time to do so is over."""
    with fifos("may announce", "may leave"):
        story.start(announce)
        story.reach_gate()
        story.watched()
        assert story.slot.announced_in == ANNOUNCEMENT
        assert not story.slot.announce_if_due()
        story.clock.turn(ANNOUNCEMENT / 2)
        assert story.slot.announced_in == ANNOUNCEMENT / 2
        os.close(os.open("may announce", os.O_WRONLY))
        story.hear("has_begun")
        assert story.slot.announce_if_due()
        assert story.slot.announced_in is None
        os.close(os.open("may leave", os.O_WRONLY))
        story.reap()


@told
def test_a_worker_that_cannot_announce_itself_counts_all_the_same(story: Story):
    """The server that it registers with may be away, and a reload goes on."""
    with fifos("may announce", "may leave"):
        story.start(announce)
        story.reach_gate()
        story.watched()
        story.clock.turn(ANNOUNCEMENT)
        assert story.slot.announce_if_due()
        for name in ("may announce", "may leave"):
            os.close(os.open(name, os.O_WRONLY))
        story.reap()


@contextmanager
def fifos(*names: str) -> Iterator[None]:
    """Have pipes in a folder of their own, which the worker waits at; works in a child only."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in names:
            os.mkfifo(name)
        yield
        os.chdir("/")


# --- canaries


@told
def test_a_canary_holds_no_place(story: Story):
    """The slot asks as if it were empty, and a canary that is built still waits."""
    story.fork(pass_gate)

    assert (story.slot.is_occupied, story.slot.due_in) == (False, 0)
    assert not story.reach_gate()
    story.slot.ask()
    assert not story.slot.open_if_due()
    story.slot.start()
    assert story.slot.is_occupied
    assert not story.slot.open_if_due()
    assert story.watched()
    assert story.reap().process_status.code == 7


@told
def test_the_end_of_a_canary_is_nobodys_worker(story: Story):
    """There is no summary for after_exit, and the next one waits for the backoff."""
    story.fork(lambda ticket: ticket.say("failed", "no server") or 1)
    os.waitid(os.P_PID, story.slot.pid, os.WEXITED | os.WNOWAIT)
    process = story.process

    assert story.slot.reap(closing=False) is None
    assert story.slot.process is None
    assert process.failure == "no server"
    assert (story.slot.state, story.slot.due_in) == (SlotState.IDLE, 1)


@told
def test_a_canary_has_nothing_to_finish(story: Story):
    """Closing its slot kills it, whatever the application does there."""

    def refuse(_ticket: Ticket) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGQUIT})
        signal.pause()
        return 9

    story.fork(refuse)
    story.slot.close(Signals.SIGQUIT)

    assert story.slot.state is SlotState.CLOSED
    wait_until(lambda: story.slot.reap(closing=True) or not story.slot.process, "its end")
    assert story.slot.state is SlotState.CLOSED


# --- what a worker says, and leaves


@told
def test_what_a_worker_says_of_its_jobs(story: Story):
    """The name of the job in hand, until it is done; anything else is its own affair."""

    def talk(ticket: Ticket) -> int:
        ticket.wait()
        for what, text in [("mood", "good"), ("job", "B"), ("ready", "twice")]:
            ticket.say(what, text)
        ticket.board.job_started("A")
        signal.sigwait({signal.SIGQUIT})
        ticket.board.job_finished()
        signal.pause()
        return 9

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGQUIT})
    story.start(talk)
    story.watched()
    story.reach_gate()
    story.hear("job")
    assert story.process.job.name == "A"

    story.slot.pass_on(Signals.SIGQUIT)
    wait_until(lambda: story.process.job is None, "the job's end")
    os.kill(story.slot.pid, Signals.SIGKILL)
    story.reap()


@told
def test_only_a_worker_at_work_gets_what_asks_nobody_to_leave(story: Story):
    """CONT to one that builds itself would mean nothing, and might end it."""
    story.start(hang)
    story.slot.pass_on(Signals.SIGTERM)
    os.kill(story.slot.pid, Signals.SIGKILL)
    story.watched()

    assert story.reap().process_status.signal == Signals.SIGKILL


@told
def test_what_a_killed_worker_has_left_is_killed(story: Story):
    """Its job's process, say, which would run unseen; but not after an orderly end."""

    def leave_a_child(ticket: Ticket) -> int:
        if os.fork() == 0:
            ticket.board.job_started(str(os.getpid()))
            signal.pause()
        ticket.wait()
        return status

    left = []
    for status in (-Signals.SIGKILL, 5, 0):
        story.start(leave_a_child)
        story.hear("job")
        left.append(os.pidfd_open(int(story.process.job.name)))
        if status < 0:
            os.kill(story.slot.pid, Signals.SIGKILL)
            story.watched()
        else:
            story.watched()
            story.reach_gate()
        story.reap()

    assert select.select([left[0]], [], [], 10)[0]
    assert select.select([left[1]], [], [], 10)[0]
    assert not select.select([left[2]], [], [], 0.05)[0]  # it stays
    signal.pidfd_send_signal(left[2], Signals.SIGKILL)


@told
def test_a_fork_that_fails_backs_off(story: Story):
    """The slot waits like after an early end, and asks again."""
    with no_room():
        for pause in (1, 2):
            with pytest.raises(BlockingIOError):
                story.start(hang)
            story.slot.not_forked()
            assert story.slot.state is SlotState.IDLE
            assert story.slot.due_in == pause
            story.clock.turn(pause)
    story.start(lambda _ticket: 4)
    story.watched()
    assert story.reap().process_status.code == 4


@told
def test_a_slot_that_is_let_go_starts_nobody(story: Story):
    """Empty, it is closed at once; wanted again, it asks."""
    story.slot.ask()
    story.slot.let_go()
    assert (story.slot.state, story.slot.due_in) == (SlotState.CLOSED, None)

    story.slot.want()

    assert (story.slot.state, story.slot.due_in) == (SlotState.IDLE, 0)


@told
def test_a_worker_whose_slot_is_let_go_stays_until_it_is_told(story: Story):
    """And nobody follows it, however it ends."""
    story.start(pass_gate)
    story.slot.let_go()
    assert not story.reach_gate()
    assert story.watched()
    assert story.slot.state is SlotState.WORKING

    assert story.reap().process_status.code == 7

    assert (story.slot.state, story.slot.due_in) == (SlotState.CLOSED, None)


@told
def test_a_slot_that_is_wanted_again_before_its_worker_has_left(story: Story):
    """It asks for another one as soon as it is free."""
    story.start(hang)
    story.watched()
    story.slot.let_go()
    story.slot.send(Signals.SIGQUIT)
    story.slot.want()
    assert story.slot.state is SlotState.STOPPING

    story.reap()

    assert (story.slot.state, story.slot.due_in) == (SlotState.IDLE, 0)


@told
def test_a_canary_whose_slot_is_let_go(story: Story):
    """It is killed; a slot that is wanted again meanwhile asks when it has gone, at once."""
    story.fork(hang)
    story.slot.let_go()
    story.slot.want()
    assert story.slot.state is SlotState.CLOSED

    def is_gone() -> bool:
        assert story.slot.reap(closing=False) is None
        return story.slot.process is None

    wait_until(is_gone, "the canary's end")
    assert (story.slot.state, story.slot.due_in) == (SlotState.IDLE, 0)
    assert story.slot.restarts == 0


@told
def test_a_canary_whose_slot_stays_let_go(story: Story):
    """Its end leaves a closed slot."""
    story.fork(hang)
    story.slot.let_go()

    wait_until(lambda: story.slot.reap(closing=False) or not story.slot.process, "its end")

    assert story.slot.state is SlotState.CLOSED
