"""One run: all tasks, with their progress on the terminal."""

import subprocess
from dataclasses import asdict

import redis
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

from benchmarks import machine
from benchmarks.contenders import field
from benchmarks.errors import MeasureError
from benchmarks.plan import Plan
from benchmarks.results import Results
from benchmarks.stage import stage
from benchmarks.tasks import Task, Tasks

#: One measurement has failed; AssertionError is how tests.support says so.
_FAILURES = (
    MeasureError,
    OSError,
    subprocess.SubprocessError,
    redis.RedisError,
    AssertionError,
)


def run(plan: Plan, console: Console) -> Results:
    """Measure everything; whoever cannot be measured is missing, and the others go on."""
    results = Results(plan=asdict(plan))
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with stage() as server, Progress(*columns, console=console) as progress:
        results.machine = machine.describe(server.client)
        tasks = list(Tasks(plan, server, results, field.everyone()).all())
        bar = progress.add_task("", total=len(tasks))
        for task in tasks:
            progress.update(bar, description=f"{task.measure}: {task.contender}")
            if not results.is_missing(task.measure, task.contender):
                _carry_out(task, results, progress.console)
            progress.advance(bar)
    return results


def _carry_out(task: Task, results: Results, console: Console) -> None:
    try:
        results.add(task.measure, task.contender, task.run())
    except _FAILURES as error:
        reason = str(error).replace("\n", " ")
        results.miss(task.measure, task.contender, reason)
        console.print(f"{task.measure}: {task.contender}: {reason}", markup=False)
