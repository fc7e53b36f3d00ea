"""How many jobs two workers do a second."""

import os
import subprocess
import sys
import time

from benchmarks import application, figures
from benchmarks.contenders.model import Contender
from benchmarks.errors import MeasureError
from benchmarks.program import ROOT
from benchmarks.stage import PATIENCE, Stage

WORKERS = 2
#: Seconds between two looks at the queue.
_PERIOD = 0.02
#: Fewer jobs than these say nothing.
_LEAST = 50


def measure(stage: Stage, contender: Contender, app: str, jobs: float) -> dict[str, float]:
    """Fill the queue, start the workers, and watch the queue until it is empty.

    The first jobs hold the workers until all of them are there. Brokers that hand out some jobs
    ahead do so all the time, so that the queue's length falls as quickly as jobs are done.
    """
    total = max(int(jobs), _LEAST)
    stage.clear()
    stage.hold(contender, WORKERS)
    stage.produce(contender, "noops", total)
    samples: list[tuple[float, int]] = []
    with stage.running(contender, WORKERS, app) as program:
        deadline = time.monotonic() + PATIENCE
        while (left := stage.length(contender)) > 0:
            samples.append((time.monotonic(), left))
            program.check()
            if time.monotonic() > deadline:
                raise MeasureError(f"{left} of {total} jobs are left; {program.last_words()}")
            time.sleep(_PERIOD)
    rate = figures.slope(samples, total)
    if rate is None:
        raise MeasureError(f"{total} jobs were done too quickly to be measured")
    return {"rate": rate, "jobs": total}


def limit(app: str, seconds: float) -> dict[str, float]:
    """Return how many processes a second the machine can fork of a process like the workers."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.reference.fork_limit", str(WORKERS), str(seconds)],
        cwd=ROOT,
        env=os.environ | {application.VARIABLE: app},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode:
        raise MeasureError(f"the loop of forks has failed: {done.stderr[-200:]}")
    return {"rate": float(done.stdout)}
