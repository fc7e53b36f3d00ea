from signal import Signals

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqued.ipc.channel import Channel
from resqued.ipc.messages import PoolSlots, Scaled
from resqued.master.cap import Phase
from resqued.master.generation import BOOTING_MOMENT, PROOF_OF_LIFE, Generation, Stage
from resqued.master.generations import Generations

#: The master's clock.
NOW = 100.0


class FakeWatch:
    """Stands in for ProcessWatch; notes what the process would have got."""

    pid = 4711

    def __init__(self) -> None:
        self.got: list[Signals] = []

    def send(self, number: Signals) -> None:
        """Note a signal."""
        self.got.append(number)


def added(generations: Generations, *slots: str) -> Generation:
    """Note a listener that has loaded a plan of these slots; each letter is a queue."""
    ours, theirs = Channel.pair()
    theirs.close()
    generation = generations.add(1000 + generations.last_number, ours, NOW)
    generation.loaded(tuple(tuple(queues) for queues in slots), None, 15.0)
    return generation


def proved(generations: Generations, *slots: str) -> Generation:
    """Note a listener that has proved its generation."""
    generation = added(generations, *slots)
    generations.proved(generation)
    return generation


def started(generation: Generation, slot: int) -> FakeWatch:
    """Take a slot through asking and granting to a forked worker."""
    watch = FakeWatch()
    generation.ask(slot)
    generation.grant(slot)
    generation.worker_started(slot, watch.pid)
    generation.workers[slot].watched(watch)  # type: ignore[arg-type]
    return watch


def working(generation: Generation, slot: int, now: float = NOW) -> FakeWatch:
    """Take a slot through to a worker that works since ``now``."""
    watch = started(generation, slot)
    generation.worker_ready(slot, now)
    return watch


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
    generation.worker_started(1, 4711)
    phases.append(generations.live()[0].phase)
    ((_, unwatched),) = generations.unwatched()
    unwatched.watched(FakeWatch())  # type: ignore[arg-type]
    phases.append(generations.live()[0].phase)
    assert generations.unwatched() == []
    generation.worker_ready(1, NOW)
    phases.append(generations.live()[0].phase)
    generation.workers[1].told(7.0)
    (live,) = generations.live()
    phases.append(live.phase)

    assert phases == [Phase.GRANTED, Phase.GRANTED, Phase.STARTING, Phase.READY, Phase.TOLD]
    assert (live.queues, live.generation, live.told_at) == (frozenset("bc"), 1, 7.0)
    assert generations.worker_of(live) == (generation, generation.workers[1])


def test_a_told_worker_does_not_become_ready_again(generations: Generations):
    """Its news that it is ready may come after it was told to leave."""
    generation = added(generations, "a")
    started(generation, 0)
    generation.workers[0].told(7.0)

    generation.worker_ready(0, NOW)

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
    generation = generations.add(1, ours, NOW)

    generation.ask(0)

    assert not generation.asking
    assert not generation.is_complete


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
    """A worker that was never watched had not been let through, and ends with its listener."""
    generation = added(generations, "a", "b", "c")
    started(generation, 0)
    for slot in (1, 2):
        generation.ask(slot)
    generation.grant(1)
    generation.grant(2)
    generation.worker_started(2, 4712)

    generation.listener_ended()

    assert list(generation.workers) == [0]
    assert not generation.asking
    assert not generation.has_listener
    assert generation.channel.is_closed
    generations.forget_empty()
    assert not generations.is_empty


@pytest.mark.parametrize("number", [Signals.SIGQUIT, Signals.SIGTERM])
def test_at_a_listeners_end_the_told_are_told_again(generations: Generations, number: Signals):
    """It may have ended before it had passed the order on; the others are left in peace."""
    generation = proved(generations, "a", "b", "c")
    watches = [working(generation, slot) for slot in (0, 1)]
    generation.told_by = number
    generation.workers[0].told(NOW)
    generation.ask(2)
    generation.grant(2)
    generation.workers[2].told(NOW)  # never reported: there is nobody to tell

    generation.listener_ended()

    assert [watch.got for watch in watches] == [[number], []]
    assert generation.has_untold_workers


def test_leaving_tells_everybody_once(generations: Generations):
    """Who was told before keeps its time, nobody waits for a grant, and no more is complete."""
    generation = proved(generations, "a", "b", "c")
    working(generation, 0)
    working(generation, 1)
    generation.ask(2)
    generation.workers[0].told(NOW)

    generation.leave(NOW + 5, Signals.SIGTERM)

    assert (generation.stage, generation.told_by) == (Stage.LEAVING, Signals.SIGTERM)
    assert not generation.asking
    assert not generation.has_untold_workers
    assert [worker.live.told_at for worker in generation.workers.values()] == [NOW, NOW + 5]
    assert generation.kill_at is None


