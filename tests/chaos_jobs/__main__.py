"""Numbered jobs through a pool whose processes, connections and server die: ``make chaos-jobs``.

At the end every number is accounted for; the exit status is 1 if one was lost or was performed
again without a reason. A seed names what happens in a run; when it meets which job does not follow
from it.
"""

import argparse
import pathlib
import random
import shutil
import sys
import tempfile

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

import resqued
from tests.chaos_jobs import report
from tests.chaos_jobs.run import Order, Run


def main() -> int:
    """Run; 0: every job is accounted for."""
    options = _arguments()
    order = Order(
        options.jobs,
        options.seed,
        options.every,
        on_worker_death=options.on_worker_death,
        jobs_per_fork=options.jobs_per_fork,
        standby=options.standby,
    )
    print(f"resqued is {pathlib.Path(resqued.__file__).parent}, seed {order.seed}")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="resqued-chaos-jobs-"))
    is_good = False
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("performed", total=order.jobs)
            result = Run(order, folder, lambda n: progress.update(task, completed=n)).run()
        is_good = result.is_good
        report.show(order, result, Console())
        if options.json is not None:
            report.write(order, result, options.json)
    finally:
        if is_good and not options.keep:
            shutil.rmtree(folder)
        else:
            print(f"The log, the notes and the failures are in {folder}")
    return 0 if is_good else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos_jobs", description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000, metavar="N", help="how many")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the run")
    parser.add_argument(
        "--every", type=int, default=200, metavar="N", help="jobs between two disturbances"
    )
    parser.add_argument(
        "--on-worker-death", choices=("fail", "requeue"), help="the pool's option of this name"
    )
    parser.add_argument("--jobs-per-fork", type=int, metavar="N", help="likewise")
    parser.add_argument("--standby", action="store_true", help="likewise")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the result here")
    parser.add_argument("--keep", action="store_true", help="keep the run's folder")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
