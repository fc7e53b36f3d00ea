"""The page of metrics, from samples made up here."""

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from resqued.backlog.model import Backlog, QueueDepth
from resqued.control.status import (
    GenerationStatus,
    ListenerEnds,
    MasterStatus,
    PoolFigures,
    PoolStatus,
    WorkerStatus,
)
from resqued.figures import BUCKETS, OTHERS, EndTally, JobTally, ReloadTally
from resqued.health.metrics import Metrics
from resqued.health.sample import Sample
from resqued.worker.ledger import Ledger


def worker(state: str, slot: int = 0) -> WorkerStatus:
    """A worker that does so."""
    return WorkerStatus(slot=slot, pid=1, queues=("a",), state=state)


def generation(number: int, state: str, *workers: WorkerStatus) -> GenerationStatus:
    """A generation with these workers."""
    return GenerationStatus(
        number=number,
        state=state,
        age=1.0,
        listener=2,
        version="1",
        app_version=None,
        configured=len(workers),
        is_silent=False,
        is_stale=False,
        workers=workers,
    )


STATUS = PoolStatus(
    master=MasterStatus(
        pid=1, version="1.2", mode="paused", paths=(), folder="/", pidfile=None, log=None
    ),
    generations=(
        generation(1, "superseded", worker("leaving")),
        generation(2, "owner", worker("busy"), worker("busy", 1), worker("a state of tomorrow", 2)),
    ),
    listener_ends=ListenerEnds(count=3, generation=1, last_end="x", backoff=0.0),
    reload=None,
)


def figures(*jobs: JobTally, buckets: tuple[float, ...] = BUCKETS[:-1]) -> PoolFigures:
    """What was counted."""
    return PoolFigures(
        jobs=jobs,
        ends=(EndTally("killed", 4),),
        reloads=(ReloadTally("done", 2, 1.5),),
        buckets=buckets,
    )


def backlog(*queues: QueueDepth, failed: int | None = 7) -> Backlog:
    """What waits."""
    return Backlog(server="s", namespace="n", queues=queues, failed=failed, failures=())


def page(sample: Sample) -> dict[tuple[str, ...], float]:
    """Return each line's value by its name and labels, as Prometheus's own parser reads it."""
    text = Metrics(lambda: sample).page("").body.decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_pool():
    """Workers of all generations by their state, those of the owner by what it asks for."""
    found = page(Sample(status=STATUS, seconds=0.25))
    assert found["resqued_up",] == 1
    assert found["resqued_scrape_seconds",] == 0.25
    assert [found["resqued_mode", mode] for mode in ("working", "paused")] == [0, 1]
    assert (found["resqued_generations", "owner"], found["resqued_generation",]) == (1, 2)
    assert (found["resqued_workers", "busy"], found["resqued_workers", "leaving"]) == (2, 1)
    assert found["resqued_workers", "a state of tomorrow"] == 1
    assert found["resqued_workers_configured",] == 3
    assert found["resqued_listener_ends_total",] == 3


def test_what_is_not_known_is_not_there():
    """Nothing is said to be 0 that could not be looked at."""
    found = page(Sample())
    assert set(found) == {("resqued_up",), ("resqued_scrape_seconds",)}
    assert page(Sample(status=STATUS))["resqued_server_up",] == 0
    without_records = page(Sample(backlog=backlog(failed=None)))
    assert ("resqued_failure_records",) not in without_records


def test_jobs():
    """The buckets add up, as Prometheus has them."""
    runs = tuple(1 if place in (0, 3, len(BUCKETS) - 1) else 0 for place in range(len(BUCKETS)))
    tally = JobTally(
        queue="mail", job="Send", performed=2, failed=1, cut_off=0, seconds=4000.5, runs=runs
    )
    found = page(Sample(figures=figures(tally)))
    assert found["resqued_jobs_total", "Send", "performed", "mail"] == 2
    assert found["resqued_jobs_total", "Send", "cut_off", "mail"] == 0
    assert found["resqued_job_seconds_bucket", "Send", "0.005", "mail"] == 1
    assert found["resqued_job_seconds_bucket", "Send", "3600.0", "mail"] == 2
    assert found["resqued_job_seconds_bucket", "Send", "+Inf", "mail"] == 3
    assert found["resqued_job_seconds_count", "Send", "mail"] == 3
    assert found["resqued_job_seconds_sum", "Send", "mail"] == 4000.5
    assert found["resqued_worker_ends_total", "killed"] == 4
    assert found["resqued_reload_seconds_sum", "done"] == 1.5


def test_buckets_of_another_version():
    """A master that counts otherwise: no histogram, and everything else."""
    tally = JobTally(queue="mail", job="Send", performed=2, runs=(1, 1))
    found = page(Sample(figures=figures(tally, buckets=(1.0, 2.0, 3.0))))
    assert found["resqued_jobs_total", "Send", "performed", "mail"] == 2
    assert not [name for name in found if name[0].startswith("resqued_job_seconds")]


