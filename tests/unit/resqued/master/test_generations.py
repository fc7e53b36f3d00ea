from collections.abc import Iterator

import pytest

from resqued.ipc.channel import Channel
from resqued.master.cap import Phase
from resqued.master.generations import Generation, Generations, Stage


class FakeWatch:
    """Stands in for ProcessWatch where only identity matters."""

    pid = 4711


@pytest.fixture
def generations() -> Iterator[Generations]:
    """Return a record without any generation."""
    record = Generations()
    yield record
    for generation in record:
        generation.channel.close()


def added(generations: Generations, *slots: str) -> Generation:
    """Note a listener that has loaded a plan of these slots; each letter is a queue."""
    ours, theirs = Channel.pair()
    theirs.close()
    generation = generations.add(1000 + generations.last_number, ours)
    generation.loaded(tuple(tuple(queues) for queues in slots), 15.0)
    return generation


def started(generation: Generation, slot: int) -> None:
    """Take a slot through asking and granting to a forked worker."""
    generation.ask(slot)
    generation.grant(slot)
    generation.worker_started(slot, FakeWatch())  # type: ignore[arg-type]


def test_numbers_only_rise(generations: Generations):
    """A number is never used again, also when its generation is forgotten."""
    first = added(generations)
    first.listener_ended()
    generations.forget_empty()

    assert generations.is_empty
    assert added(generations).number == 2
    assert generations.last_number == 2


def test_a_worker_counts_from_its_grant_to_its_end(generations: Generations):
    """Granted, starting, ready, told: live in every phase, with the queues of its slot."""
    generation = added(generations, "a", "bc")
    phases = []

    generation.ask(1)
    assert generations.live() == []
    generation.grant(1)
    phases.append(generations.live()[0].phase)
    generation.worker_started(1, FakeWatch())  # type: ignore[arg-type]
    phases.append(generations.live()[0].phase)
    generation.worker_ready(1)
    phases.append(generations.live()[0].phase)
    generation.workers[1].told(7.0)
    (live,) = generations.live()
    phases.append(live.phase)

    assert phases == [Phase.GRANTED, Phase.STARTING, Phase.READY, Phase.TOLD]
    assert (live.queues, live.generation, live.told_at) == (frozenset("bc"), 1, 7.0)
    assert generations.worker_of(live) is generation.workers[1]


def test_a_told_worker_does_not_become_ready_again(generations: Generations):
    """Its news that it is ready may come after it was told to leave."""
    generation = added(generations, "a")
    started(generation, 0)
    generation.workers[0].told(7.0)

    generation.worker_ready(0)

    assert generations.live()[0].phase is Phase.TOLD


def test_asking_keeps_the_order_and_counts_once(generations: Generations):
    """A slot that asks twice keeps its place in the line."""
    generation = added(generations, "a", "b", "c")

    for slot in (2, 0, 2, 1):
        generation.ask(slot)

    assert list(generation.asking) == [2, 0, 1]


@pytest.mark.parametrize("slot", [-1, 2, 1000])
def test_a_slot_that_does_not_exist_cannot_ask(generations: Generations, slot: int):
    """A confused listener must not make the master fall over its own list."""
    generation = added(generations, "a", "b")

    generation.ask(slot)

    assert not generation.asking


def test_nobody_asks_before_the_plan_is_known(generations: Generations):
    """What a listener asks for before it has loaded anything is passed over."""
    ours, theirs = Channel.pair()
    theirs.close()
    generation = generations.add(1, ours)

    generation.ask(0)
    generation.running()

    assert not generation.asking
    assert generation.stage is Stage.BOOTING


def test_only_an_open_grant_can_be_given_back(generations: Generations):
    """A listener's "not started" cannot make the master forget a living worker."""
    generation = added(generations, "a", "b")
    generation.ask(0)
    generation.grant(0)
    started(generation, 1)
    assert (generation.has_open_grant(0), generation.has_open_grant(1)) == (True, False)

    generation.give_back(0)
    generation.give_back(1)
    generation.give_back(2)

    assert list(generation.workers) == [1]


def test_after_a_listeners_end_its_workers_stay_and_its_grants_are_void(generations: Generations):
    """A granted worker that was never reported waits at its gate, finds nobody, and leaves."""
    generation = added(generations, "a", "b", "c")
    started(generation, 0)
    for slot in (1, 2):
        generation.ask(slot)
    generation.grant(1)

    generation.listener_ended()

    assert list(generation.workers) == [0]
    assert not generation.asking
    assert not generation.has_listener
    assert generation.channel.is_closed
    generations.forget_empty()
    assert not generations.is_empty


def test_current_and_owner_through_a_replacement(generations: Generations):
    """Current: the newest meant to run. Owner: the newest that has loaded everything."""
    first = added(generations, "a")
    assert (generations.current, generations.owner) == (first, None)
    first.running()
    assert (generations.current, generations.owner) == (first, first)

    second = added(generations, "a")
    assert (generations.current, generations.owner) == (second, first)
    second.running()
    assert (generations.current, generations.owner) == (second, second)
    second.stage = Stage.LEAVING
    assert (generations.current, generations.owner) == (first, first)
    first.listener_ended()
    assert (generations.current, generations.owner) == (None, None)


def test_a_failed_generation_stays_current_until_its_listener_has_left(generations: Generations):
    """No other is started beside it, and it starts no worker."""
    generation = added(generations, "a")
    generation.stage = Stage.FAILED

    assert generations.current is generation
    assert generations.owner is None
    generation.listener_ended()
    assert generations.current is None


def test_a_pid_belongs_to_the_listener_that_lives(generations: Generations):
    """A pid that the kernel gave out again is not taken for that of an ended listener."""
    first = added(generations, "a")
    started(first, 0)
    first.listener_ended()
    second = added(generations, "a")
    second.pid = first.pid

    assert generations.by_pid(first.pid) is second
    assert generations.by_pid(99) is None


def test_the_longest_stop_timeout_counts(generations: Generations):
    """Every worker gets the time that its own configuration promised."""
    assert generations.stop_timeout == 0
    for seconds in (3.0, 60.0, 15.0):
        added(generations).loaded((), seconds)

    assert generations.stop_timeout == 60
