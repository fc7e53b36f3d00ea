"""The listener's side of asking, starting and burying, with the test in the master's place."""

import os
from collections.abc import Callable
from signal import Signals

from resqued.config.model import Config, Hooks, PoolSpec, QueueSpec, WorkerSpec
from resqued.config.pools import expand
from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.ipc.messages import Message
from resqued.listener.recovery import Recoveries
from resqued.listener.workers import Workers
from resqued.process.baton import Baton
from resqued.process.waiter import Waiter
from resqued.worker.death import WorkerDeath
from resqued.worker.gate import Ticket
from resqued.worker.summary import WorkerSummary
from tests.support.clock import HandTurnedClock
from tests.support.forks import in_child
from tests.support.waiting import wait_until


class Story:
    """A listener's workers without a listener, in a child process of the test's own."""

    def __init__(self, *queues: str, pool: PoolSpec | None = None) -> None:
        self.ended: list[WorkerSummary] = []
        ours, theirs = Channel.pair()
        self.master = Channel(theirs)
        self.waiter = Waiter()
        specs = [
            WorkerSpec(queues=(queue,), interval=5.0, pool=None, max_deaths=7) for queue in queues
        ]
        hooks = Hooks(after_exit=(self.ended.append,))
        pools = () if pool is None else (pool,)
        specs += [spec for each in pools for spec in expand(each, list.reverse)]
        config = Config(paths=("x.py",), workers=tuple(specs), hooks=hooks, pools=pools)
        self.recovered = os.pipe()
        clock = HandTurnedClock()
        recoveries = Recoveries(self._recover, clock)
        self.workers = Workers(config, ours, self.waiter, clock, self._work, recoveries)

    def _recover(self, death: WorkerDeath, seconds: float) -> int:
        """Tell the test."""
        os.write(self.recovered[1], repr((death, seconds)).encode())
        return 0

    @staticmethod
    def _work(_spec: WorkerSpec, ticket: Ticket, _baton: Baton | None, *, is_canary: bool) -> int:
        """Be a worker that leaves with 7 once it is let through, and with 8 if it is not."""
        if not ticket.wait():
            return 8
        ticket.say("known", "me")
        return 7

    def heard(self) -> list[Message]:
        """Return what the master has been told since the last call."""
        return self.master.receive()

    def start(self, slot: int) -> int:
        """Ask, be granted, and return the pid of the worker that was started."""
        self.workers.ask()
        self.heard()
        self.workers.granted(slot)
        (started,) = self.heard()
        assert isinstance(started, messages.Started)
        assert started.slot == slot
        return started.pid

    def reap_one(self) -> WorkerSummary:
        """Wait until one more worker has been buried."""
        count = len(self.ended)

        def is_buried() -> bool:
            self.workers.listen(self.waiter.wait(0))
            self.workers.child_ended()
            self.workers.reap()
            return len(self.ended) > count

        wait_until(is_buried, "the worker's end")
        return self.ended[-1]


def told(
    *queues: str, pool: PoolSpec | None = None
) -> Callable[[Callable[[Story], object]], Callable[[], None]]:
    """Run a test's body in a child process, whose children are all its own."""

    def decorate(body: Callable[[Story], object]) -> Callable[[], None]:
        def test() -> None:
            in_child(lambda: body(Story(*queues, pool=pool)) and None)

        test.__name__, test.__doc__ = body.__name__, body.__doc__
        return test

    return decorate


@told("a")
def test_a_worker_that_did_not_leave_well_is_seen_to(story: Story):
    """Once, in a process of its own; meanwhile there is something to wait for."""
    pid = story.start(0)
    story.workers.watched(pid)
    assert story.reap_one().process_status.code == 7
    assert story.workers.is_busy
    wait_until(lambda: story.workers.reap() or not story.workers.is_busy, "the recovery's end")
    said = os.read(story.recovered[0], 1000).decode()
    assert said == repr((WorkerDeath(pid, "me", ("a",), "fail", 7), 30.0))


@told("a")
def test_a_worker_that_was_never_let_through_had_no_job(story: Story):
    """However it ended."""
    pid = story.start(0)
    story.workers.stop(Signals.SIGQUIT)
    story.workers.watched(pid)
    assert story.reap_one().process_status.signal == Signals.SIGTERM
    assert not story.workers.is_busy


@told("a", "b")
def test_every_empty_slot_asks_once(story: Story):
    """In order, and not again while the master has not answered."""
    story.workers.ask()
    story.workers.ask()

    assert story.heard() == [messages.Ask(0), messages.Ask(1)]
    assert (story.workers.configured, story.workers.alive) == (2, 0)
    assert story.workers.next_step_in is None


@told("a")
def test_a_worker_from_its_grant_to_its_end(story: Story):
    """The master hears of its start and of its readiness, and may then be asked again."""
    pid = story.start(0)
    assert story.workers.alive == 1

    story.workers.watched(pid)

    def listen() -> list[messages.Message]:
        story.workers.listen(story.waiter.wait(0))
        story.workers.announce()
        return story.heard()

    said = wait_until(listen, "its readiness")
    assert said == [messages.WorkerReady(0, pid)]

    summary = story.reap_one()
    assert summary.process_status.code == 7
    assert story.workers.alive == 0
    assert story.workers.next_step_in == 1


