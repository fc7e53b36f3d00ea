"""Adding up what is counted."""

from math import inf, nan

import pytest

from resqued.figures import (
    BUCKETS,
    MOST_KINDS,
    OTHERS,
    EndTally,
    Figures,
    JobTally,
    bucket_of,
)


def tally(queue: str = "a", job: str = "A", performed: int = 1, at: int = 0) -> JobTally:
    """Some jobs of a kind, which took no time that counts."""
    runs = tuple(performed * (place == at) for place in range(len(BUCKETS)))
    return JobTally(queue=queue, job=job, performed=performed, seconds=0.5, runs=runs)


def test_figures_add_up_by_kind_and_reason():
    """Each class of a queue is there once, with the sums of all."""
    one = Figures((tally(), tally(queue="b")), (EndTally("exit", 1),))
    two = Figures((tally(performed=2, at=3),), (EndTally("exit", 2), EndTally("signal", 1)))
    whole = one.plus(two, Figures())
    assert {(t.queue, t.performed, t.seconds) for t in whole.jobs} == {("a", 3, 1.0), ("b", 1, 0.5)}
    assert whole.jobs[0].runs == (1, 0, 0, 2, *[0] * (len(BUCKETS) - 4))
    assert set(whole.ends) == {EndTally("exit", 3), EndTally("signal", 1)}


def test_kinds_without_end_are_counted_together():
    """What had a name keeps it, and the sum is right."""
    whole = Figures()
    for start in range(0, 3 * MOST_KINDS, 500):
        more = Figures(tuple(tally(job=f"J{number}") for number in range(start, start + 500)))
        whole = whole.plus(more)
    assert len(whole.jobs) == MOST_KINDS
    assert sum(t.performed for t in whole.jobs) == 3 * MOST_KINDS
    assert any((t.queue, t.job) == (OTHERS, OTHERS) for t in whole.jobs)
    assert whole.plus(Figures((tally(job="J0"),))).jobs[0].performed == 2


@pytest.mark.parametrize(
    ("seconds", "limit"),
    [(0.0, 0.005), (0.005, 0.005), (0.006, 0.025), (3601, inf), (inf, inf), (nan, inf)],
)
def test_buckets(seconds: float, limit: float):
    """A time that is just the limit belongs below it, as Prometheus has it (``le``)."""
    assert BUCKETS[bucket_of(seconds)] == limit
