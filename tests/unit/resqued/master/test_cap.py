import time
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqued.master import cap
from resqued.master.cap import Live, Phase, Plan

NOW = 100.0


def live(
    queues: str,
    phase: Phase = Phase.READY,
    *,
    generation: int = 1,
    told_at: float = 0,
    slot: int = 0,
) -> Live:
    """Return a worker; each letter is a queue."""
    return Live(generation, slot, frozenset(queues), phase, told_at)


def plan(*slots: str) -> Plan:
    """Return what generation 2 asks for; - is a hole."""
    return Plan(2, tuple(None if queues == "-" else frozenset(queues) for queues in slots))


def next_to_leave(alive: list[Live], wanted: Plan, now: float) -> Live | None:
    """Return who is to be told first; None: nobody may be."""
    return next(cap.leaving(alive, wanted, now), None)


@pytest.mark.parametrize(
    ("alive", "asked", "asking", "granted"),
    [
        pytest.param([], ["a", "b", "c"], [0, 1, 2], [0, 1, 2], id="all from nothing"),
        pytest.param([], ["a", "b"], [1, 0], [1, 0], id="in the order in which they asked"),
        pytest.param(["a"], ["a"], [0], [], id="the list is worked already"),
        pytest.param(["x"], ["a"], [0], [], id="another list holds the only place"),
        pytest.param(["a", "x"], ["a", "b", "b"], [0, 1, 2], [1], id="one place, not for a"),
        pytest.param(["ba"], ["ab"], [0], [], id="order does not make another list"),
        pytest.param(["a"], ["ab"], [0], [], id="total counts though the lists differ"),
        pytest.param(["a", "a", "a"], ["a", "b"], [0, 1], [], id="above a smaller total"),
        pytest.param(["a"], ["a", "a"], [0, 1], [0], id="the second of two equals"),
        pytest.param([], ["a"], [], [], id="nobody asks"),
        pytest.param([], ["-", "a"], [0, 1], [1], id="a hole has nothing to ask for"),
        pytest.param(["x"], ["-", "a"], [1], [], id="a hole is no place"),
        pytest.param(["a"], ["-", "a", "a"], [1, 2], [1], id="a worker in a hole counts"),
    ],
)
def test_grants(alive: list[str], asked: list[str], asking: list[int], granted: list[int]):
    """As many as fit below the total and below each list's own count, first come first served."""
    assert cap.grants([live(queues) for queues in alive], plan(*asked), asking) == granted


@pytest.mark.parametrize("phase", Phase)
def test_every_live_worker_takes_a_place(phase: Phase):
    """Granted, starting, working or told: all that may be alive counts."""
    assert cap.grants([live("a", phase)], plan("a"), [0]) == []


@pytest.mark.parametrize(
    ("workers", "asked", "leaving"),
    [
        pytest.param([live("a")], ["a"], 0, id="the only one may be missing"),
        pytest.param([live("a", generation=2)], ["a"], None, id="the owner's own stay"),
        pytest.param(
            [live("a"), live("b", Phase.GRANTED)], ["a", "b"], 1, id="granted: not missed"
        ),
        pytest.param(
            [live("a"), live("b", Phase.STARTING)], ["a", "b"], 1, id="nor while starting"
        ),
        pytest.param(
            [live("a"), live("b", Phase.GRANTED, generation=2)],
            ["a", "b"],
            None,
            id="its own place is granted, and not filled yet",
        ),
        pytest.param(
            [live("a"), live("b", Phase.STARTING, generation=2)],
            ["a", "b"],
            None,
            id="the replacement is not ready",
        ),
        pytest.param(
            [live("a"), live("b", generation=2)], ["a", "b"], 0, id="the replacement is ready"
        ),
        pytest.param(
            [live("a"), live("b", Phase.TOLD, told_at=NOW - 0.9)],
            ["a", "b"],
            None,
            id="one is leaving already",
        ),
        pytest.param(
            [live("a"), live("b", Phase.TOLD, told_at=NOW - 1)],
            ["a", "b"],
            0,
            id="told a second ago and still there: at work",
        ),
        pytest.param(
            [live("a"), live("b"), live("x")], ["a", "b", "c"], 2, id="an unwanted list first"
        ),
        pytest.param([live("a"), live("b"), live("b")], ["a", "b", "c"], 1, id="then one too many"),
        pytest.param([live("a"), live("a"), live("a")], ["b"], 0, id="the surplus does not count"),
        pytest.param([live("a")], [], 0, id="an emptied pool"),
        pytest.param([], ["a"], None, id="nobody"),
        pytest.param([live("a", generation=2)], ["-"], 0, id="the owner's, in a hole"),
        pytest.param(
            [live("a", generation=2), live("a", generation=2, slot=1)],
            ["-", "a"],
            0,
            id="a surplus is not missed",
        ),
        pytest.param(
            [live("a", generation=2), live("b", Phase.STARTING, generation=2, slot=1)],
            ["-", "b", "c"],
            None,
            id="in a hole, and the floor is reached",
        ),
        pytest.param(
            [live("a", Phase.GRANTED, generation=2), live("b", generation=2, slot=1)],
            ["-", "b"],
            0,
            id="granted before its slot became a hole",
        ),
    ],
)
def test_next_to_leave(workers: list[Live], asked: list[str], leaving: int | None):
    """Who does not work yet, whose list is gone, whose has too many, any; never below the floor."""
    expected = None if leaving is None else workers[leaving]

    assert next_to_leave(workers, plan(*asked), NOW) is expected