@pytest.mark.parametrize("name", ['"} 1\nresqued_up 0 #', "\\", "\udcff", "\x1b[2J", "", "é" * 500])
def test_names_are_what_they_are(name: str):
    """Whoever pushes a job, or makes a queue, adds one label and no line."""
    tally = JobTally(queue=name, job=name, performed=1)
    queue = QueueDepth(name=name, depth=5, head_age=None)
    found = page(Sample(status=STATUS, figures=figures(tally), backlog=backlog(queue)))
    assert found["resqued_up",] == 1
    assert [value for key, value in found.items() if key[0] == "resqued_queue_jobs"] == [5]


@pytest.mark.parametrize("name", ["x" * 500, "é" * 100, "x" + "é" * 100, "a\x1b\0\nb", "\u202e"])
def test_a_queue_has_one_label_everywhere(name: str):
    """What counts jobs cuts its name; what tells of what waits does so as well, so they join."""
    ledger = Ledger()
    ledger.begin(name, name)
    ledger.end(name, name, "performed", 1.0)
    (tally,) = ledger.read()
    ledger.close()
    queue = QueueDepth(name=name, depth=5, head_age=3.0)
    found = page(Sample(figures=figures(tally), backlog=backlog(queue)))
    labels = {key[-1] for key in found if "queue" in key[0] or key[0] == "resqued_jobs_total"}
    assert len(labels) == 1
    assert labels.pop().isprintable()


#: Names, and how they are shown; each might be taken for another one.
ODD_NAMES = {
    "a\x1b": r"a\x1b",
    r"a\x1b": r"a\x5cx1b",
    r"a\x5cx1b": r"a\x5cx5cx1b",
    "a\n": r"a\x0a",
    r"a\n": r"a\n",
    r"a\x0a": r"a\x5cx0a",
    "\u202e": r"\u202e",
    r"\u202e": r"\x5cu202e",
    "\\\u202e": r"\\u202e",
    "\U000e0001": r"\U000e0001",
    r"\U000e0001": r"\x5cU000e0001",
    r"App\Mail\\x": r"App\Mail\\x",
}


def test_names_that_are_alike_when_escaped():
    """Each has a series of its own; a backslash is shown by a code only where it would be one."""
    found = page(
        Sample(
            figures=figures(*(JobTally(queue="q", job=n, performed=1) for n in ODD_NAMES)),
            backlog=backlog(*(QueueDepth(name=n, depth=1, head_age=None) for n in ODD_NAMES)),
        )
    )

    jobs = {key[1] for key in found if key[0] == "resqued_jobs_total"}
    queues = {key[1] for key in found if key[0] == "resqued_queue_jobs"}
    assert jobs == queues == set(ODD_NAMES.values())
    assert found["resqued_jobs_total", r"a\x1b", "performed", "q"] == 1


def test_no_series_comes_twice():
    """Prometheus takes no page with one; what has the same label after all counts together."""
    names = [*ODD_NAMES, "\ud800", "\udcff", "?", "\ufffd", "x" * 500, "x" * 501, "é" * 500]
    names += ["x" * 95 + "é", "x" * 95 + "\u0100", "x" * 191 + "é", "x" * 191 + "\u0100", ""]
    ledger = Ledger()
    ledger.begin(names[0], names[0])
    for name in names:
        ledger.end(name, name, "performed", 1.0)
    ends = tuple(EndTally(name, 1) for name in ODD_NAMES)
    reloads = tuple(ReloadTally(name, 1, 1.0) for name in ODD_NAMES)
    counted = replace(figures(*ledger.read()), ends=ends, reloads=reloads)
    ledger.close()
    waiting = backlog(*(QueueDepth(name=name, depth=1, head_age=1.0) for name in names))

    text = Metrics(lambda: Sample(figures=counted, backlog=waiting)).page("").body.decode()
    series = [line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"]
    found = page(Sample(figures=counted, backlog=waiting))

    assert len(series) == len(set(series)) == len(found)
    assert sum(v for key, v in found.items() if key[0] == "resqued_jobs_total") == len(names)
    assert sum(v for key, v in found.items() if key[0] == "resqued_queue_jobs") == len(names)


def test_queues_with_one_label():
    """Those that differ after its end only count together."""
    queues = [
        QueueDepth(name="x" * 96 + end, depth=2, head_age=age) for end, age in (("a", 1), ("b", 3))
    ]
    found = page(Sample(backlog=backlog(*queues)))
    assert found["resqued_queue_jobs", "x" * 96] == 4
    assert found["resqued_queue_oldest_seconds", "x" * 96] == 3


@pytest.mark.parametrize(
    "accept",
    ["text/plain;version=x", "application/openmetrics-text; version=1.0.0-rc1", "*/*;q=x", "\xff"],
)
def test_whatever_is_accepted(accept: str):
    """It comes from anybody; what cannot be understood is answered with the text."""
    found = Metrics(lambda: Sample(status=STATUS)).page(accept)
    assert b"resqued_up 1.0" in found.body
    assert found.kind.startswith("text/plain; version=0.0.4")


def test_queues_without_end():
    """So many have a name; the jobs of all others are there together."""
    queues = [QueueDepth(name=f"q{n:04}", depth=2, head_age=1.0) for n in range(1500)]
    found = page(Sample(backlog=backlog(*queues)))
    depths = {key[1]: value for key, value in found.items() if key[0] == "resqued_queue_jobs"}
    assert len(depths) == 1001
    assert depths[OTHERS] == 1000
    assert sum(depths.values()) == 3000