@told("a", "b")
def test_a_grant_that_comes_too_late_is_given_back(story: Story):
    """Also one that was never asked for, so that the master does not count it for ever."""
    story.workers.granted(1)
    assert story.heard() == [messages.NotStarted(1)]
    story.workers.ask()
    story.heard()
    story.workers.stop(Signals.SIGQUIT)

    story.workers.granted(0)

    assert story.heard() == [messages.NotStarted(0)]
    assert story.workers.alive == 0
    story.workers.ask()
    assert story.heard() == []


@told("a")
def test_a_fork_that_fails_is_reported(story: Story):
    """The grant is given back, and the slot asks again after its pause."""
    import resource  # noqa: PLC0415 - in the child only

    if os.getuid() == 0:  # the limit does not bind root
        os.setgid(65534)
        os.setuid(65534)
    story.workers.ask()
    story.heard()
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))

    story.workers.granted(0)

    assert story.heard() == [messages.NotStarted(0)]
    assert story.workers.next_step_in == 1


@told("a", "b")
def test_without_a_master_workers_are_buried_all_the_same(story: Story):
    """One that the master had no time to watch would otherwise hold up the listener's end."""
    pids = {story.start(0)}
    story.workers.ask()
    story.workers.granted(1)
    pids |= {m.pid for m in story.heard() if isinstance(m, messages.Started)}
    story.workers.stop(Signals.SIGQUIT)
    for pid in pids:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    story.workers.reap()
    assert story.workers.alive == 2

    story.workers.master_is_gone()
    story.workers.reap()

    assert story.workers.alive == 0
    assert {summary.process_status.pid for summary in story.ended} == pids


@told("a")
def test_news_of_a_pid_that_nobody_has(story: Story):
    """It may have been buried already."""
    story.workers.watched(1)

    assert story.heard() == []


#: Two workers of which one has b as well; of four, two have.
HALF = PoolSpec(
    name="p",
    size=2,
    interval=5.0,
    queues=(QueueSpec(name="a"), QueueSpec(name="b", percent=50)),
)
A, AB, X = ("a",), ("a", "b"), ("x",)


@told("x", pool=HALF)
def test_a_pool_that_is_scaled(story: Story):
    """What fits stays where it is, what is missing is appended, what is too much leaves a hole."""
    story.workers.scale("p", 4)
    assert story.heard() == [messages.Scaled("p", 4, (X, AB, A, AB, A), (1, 2, 3, 4))]
    assert story.workers.configured == 5

    story.workers.scale("p", 1)
    assert story.heard() == [messages.Scaled("p", 1, (X, AB, None, None, None), (1, 2, 3, 4))]
    assert [sight.slot for sight in story.workers.look()] == [0, 1]

    story.workers.scale("p", 0)
    story.workers.scale("p", 2)
    *_, last = story.heard()
    assert last == messages.Scaled("p", 2, (X, AB, A, None, None), (1, 2, 3, 4))
    story.workers.ask()
    assert story.heard() == [messages.Ask(0), messages.Ask(1), messages.Ask(2)]


@told(pool=HALF)
def test_who_works_keeps_its_place(story: Story):
    """Of slots with the same queues that of a worker is kept, though it is the last."""
    story.workers.scale("p", 4)
    story.start(2)

    story.workers.scale("p", 1)

    assert story.heard() == [messages.Scaled("p", 1, (None, None, AB, None), (0, 1, 2, 3))]


@told(pool=HALF)
def test_a_grant_for_what_has_become_a_hole(story: Story):
    """It was under way, and is given back; wanted again, the slot asks again."""
    story.workers.ask()
    story.workers.scale("p", 1)
    story.heard()
    story.workers.granted(1)
    assert story.heard() == [messages.NotStarted(1)]

    story.workers.scale("p", 2)
    story.workers.granted(1)
    story.workers.ask()

    scaled, *others = story.heard()
    assert scaled == messages.Scaled("p", 2, (AB, A), (0, 1))
    assert others == [messages.NotStarted(1), messages.Ask(1)]


@told(pool=HALF)
def test_who_is_one_too_many_leaves_when_the_master_says_so(story: Story):
    """It is seen until then, its place is closed afterwards, and nobody asks for it."""
    story.workers.ask()
    for slot in (0, 1):
        story.workers.granted(slot)
    story.workers.scale("p", 0)
    assert (story.workers.alive, story.workers.configured) == (2, 0)
    assert [sight.slot for sight in story.workers.look()] == [0, 1]
    for started in story.heard():
        if isinstance(started, messages.Started):
            story.workers.watched(started.pid)

    for slot in (0, 1):
        story.workers.retire(slot)
    while len(story.ended) < 2:
        story.reap_one()

    story.workers.ask()
    assert not any(isinstance(message, messages.Ask) for message in story.heard())
    assert (story.workers.look(), story.workers.next_step_in) == ((), None)


@told("x", pool=HALF)
def test_what_cannot_be_scaled(story: Story):
    """A pool that nobody knows, and one of a listener that leaves."""
    story.workers.scale("q", 3)
    story.workers.stop(Signals.SIGQUIT)
    story.workers.scale("p", 3)
    story.workers.ask()

    assert story.heard() == []


@told(pool=PoolSpec(name="p", size=1, interval=5.0, shuffle_queues=True, queues=HALF.queues))
def test_the_order_of_queues_makes_no_other_slot(story: Story):
    """In whatever order they are shuffled, it is the same work."""
    for _ in range(20):
        story.workers.scale("p", 1)

    assert set(story.heard()) == {messages.Scaled("p", 1, (("b", "a"),), (0,))}
