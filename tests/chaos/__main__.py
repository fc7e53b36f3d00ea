"""Random schedules against a real daemon: ``make chaos``, or ``python -m tests.chaos``.

Each failure is printed with its history, its log, and the command that runs it again. A schedule's
choices follow from its seed; how they meet the daemon's own timing does not.
"""

import argparse
import pathlib
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

import resqued
from tests.chaos.schedule import Order, Outcome, run


def main() -> int:
    """Run the schedules; 0: no rule was broken."""
    options = _arguments()
    orders = list(_orders(options))
    print(f"resqued is {pathlib.Path(resqued.__file__).parent}, seed {options.seed}")
    began, console = time.monotonic(), Console(stderr=True)
    failed, total = [], Counter[str]()
    looks, seconds, longest, overlaps = 0, 0.0, 0.0, 0
    with (
        Progress(
            *Progress.get_default_columns(), MofNCompleteColumn(), console=console
        ) as progress,
        ProcessPoolExecutor(options.parallel, mp_context=get_context("spawn")) as processes,
    ):
        task = progress.add_task("0 failed", total=len(orders))
        for done, outcome in enumerate(processes.map(run, orders), start=1):
            total.update(outcome.events)
            looks += outcome.looks
            seconds += outcome.seconds
            overlaps += outcome.overlaps
            longest = max(longest, outcome.longest_look)
            if outcome.breaches:
                failed.append(outcome)
                _show(outcome, options.seed)
            progress.update(task, completed=done, description=f"{len(failed)} failed")
    print(f"{len(orders)} schedules, seed {options.seed}: {len(failed)} failed")
    print(f"{time.monotonic() - began:.0f} s, {seconds / max(1, len(orders)):.1f} s each")
    print(f"{looks} looks at the processes, the longest took {longest * 1000:.0f} ms")
    print(f"{overlaps} looks saw the job of a killed worker beside a full pool")
    for name, count in sorted(total.items(), key=lambda item: item[0].strip()):
        print(f"{count:8} {name}")
    return bool(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--schedules", type=int, default=50, metavar="N", help="how many")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the first")
    parser.add_argument("--only", type=int, metavar="K", help="only the schedule of this number")
    parser.add_argument("--parallel", type=int, default=2, metavar="N", help="how many at a time")
    parser.add_argument(
        "--kind", choices=("chaos", "calm", "real"), help="only schedules of a kind"
    )
    return parser.parse_args()


def _orders(options: argparse.Namespace) -> Iterator[Order]:
    numbers = range(options.schedules) if options.only is None else [options.only]
    for number in numbers:
        seed = options.seed * 1_000_003 + number
        yield Order(number, seed, kind=options.kind)


def _show(outcome: Outcome, seed: int) -> None:
    print(f"\n\n=== schedule {outcome.number} ({outcome.kind}) of seed {seed} failed")
    print("\n".join(outcome.breaches))
    print("--- history")
    print("\n".join(outcome.history))
    print("--- log")
    print(outcome.log)
    print(f"--- again: make chaos SEED={seed} ONLY={outcome.number}\n")


if __name__ == "__main__":
    sys.exit(main())
