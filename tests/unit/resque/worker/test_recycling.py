"""When a worker is spent."""

import mmap

import pytest

from resque.worker.recycling import Recycling, Wear, private_memory
from tests.support.clock import HandTurnedClock

MB = 2**20


def never(*_args):
    """Stand in for what must not be called."""
    pytest.fail("asked for what does not matter")


def exact(**limits):
    """Return limits without jitter."""
    return Recycling(jitter=0, **limits)


def test_without_limits_never():
    """Nor is anything measured."""
    clock = HandTurnedClock()
    wear = Wear(Recycling(), clock, memory=never)
    wear.jobs_done(1)
    clock.turn(1e9)
    assert wear.spent is None
    assert wear.age_left == float("inf")


def test_after_so_many_jobs():
    """At the last of them, not before."""
    wear = Wear(exact(max_jobs=2), HandTurnedClock(), memory=never)
    wear.jobs_done(1)
    assert wear.spent is None
    wear.jobs_done(1)
    assert wear.spent == "2 jobs done (max_jobs)"


def test_after_so_many_seconds():
    """And it tells for how long it may still sleep."""
    clock = HandTurnedClock()
    wear = Wear(exact(max_age=60), clock, memory=never)
    clock.turn(59)
    assert (wear.spent, wear.age_left) == (None, 1)
    clock.turn(1)
    assert (wear.spent, wear.age_left) == ("60 s old (max_age)", 0)


def test_at_so_much_memory():
    """It is measured once, after each job."""
    sizes = iter([99 * MB, 100 * MB])
    wear = Wear(exact(max_memory=100 * MB), HandTurnedClock(), memory=lambda: next(sizes))
    assert wear.spent is None
    wear.jobs_done(1)
    assert wear.spent is None
    wear.jobs_done(1)
    assert wear.spent == "100.0 MB of private memory (max_memory)"
    assert wear.spent == "100.0 MB of private memory (max_memory)"


def test_memory_that_cannot_be_measured_is_no_reason():
    """The other limits hold."""
    wear = Wear(exact(max_memory=1, max_jobs=2), HandTurnedClock(), memory=lambda: None)
    wear.jobs_done(1)
    assert wear.spent is None
    wear.jobs_done(1)
    assert wear.spent == "2 jobs done (max_jobs)"


@pytest.mark.parametrize(("share", "jobs"), [(0.9, 90), (1.1, 110)])
def test_each_worker_has_limits_of_its_own(share, jobs):
    """Drawn within a tenth of what was asked for."""

    def draw(least, most):
        assert (least, most) == (0.9, 1.1)
        return share

    clock = HandTurnedClock()
    wear = Wear(Recycling(max_jobs=100, max_age=1000), clock, draw=draw)
    assert wear.age_left == pytest.approx(share * 1000)
    for _ in range(jobs - 1):
        wear.jobs_done(1)
    assert wear.spent is None
    wear.jobs_done(1)
    assert wear.spent == f"{jobs} jobs done (max_jobs)"


def test_few_jobs_are_exact():
    """A tenth of them is less than one."""
    for _ in range(50):
        wear = Wear(Recycling(max_jobs=1), HandTurnedClock())
        assert wear.spent is None
        wear.jobs_done(1)
        assert wear.spent is not None


def test_private_memory_is_that_of_this_process():
    """What it writes counts."""
    before = private_memory()
    with mmap.mmap(-1, 64 * MB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.write(b"x" * len(memory))
        assert private_memory() - before >= 48 * MB