def test_an_emptied_pool_is_told_all_at_once():
    """Nothing is asked for, so nothing has to be kept up meanwhile."""
    workers = [live("a"), live("a"), live("b")]

    for _ in range(3):
        leaving = next_to_leave(workers, plan(), NOW)
        assert leaving is not None
        workers.remove(leaving)
        workers.append(replace(leaving, phase=Phase.TOLD, told_at=NOW))


@pytest.mark.parametrize(("size", "at_once"), [(1, 1), (9, 1), (10, 1), (19, 1), (20, 2), (45, 4)])
def test_a_tenth_leaves_at_once_but_at_least_one(size: int, at_once: int):
    """In a pool of one queue list the floor is the same in all and per list."""
    workers = [live("a") for _ in range(size)]

    told = 0
    while leaving := next_to_leave(workers, plan(*["a"] * size), NOW):
        workers[workers.index(leaving)] = replace(leaving, phase=Phase.TOLD, told_at=NOW)
        told += 1

    assert told == at_once


queue_sets = st.sampled_from([frozenset(q) for q in ("a", "b", "ab", "c", "x", "y")])
plans = st.lists(queue_sets | st.none(), max_size=25).map(lambda slots: Plan(2, tuple(slots)))
phases = st.sampled_from(Phase)
moments = st.sampled_from([NOW, NOW - 0.5, NOW - 1, NOW - 50])


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Live], Plan]:
    """Return workers of an older generation and of the plan's, whose slots may be holes now."""
    wanted = draw(plans)
    others = st.builds(
        Live,
        generation=st.just(1),
        slot=st.just(0),
        queues=queue_sets,
        phase=phases,
        told_at=moments,
    )
    alive = draw(st.lists(others, max_size=20))
    numbers = st.integers(0, len(wanted.slots) - 1) if wanted.slots else st.nothing()
    for slot in draw(st.lists(numbers, unique=True)):
        queues = wanted.slots[slot] or draw(queue_sets)
        alive.append(Live(2, slot, queues, draw(phases), draw(moments)))
    return draw(st.permutations(alive)), wanted


def serving(alive: list[Live]) -> Counter[frozenset[str]]:
    """Count by the words of docs/processes.md, beside the code."""
    return Counter(
        worker.queues
        for worker in alive
        if worker.phase is Phase.READY or (worker.phase is Phase.TOLD and worker.told_at <= NOW - 1)
    )


@given(situations(), st.data())
def test_granting_never_breaks_the_cap(situation: tuple[list[Live], Plan], data: st.DataObject):
    """Whatever is alive: afterwards the total and each started list are within the plan."""
    alive, wanted = situation
    asking = data.draw(st.permutations(range(len(wanted.slots))))

    granted = cap.grants(alive, wanted, asking)

    asked_for = Counter(queues for queues in wanted.slots if queues is not None)
    after = Counter(worker.queues for worker in alive)
    after.update(wanted.slots[slot] for slot in granted)
    assert len(set(granted)) == len(granted)
    assert all(wanted.slots[slot] is not None for slot in granted)
    if granted:
        assert after.total() <= asked_for.total()
    for slot in granted:
        assert after[wanted.slots[slot]] <= asked_for[wanted.slots[slot]]
    # And nothing is held back without need.
    for slot in set(asking) - set(granted):
        queues = wanted.slots[slot]
        is_full = after.total() >= asked_for.total() or after[queues] >= asked_for[queues]
        assert queues is None or is_full


