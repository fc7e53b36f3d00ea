from dataclasses import replace
from itertools import pairwise

import pytest

from benchmarks import plan
from benchmarks.contenders import field
from benchmarks.measures import crowd, fleet
from benchmarks.results import Results
from benchmarks.tasks import Tasks


def names_of(wanted: plan.Plan) -> list[tuple[str, str]]:
    """Return who is measured in what, in order."""
    tasks = Tasks(wanted, None, Results(), field.everyone()).all()
    return [(task.measure, task.contender) for task in tasks]


def test_rounds_are_interleaved():
    """Nobody is measured twice in a row; each round has everybody."""
    names = names_of(plan.full(3))
    assert all(one != other for one, other in pairwise(names))
    for contender in field.everyone():
        assert names.count(("throughput-bare", contender)) == 3


def test_a_crowd_comes_once():
    """Two hundred workers are looked at in the first round only."""
    assert names_of(plan.full(3)).count(("200-workers", "resqued-fork")) == 1


def test_only_some():
    """A part of the plan has these contenders, and the limit, in everything that they were in."""
    names = names_of(plan.only(plan.full(1), ["rq-worker"]))
    assert {name for _, name in names} == {"rq-worker", "limit"}
    assert ("latency-load", "rq-worker") in names


def test_a_quick_run_has_what_the_checklist_wants_of_resqued():
    """Less of everything, but no measure of resqued's is left out, save the load."""
    quick, full = plan.quick(1), replace(plan.full(1), load=())
    assert {measure for measure, _ in names_of(quick)} == {m for m, _ in names_of(full)}


@pytest.mark.parametrize("workers", [2, 20, 200])
def test_jobs_that_hold_are_enough_for_all_workers(workers):
    """However many a broker hands to one worker ahead, the last one gets its own."""
    for contender in field.everyone().values():
        assert contender.to_hold(workers) >= contender.at_once(workers)


def test_commands_of_scripts_and_of_the_producer_do_not_count():
    """What is left is what workers cost the server."""
    seen = [
        ["HELLO", "3"],
        ["CLIENT", "SETINFO", "LIB-NAME", "redis-py"],
        ["SADD", "resque:queues", "bench"],
        ["RPUSH", "resque:queue:bench", "{}"],
        ["CLIENT", "TRACKING", "ON"],
        ["EVALSHA", "0123", "1", "resque:queue:bench"],
        ["lua", "LPOP", "resque:queue:bench"],
    ]
    left = [words for words in seen if not crowd.is_producers(words)]
    assert fleet.commands_of(left) == 2
