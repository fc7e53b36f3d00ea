"""How long a job waits until it starts, in workers that have nothing else to do or half enough."""

from dataclasses import dataclass

from benchmarks import application, figures
from benchmarks.contenders.model import Contender
from benchmarks.program import Program
from benchmarks.stage import Stage

WORKERS = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """How many jobs are sent one at a time."""

    jobs: int
    seconds: float  #: after which no more are sent, however few there were


def idle(stage: Stage, contender: Contender, app: str, sample: Sample) -> dict[str, float]:
    """Enqueue one job at a time, after a pause."""
    stage.clear()
    with stage.running(contender, WORKERS, app) as program:
        wait_until_ready(stage, contender, program, WORKERS)
        done = stage.produce(contender, "alone", stage.notes, sample.jobs, sample.seconds)
        return waits(stage, program, int(done["notes"]))


def under_load(stage: Stage, contender: Contender, rate: float, seconds: float) -> dict[str, float]:
    """Enqueue ``rate`` jobs a second, as far as one producer can."""
    stage.clear()
    with stage.running(contender, WORKERS, application.BARE) as program:
        wait_until_ready(stage, contender, program, WORKERS)
        done = stage.produce(contender, "steadily", stage.notes, rate, seconds)
        found = waits(stage, program, int(done["notes"]))
        return {**found, "wanted rate": rate, "rate": done["rate"]}


def wait_until_ready(stage: Stage, contender: Contender, program: Program, workers: int) -> None:
    """Wait until every worker has a job, and then has none; leaves no note."""
    stage.hold(contender, workers)
    stage.wait_for_notes(contender.to_hold(workers), program)
    stage.forget_notes()


def waits(stage: Stage, program: Program, count: int) -> dict[str, float]:
    """Return what the notes of jobs say, in milliseconds."""
    notes = stage.wait_for_notes(count, program)
    milliseconds = [(started - sent) / 1e6 for sent, started in notes]
    return {
        "jobs": len(notes),
        "p50": figures.percentile(milliseconds, 50),
        "p99": figures.percentile(milliseconds, 99),
        "longest": max(milliseconds),
    }
