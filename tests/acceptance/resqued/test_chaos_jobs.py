import pathlib

from tests.chaos_jobs import report
from tests.chaos_jobs.account import Outcome
from tests.chaos_jobs.run import Order, Run

JOBS = 400


def test_every_job_is_accounted_for_while_everything_around_it_is_killed(tmp_path: pathlib.Path):
    """What `make chaos-jobs` does for longer: none is lost, none is performed twice."""
    order = Order(jobs=JOBS, seed=5, every=25)
    result = Run(order, tmp_path).run()
    assert result.is_good, report.complaints(result)
    assert sum(result.outcomes.values()) == result.numbers >= JOBS
    assert result.outcomes[Outcome.RAISED] > 0
    assert result.events["server restarted"] == 5
    assert result.events["worker killed"] > 0
