import pytest

from resqued.backlog.model import Backlog
from resqued.top import model
from resqued.top.model import BacklogView, PoolView
from tests.support.pool_status import generation, pool, pool_of, worker

BACKLOG = Backlog(server="redis://db/0", namespace="resque", queues=(), failed=0, failures=())


def seen(*counts: tuple[float, int]) -> PoolView:
    """Return the view of a pool whose only worker had done so many jobs at these times."""
    view = PoolView()
    for at, done in counts:
        view = model.with_status(view, pool_of(worker(jobs_done=done)), {}, at)
    return view


def test_rates_from_look_to_look():
    """Jobs a second between each two looks, whatever the time between them."""
    view = seen((10, 100), (11, 103), (13, 113))

    assert model.rates_of(view.counts[4260]) == (3.0, 5.0)
    assert model.rate_of(view.counts[4260]) == pytest.approx(13 / 3)
    assert view.rates == (3.0, 5.0)


def test_one_look_tells_no_rate():
    """Nobody knows for how long those jobs were done."""
    view = seen((10, 100))

    assert model.rates_of(view.counts[4260]) == ()
    assert model.rate_of(view.counts[4260]) is None
    assert view.rates == ()


def test_nothing_grows():
    """Only the last rates are kept."""
    view = seen(*((float(at), at * 2) for at in range(50)))

    assert model.rates_of(view.counts[4260]) == (2.0,) * model.KEPT
    assert view.rates == (2.0,) * model.KEPT


def test_two_looks_at_one_moment():
    """The second tells nothing about speed, and divides nothing by zero."""
    view = seen((10, 100), (10, 101), (11, 104))

    assert model.rates_of(view.counts[4260]) == (4.0,)
    assert view.rates == (4.0,)


def test_a_worker_that_is_gone_is_forgotten():
    """With all its counts."""
    view = model.with_status(seen((10, 100)), pool_of(worker(1)), {}, 11)

    assert set(view.counts) == {4261}


def test_a_pid_that_came_again():
    """A count that goes back is that of another process."""
    view = seen((10, 100), (11, 103), (12, 1))

    assert [count.done for count in view.counts[4260]] == [1]


def test_a_new_worker_counts_for_the_pool():
    """All that it has done, it has done since the last look; of an older one that is not known."""
    view = seen((10, 100))
    young, old = worker(1, jobs_done=4, age=1.5), worker(2, jobs_done=70, age=30.0)

    view = model.with_status(view, pool_of(worker(jobs_done=102), young, old), {}, 12)

    assert view.rates == (1.0 + 2.0,)


def test_a_look_at_which_a_listener_was_mute():
    """Its workers keep their counts, and the next look does not take two rounds for one."""
    view = seen((10, 100), (11, 102))
    view = model.with_status(view, pool_of(worker(jobs_done=None)), {}, 12)
    view = model.with_status(view, pool_of(worker(jobs_done=106)), {}, 13)

    assert model.rates_of(view.counts[4260]) == (2.0, 2.0)
    assert view.rates == (2.0, 0.0, 2.0)


def test_workers_that_do_not_tell():
    """Other workers than the default ones need not report their jobs."""
    view = PoolView()
    for at in (1, 2, 3):
        view = model.with_status(view, pool_of(worker(jobs_done=None)), {}, at)

    assert view.counts == {}
    assert view.rates == (0.0, 0.0)


def test_places_without_a_worker():
    """They have no pid, and no counts."""
    view = model.with_status(PoolView(), pool_of(worker(pid=None, state="backoff")), {}, 1)

    assert view.counts == {}


def test_workers_of_two_generations():
    """Both work while they change places, and both count."""
    old, new = generation(worker(jobs_done=10)), generation(worker(1, jobs_done=0), number=2)
    view = model.with_status(PoolView(), pool(old, new), {}, 1)
    old, new = generation(worker(jobs_done=12)), generation(worker(1, jobs_done=1), number=2)

    assert model.with_status(view, pool(old, new), {}, 2).rates == (3.0,)


def test_since_when_the_pool_is_silent():
    """The first failure says since when, the last one why; what was known stays."""
    view = seen((10, 100))
    view = model.without_status(view, "nobody listens", 11)
    view = model.without_status(view, "no answer", 12)

    assert view.trouble == model.Trouble("no answer", 11)
    assert view.status is not None
    assert view.seen_at == 10


def test_it_is_back():
    """The trouble is over, and counts go on where they were."""
    view = model.without_status(seen((10, 100)), "nobody listens", 11)
    view = model.with_status(view, pool_of(worker(jobs_done=108)), {}, 14)

    assert view.trouble is None
    assert model.rates_of(view.counts[4260]) == (2.0,)


def test_the_server_is_away_and_back():
    """What was known stays while it is away."""
    view = model.with_backlog(BACKLOG, 5)
    view = model.without_backlog(view, "refused", 6)
    view = model.without_backlog(view, "timed out", 7)
    assert view == BacklogView(backlog=BACKLOG, seen_at=5, trouble=model.Trouble("timed out", 6))

    assert model.with_backlog(BACKLOG, 8).trouble is None
