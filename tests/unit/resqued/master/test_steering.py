from collections.abc import Iterator
from signal import Signals
from types import SimpleNamespace

import pytest

from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.master.cap import Live, Phase
from resqued.master.generation import Generation, Worker
from resqued.master.generations import Generations
from resqued.master.steering import PING_EVERY, SILENT_AFTER, Steering
from tests.support.clock import HandTurnedClock


def nothing() -> None:
    """Stand in for what this story is not about."""


class ToldWorker:
    """Stands in for the watch over a worker; it notes what the worker is told."""

    def __init__(self) -> None:
        self.signals: list[Signals] = []

    def send(self, number: Signals) -> None:
        """Note a signal."""
        self.signals.append(number)


class Story:
    """A generation with one worker, whose listener says only what the story has it say."""

    def __init__(self) -> None:
        self.clock = HandTurnedClock()
        self.generations = Generations()
        ours, theirs = Channel.pair()
        self.listener = Channel(theirs)
        self.generation: Generation = self.generations.add(1, ours, self.clock.now())
        self.worker = ToldWorker()
        listeners = SimpleNamespace(
            generations=self.generations, start_if_due=nothing, fail_overdue=nothing
        )
        pool = SimpleNamespace(grant=nothing, retire=nothing, next_look_in=None)
        self.steering = Steering(listeners, pool, self.clock)

    def prove(self) -> None:
        """Have it be the owner, with its worker at work."""
        self.generation.heard_at = self.clock.now()
        self.generations.proved(self.generation)
        worker = Worker(Live(1, 0, frozenset(), Phase.READY))
        worker.watch = self.worker  # type: ignore[assignment]
        self.generation.workers[0] = worker

    def pass_silent_time(self, seconds: float = SILENT_AFTER + PING_EVERY) -> None:
        """Let a time pass in which the master looks and the listener says nothing."""
        for _ in range(int(seconds)):
            self.clock.turn(1)
            self.steering.look_after_listeners()


@pytest.fixture
def story() -> Iterator[Story]:
    """Return a generation that loads."""
    found = Story()
    yield found
    found.listener.close()
    found.generation.channel.close()


@pytest.mark.parametrize("told_by", [Signals.SIGQUIT, Signals.SIGTERM])
def test_a_listener_that_hangs_just_before_it_was_told_to_leave(story: Story, told_by: Signals):
    """It is asked on; the master tells its workers the same, once, when it is silent for long."""
    story.prove()
    story.generation.leave(story.clock.now(), told_by)

    story.pass_silent_time(SILENT_AFTER - 1)
    assert messages.Ping() in story.listener.receive()
    assert story.worker.signals == []

    story.pass_silent_time()
    assert story.generation.is_silent
    assert story.worker.signals == [told_by]


def test_a_listener_that_leaves_and_answers(story: Story):
    """However long its workers' jobs take, they are told by it alone."""
    story.prove()
    story.generation.leave(story.clock.now())

    for _ in range(100):
        story.pass_silent_time(SILENT_AFTER - 1)
        story.generation.heard_at = story.clock.now()

    assert not story.generation.is_silent
    assert story.worker.signals == []


def test_the_workers_of_a_silent_owner_go_on(story: Story):
    """Nobody has told them to leave."""
    story.prove()

    story.pass_silent_time()

    assert story.generation.is_silent
    assert story.worker.signals == []


def test_a_listener_that_is_given_up_after_a_long_load(story: Story):
    """While it loads it is not asked, and so it is not silent."""
    assert story.steering.next_look_in is None
    story.clock.turn(10 * SILENT_AFTER)
    story.steering.look_after_listeners()
    story.generation.leave(story.clock.now())

    story.pass_silent_time(SILENT_AFTER - 1)

    assert not story.generation.is_silent


def test_the_time_until_the_next_look(story: Story):
    """There is one as long as a listener is to answer, whether it works or leaves."""
    story.prove()
    story.steering.look_after_listeners()
    assert story.steering.next_look_in == PING_EVERY
    story.generation.leave(story.clock.now())
    story.clock.turn(1)
    assert story.steering.next_look_in == PING_EVERY - 1
    story.generation.workers.clear()
    story.generation.listener_ended()
    assert story.steering.next_look_in is None


def test_a_listener_that_reads_nothing_is_not_asked_again_and_again():
    """While its socket is full the questions do not pile up, however many days that lasts."""
    clock = HandTurnedClock()
    ours, theirs = Channel.pair()
    generations = Generations()
    generations.proved(generations.add(1, ours, clock.now()))
    listeners = SimpleNamespace(generations=generations, start_if_due=nothing, fail_overdue=nothing)
    pool = SimpleNamespace(grant=nothing, retire=nothing)
    steering = Steering(listeners, pool, clock)

    with theirs:
        for _ in range(5000):
            clock.turn(PING_EVERY)
            steering.step()

        assert 0 < len(ours.unsent) < 100
        ours.close()
