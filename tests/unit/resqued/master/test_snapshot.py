from collections.abc import Iterator
from signal import Signals

import pytest

from resqued.control.status import PoolSize
from resqued.ipc.channel import Channel
from resqued.ipc.messages import Look, PoolSlots, Scaled, Seen, SlotSight
from resqued.master import snapshot
from resqued.master.generation import Generation
from resqued.master.generations import Generations
from resqued.master.reloads import Outcome, Reload
from resqued.master.survey import PATIENCE, Survey
from tests.support.clock import HandTurnedClock

NOW = 100.0


class FakeWatch:
    """Stands in for ProcessWatch."""

    pid = 4711

    def send(self, number: Signals) -> None:
        """Nobody is there."""


@pytest.fixture
def theirs() -> Iterator[list[Channel]]:
    """The listeners' ends, oldest first."""
    ends: list[Channel] = []
    yield ends
    for end in ends:
        end.close()


def added(generations: Generations, theirs: list[Channel], *slots: str) -> Generation:
    """Note a listener that has proved its generation."""
    ours, end = Channel.pair()
    theirs.append(Channel(end))
    generation = generations.add(1000 + generations.last_number, ours, NOW)
    generation.loaded(tuple(tuple(queues) for queues in slots), None, 15.0, "0.1.0")
    generations.proved(generation)
    return generation


def started(generation: Generation, slot: int, *, is_ready: bool = True) -> None:
    """Take a slot through to a worker that works."""
    generation.ask(slot)
    generation.grant(slot)
    generation.worker_started(slot, 500 + slot)
    generation.workers[slot].watched(FakeWatch())  # type: ignore[arg-type]
    if is_ready:
        generation.worker_ready(slot, NOW)


def sight(slot: int, **more: object) -> SlotSight:
    """Return what a listener sees of a worker that reports, and has no job."""
    content = {
        "slot": slot,
        "pid": 500 + slot,
        "age": 1.0,
        "reports_jobs": True,
        "job": None,
        "job_age": None,
        "jobs_done": 3,
        "restarts": 0,
        "last_end": None,
        "backoff": None,
    }
    return SlotSight(**{**content, **more})  # type: ignore[arg-type]


def states(generation: Generation, generations: Generations, look: int) -> list[str]:
    """Return the workers' states, as of the answer to that look."""
    shown = snapshot._generation(generation, generations, look, NOW)
    return [worker.state for worker in shown.workers]


def test_what_a_worker_does(generations: Generations, theirs: list[Channel]):
    """As master and listener together know it."""
    owner = added(generations, theirs, *"abcdefg")
    for slot in range(5):
        started(owner, slot, is_ready=slot > 0)
    owner.workers[4].told(NOW)
    owner.seen = Seen(
        7,
        (
            sight(0),
            sight(1),
            sight(2, job="Mail", job_age=0.5),
            sight(3, reports_jobs=False),
            sight(4, job="Mail", job_age=0.5),
            sight(5, pid=0, backoff=2.0),
            sight(6, pid=0),
        ),
    )

    assert states(owner, generations, 7) == [
        *("starting", "idle", "busy", "ready", "leaving", "backoff", "waiting"),
    ]
    shown = snapshot._generation(owner, generations, 7, NOW)
    assert [worker.jobs_done for worker in shown.workers[1:4]] == [3, 3, None]
    assert not shown.is_stale


def test_an_answer_that_is_too_old(generations: Generations, theirs: list[Channel]):
    """It says nothing of now, and nothing is made of it; nor of a worker that has gone since."""
    owner = added(generations, theirs, "a", "b")
    started(owner, 0)
    started(owner, 1)
    owner.seen = Seen(7, (sight(0), sight(1, pid=9)))

    assert states(owner, generations, 7) == ["idle", "ready"]
    assert states(owner, generations, 8) == ["ready", "ready"]
    assert snapshot._generation(owner, generations, 8, NOW).is_stale