@given(situations())
def test_telling_never_goes_below_the_floor(situation: tuple[list[Live], Plan]):
    """However many are told one after another: at most a tenth, at least one, is missing by it."""
    alive, wanted = situation
    before = serving(alive)
    asked_for = Counter(queues for queues in wanted.slots if queues is not None)

    while leaving := next_to_leave(alive, wanted, NOW):
        assert leaving.generation != wanted.generation or wanted.slots[leaving.slot] is None
        assert leaving.phase is not Phase.TOLD
        place = next(n for n, worker in enumerate(alive) if worker is leaving)
        alive = [*alive]
        alive[place] = replace(leaving, phase=Phase.TOLD, told_at=NOW)
        after = serving(alive)
        total = asked_for.total()
        assert after.total() >= min(before.total(), total - max(1, total // 10))
        queues, count = leaving.queues, asked_for[leaving.queues]
        assert after[queues] >= min(before[queues], count - max(1, count // 10))


@given(situations())
def test_all_who_leave_are_found_in_one_look(situation: tuple[list[Live], Plan]):
    """They are those that looking anew after each would find, in the same order."""
    alive, wanted = situation
    at_once = list(cap.leaving(alive, wanted, NOW))

    for worker in at_once:
        assert next_to_leave(alive, wanted, NOW) is worker
        told = replace(worker, phase=Phase.TOLD, told_at=NOW)
        alive = [told if each is worker else each for each in alive]
    assert next_to_leave(alive, wanted, NOW) is None


def test_thousands_leave_in_a_moment():
    """The master's loop waits for it, and with it whoever asks whether it lives."""
    alive = [live("a", generation=2, slot=slot) for slot in range(3000)]

    began = time.monotonic()
    leaving = list(cap.leaving(alive, plan(*"-" * 3000), NOW))

    assert len(leaving) == 3000
    assert time.monotonic() - began < 0.5


@given(st.lists(queue_sets, max_size=12), st.lists(queue_sets, max_size=12), st.integers(0, 12))
def test_grant_and_leave_always_make_a_scaled_pool_fit(
    old: list[frozenset[str]], more: list[frozenset[str]], kept: int
):
    """With any slots turned into holes and any appended: there is always a next step to the end."""
    slots = [queues if number < kept else None for number, queues in enumerate(old)] + more
    wanted = Plan(2, tuple(slots))
    alive = [Live(2, slot, queues, Phase.READY) for slot, queues in enumerate(old)]
    limit = max(len(old), len(wanted.slots) - slots.count(None))

    for _ in range(len(old) + len(more) + 1):
        missing = set(range(len(slots))) - {worker.slot for worker in alive}
        granted = cap.grants(alive, wanted, sorted(missing))
        alive += [Live(2, slot, slots[slot] or frozenset(), Phase.READY) for slot in granted]
        assert len(alive) <= limit
        while leaving := next_to_leave(alive, wanted, NOW):
            alive = [worker for worker in alive if worker is not leaving]  # idle: it leaves

    expected = [slot for slot, queues in enumerate(slots) if queues is not None]
    assert sorted(worker.slot for worker in alive) == expected


@given(st.lists(queue_sets, max_size=12), st.lists(queue_sets, max_size=12))
def test_grant_and_leave_always_replace_the_whole_pool(
    old: list[frozenset[str]], new: list[frozenset[str]]
):
    """From any pool to any other: there is always a next step until all are the new ones."""
    wanted = Plan(2, tuple(new))
    alive = [Live(1, n, queues, Phase.READY) for n, queues in enumerate(old)]
    limit = max(len(old), len(new))

    for _ in range(len(old) + len(new) + 1):
        missing = set(range(len(new))) - {w.slot for w in alive if w.generation == 2}
        granted = cap.grants(alive, wanted, sorted(missing))
        alive += [Live(2, slot, new[slot], Phase.READY) for slot in granted]
        assert len(alive) <= limit
        while leaving := next_to_leave(alive, wanted, NOW):
            alive = [worker for worker in alive if worker is not leaving]  # idle: it leaves

    assert sorted(worker.slot for worker in alive) == list(range(len(new)))
    assert all(worker.generation == 2 for worker in alive)


def test_a_short_list_has_a_floor_of_its_own():
    """With room in all for two to go, both workers of one list are still not told at once."""
    lists = [frozenset("a")] * 2 + [frozenset("b")] * 18
    asked = Plan(2, tuple(lists))
    first, *others = [Live(1, slot, queues, Phase.READY) for slot, queues in enumerate(lists)]
    told = replace(first, phase=Phase.TOLD, told_at=100.0)

    following = next_to_leave([told, *others], asked, 100.1)

    assert following is not None
    assert following.queues == frozenset("b")