def test_only_a_listener_that_loads_is_killed(generations: Generations):
    """The application may hang there; later the listener's own loop turns, and jobs run."""
    booting = added(generations, "a")
    booting.leave(NOW)

    assert booting.kill_at == NOW + BOOTING_MOMENT
    assert not booting.has_failed

    failed = added(generations, "a")
    failed.failed(NOW)
    assert failed.has_failed
    assert failed.stage is Stage.LEAVING
    assert failed.kill_at == NOW + BOOTING_MOMENT


# --- failed starts


def test_failed_starts_in_a_row_are_counted(generations: Generations):
    """Ends before the work and ends soon after its beginning, in whatever slot."""
    generation = proved(generations, "a", "b")
    started(generation, 0)
    generation.worker_ended(0, NOW)
    working(generation, 1)
    generation.worker_ended(1, NOW + PROOF_OF_LIFE / 2)

    assert generation.failed_starts == 2


def test_a_worker_that_has_worked_for_a_while_ends_the_row(generations: Generations):
    """Its own end, later, is none of a failed start; one that was good before is in no row."""
    generation = proved(generations, "a", "b")
    working(generation, 0)
    generation.failed_starts = 2

    generation.worker_ended(0, NOW + PROOF_OF_LIFE)
    assert generation.failed_starts == 0

    working(generation, 0)
    for number in (1, 2, 3):
        started(generation, 1)
        generation.worker_ended(1, NOW + 2 * PROOF_OF_LIFE)
        assert generation.failed_starts == number
    generation.worker_ended(0, NOW + 3 * PROOF_OF_LIFE)
    assert generation.failed_starts == 3


def test_told_workers_are_no_failed_starts(generations: Generations):
    """However soon they leave."""
    generation = proved(generations, "a")
    started(generation, 0)
    generation.workers[0].told(NOW)

    generation.worker_ended(0, NOW)

    assert generation.failed_starts == 0


# --- owner and fallback


def test_the_owner_is_the_one_proved_last(generations: Generations):
    """Loading changes nothing; the former owner is what can be fallen back on."""
    first = added(generations, "a")
    assert (generations.owner, generations.fallback, generations.booting) == (None, None, first)
    generations.proved(first)
    assert (generations.owner, generations.fallback, generations.booting) == (first, None, None)

    second = added(generations, "a")
    assert (generations.owner, generations.booting) == (first, second)
    generations.proved(second)
    assert (generations.owner, generations.fallback) == (second, first)


def test_an_owner_that_has_not_taken_over_is_nothing_to_fall_back_on(generations: Generations):
    """The third generation falls back on the first, which still has workers that work."""
    first, second, third = (proved(generations, "a") for _ in range(3))

    assert (generations.owner, generations.fallback) == (third, first)
    assert generations.superseded() == [second]
    assert generations.disown() is first
    assert (generations.owner, generations.fallback) == (first, None)
    assert generations.superseded() == [second, third]


@pytest.mark.parametrize("who", ["owner", "fallback", "other"])
def test_a_generation_that_is_lost(generations: Generations, who: str):
    """A lost owner gives way to the fallback, a lost fallback only ends that possibility."""
    first, second = (proved(generations, "a") for _ in range(2))
    other = added(generations, "a")

    generations.lost({"owner": second, "fallback": first, "other": other}[who])

    left = {"owner": (first, None), "fallback": (second, None), "other": (second, first)}
    assert (generations.owner, generations.fallback) == left[who]


def test_the_change_over_is_complete_when_nobody_else_works(generations: Generations):
    """Every slot of the owner works, and no worker of any other generation is alive."""
    first = proved(generations, "a", "b")
    working(first, 0)
    assert not generations.change_over()
    second = proved(generations, "a", "b")
    working(second, 0)
    assert not generations.change_over()
    started(second, 1)
    first.workers[0].told(NOW)
    assert generations.superseded() == []
    first.worker_ended(0, NOW)
    assert not generations.change_over()

    second.worker_ready(1, NOW)

    assert generations.change_over()
    assert not generations.change_over()
    assert generations.fallback is None
    assert generations.superseded() == [first]


def test_a_superseded_generation_stays_until_its_last_worker_was_told(generations: Generations):
    """Its listener is the one that tells them, and sees them go."""
    _, second, _ = (proved(generations, "a") for _ in range(3))
    working(second, 0)
    assert generations.superseded() == []

    second.workers[0].told(NOW)
    assert generations.superseded() == [second]

    second.leave(NOW)
    assert generations.superseded() == []