def test_the_generations_of_a_reload(generations: Generations, theirs: list[Channel]):
    """Places without a worker are shown for the owner only."""
    former = added(generations, theirs, "a", "b")
    started(former, 1)
    owner = added(generations, theirs, "a", "b")

    shown = [snapshot._generation(each, generations, None, NOW) for each in generations]

    assert [each.state for each in shown] == ["fallback", "owner"]
    assert [[worker.slot for worker in each.workers] for each in shown] == [[1], [0, 1]]
    former.listener_ended()
    assert snapshot._generation(former, generations, None, NOW).state == "orphaned"
    assert snapshot._generation(former, generations, None, NOW).listener is None
    owner.leave(NOW)
    assert snapshot._generation(owner, generations, None, NOW).state == "leaving"


def test_how_far_a_reload_is(generations: Generations, theirs: list[Channel]):
    """Workers of the new generation that work, and those of others."""
    former = added(generations, theirs, "a", "b")
    started(former, 0)
    reload = Reload(number=1, generation=2, asked_at=NOW - 3)
    found = snapshot.progress(reload, generations, NOW)
    assert (found.configured, found.ready, found.former) == (None, 0, 1)

    new = added(generations, theirs, "a", "b")
    started(new, 1)
    found = snapshot.progress(reload, generations, NOW)
    assert (found.configured, found.ready, found.former) == (2, 1, 1)
    assert (found.reload.outcome, found.reload.age) == (Outcome.LOADING.value, 3.0)


def test_a_survey(generations: Generations, theirs: list[Channel]):
    """All that can answer are asked once, whoever asks meanwhile; it ends when they have."""
    clock = HandTurnedClock(NOW)
    one, two = added(generations, theirs, "a"), added(generations, theirs, "a")
    one.version = None  # of an older version, which does not know how
    survey = Survey(generations, clock)
    assert survey.due_in is None

    survey.begin()
    survey.begin()
    assert [channel.receive() for channel in theirs] == [[], [Look(1)]]
    assert not survey.is_complete
    assert survey.due_in == PATIENCE
    two.seen = Seen(1, ())
    assert survey.is_complete

    survey.end()
    survey.begin()
    assert theirs[1].receive() == [Look(2)]
    assert not survey.is_complete
    clock.turn(PATIENCE)
    assert survey.is_complete


def test_a_survey_whose_listener_ends(generations: Generations, theirs: list[Channel]):
    """Nobody waits for it any more."""
    owner = added(generations, theirs, "a")
    survey = Survey(generations, HandTurnedClock(NOW))
    survey.begin()
    owner.listener_ended()

    assert survey.is_complete


def test_a_scaled_pool(generations: Generations, theirs: list[Channel]):
    """Each worker's pool, who is one too many, and no place where nobody is nor shall be."""
    owner = added(generations, theirs)
    pools = (PoolSlots("p", 3, (1, 2, 3)),)
    owner.loaded((("s",), ("a",), ("a",), ("a",)), None, 15.0, "0.1.0", pools)
    for slot in (0, 1, 2):
        started(owner, slot)
    owner.asked_to_scale("p", 1)
    owner.scaled(Scaled("p", 1, (("s",), ("a",), None, None), (1, 2, 3)))

    shown = snapshot._generation(owner, generations, None, NOW)

    found = [(w.slot, w.queues, w.pool, w.is_surplus) for w in shown.workers]
    assert found == [
        (0, ("s",), None, False),
        (1, ("a",), "p", False),
        (2, ("a",), "p", True),
    ]
    assert shown.configured == 2
    assert shown.pools == (PoolSize(name="p", size=1, configured=3),)


def test_a_listener_that_cannot_scale(generations: Generations, theirs: list[Channel]):
    """Nothing is said of pools."""
    shown = snapshot._generation(added(generations, theirs, "a"), generations, None, NOW)

    assert (shown.pools, shown.workers[0].pool) == (None, None)
