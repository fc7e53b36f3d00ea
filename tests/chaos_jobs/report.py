"""A run's result, for people and for programs."""

import json
import pathlib

from rich.console import Console
from rich.table import Table

from tests.chaos_jobs.account import FAULTS, Outcome
from tests.chaos_jobs.run import Order, Result

#: Numbers of a fault that are named.
_NAMED = 20


def show(order: Order, result: Result, console: Console) -> None:
    """Print the tables, and what is wrong."""
    title = f"{result.numbers:,} jobs, seed {order.seed}"
    outcomes = Table("what became of them", title=title, min_width=50)
    outcomes.add_column("jobs", justify="right")
    for outcome in Outcome:
        if result.outcomes[outcome] or outcome in FAULTS:
            outcomes.add_row(outcome.value, f"{result.outcomes[outcome]:,}")
    events = Table("what happened to them", min_width=50)
    events.add_column("times", justify="right")
    for name, count in sorted(result.events.items()):
        events.add_row(name, f"{count:,}")
    records = Table("failure records", min_width=50)
    records.add_column("of them", justify="right")
    for name, count in sorted(result.exceptions.items()):
        records.add_row(name, f"{count:,}")
    records.add_row("jobs with more than one", f"{len(result.repeated_records):,}")
    console.print(outcomes, events, records, sep="\n")
    speed = result.numbers / result.seconds if result.seconds else 0.0
    console.print(f"{result.seconds:.1f} s, {speed:.0f} jobs/s", highlight=False)
    for line in complaints(result):
        console.print(line, style="red", highlight=False, markup=False)


def complaints(result: Result) -> list[str]:
    """Return what is wrong, a line each, the numbers named."""
    lines = list(result.problems)
    for fault, numbers in result.faults.items():
        if numbers:
            named = ", ".join(map(str, numbers[:_NAMED]))
            lines.append(f"{fault.value}: {named}{', ...' if len(numbers) > _NAMED else ''}")
    return lines


def write(order: Order, result: Result, path: pathlib.Path) -> None:
    """Write all of it as JSON."""
    content = {
        "jobs": order.jobs,
        "seed": order.seed,
        "on_worker_death": order.on_worker_death,
        "jobs_per_fork": order.jobs_per_fork,
        "standby": order.standby,
        "numbers": result.numbers,
        "uncertain": result.uncertain,
        "seconds": round(result.seconds, 1),
        "outcomes": {outcome.name.lower(): result.outcomes[outcome] for outcome in Outcome},
        "faults": {fault.name.lower(): numbers for fault, numbers in result.faults.items()},
        "events": dict(result.events),
        "failure_records": dict(result.exceptions),
        "repeated_records": result.repeated_records,
        "left_registered": result.left_registered,
        "problems": result.problems,
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