def test_a_generation_of_no_workers_takes_over_at_once(generations: Generations):
    """An emptied pool is complete as soon as the former workers are gone."""
    first = proved(generations, "a")
    working(first, 0)
    proved(generations)
    assert not generations.change_over()

    first.worker_ended(0, NOW)

    assert generations.change_over()


def test_a_failed_generation_counts_until_its_listener_has_left(generations: Generations):
    """No other is started beside it: its end decides when the next may be."""
    generation = added(generations, "a")
    generation.failed(NOW)

    assert generations.failing
    assert generations.booting is None
    generation.listener_ended()
    assert not generations.failing


def test_a_generation_is_found_by_its_number(generations: Generations):
    """None, and the number of one that is gone, find nothing."""
    first = added(generations)

    assert generations.by_number(1) is first
    assert generations.by_number(2) is None
    assert generations.by_number(None) is None


def add(generations: Generations, _one: Generation) -> None:
    """Start a listener, unless one is loading."""
    if generations.booting is None:
        added(generations, "a")


def prove(generations: Generations, _one: Generation) -> None:
    """Let the one that loads succeed."""
    if generations.booting is not None:
        generations.proved(generations.booting)


def stop(generations: Generations, one: Generation) -> None:
    """Tell a listener to leave."""
    if one.has_listener:
        generations.lost(one)
        one.leave(NOW)


def end(generations: Generations, one: Generation) -> None:
    """Let a listener end, told or untold."""
    if one.has_listener:
        generations.lost(one)
        one.listener_ended()


def fall_back(generations: Generations, _one: Generation) -> None:
    """Take the owner's right away, if there is something to fall back on."""
    if generations.fallback is not None:
        generations.disown()


def finish(generations: Generations, _one: Generation) -> None:
    """Let go of what has nothing left to do."""
    generations.change_over()
    for generation in generations.superseded():
        stop(generations, generation)
    generations.forget_empty()


steps = st.tuples(st.sampled_from([add, prove, stop, end, fall_back, finish]), st.integers(0, 9))


@given(st.lists(steps))
def test_owner_and_fallback_are_always_two_that_live(story):
    """Whatever happens: both are proved and have a listener, and they are never the same."""
    generations = Generations()
    added(generations, "a")
    for step, number in story:
        there = list(generations) or [added(generations, "a")]
        step(generations, there[number % len(there)])

        owner, fallback = generations.owner, generations.fallback
        assert owner is None or owner.stage is Stage.PROVED
        assert fallback is None or fallback.stage is Stage.PROVED
        assert fallback is None or owner is not None
        assert owner is None or owner is not fallback
        assert sum(generation.stage is Stage.BOOTING for generation in generations) <= 1
    for generation in generations:
        generation.channel.close()


# --- finding


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
        added(generations).loaded((), None, seconds)

    assert generations.stop_timeout == 60


def scaled_down(generations: Generations) -> Generation:
    """Note an owner of a pool of two, both at work, whose second place is wanted no more."""
    generation = added(generations)
    pools = (PoolSlots("p", 2, (0, 1)),)
    generation.loaded((("a",), ("a",)), None, 15.0, "0.1.0", pools)
    generations.proved(generation)
    for slot in (0, 1):
        working(generation, slot)
    generation.scaled(Scaled("p", 1, (("a",), None), (0, 1)))
    return generation


def test_who_is_in_a_hole_is_one_too_many(generations: Generations):
    """It works, and is none of those that the configuration asks for."""
    generation = scaled_down(generations)

    assert [generation.is_surplus(worker) for worker in generation.workers.values()] == [
        False,
        True,
    ]
    assert generation.at_work == 1
    assert generation.is_complete


def test_what_a_hole_has_asked_for_is_void(generations: Generations):
    """Before it became one, or afterwards; wanted again, it may ask."""
    generation = added(generations, "a", "a")
    generation.ask(0)
    generation.ask(1)

    generation.scaled(Scaled("p", 1, (("a",), None), (0, 1)))
    generation.ask(1)
    assert list(generation.asking) == [0]

    generation.scaled(Scaled("p", 2, (("a",), ("a",)), (0, 1)))
    generation.ask(1)
    assert list(generation.asking) == [0, 1]


def test_a_generation_that_has_loaded_nothing_is_not_scaled(generations: Generations):
    """A listener that says so all the same is not believed."""
    ours, theirs = Channel.pair()
    theirs.close()
    generation = generations.add(1000, ours, NOW)

    generation.scaled(Scaled("p", 1, (("a",),), (0,)))

    assert generation.plan is None
