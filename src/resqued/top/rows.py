"""The rows of the three lists; all that others have named is escaped, and is never markup."""

from collections.abc import Iterator

from rich.text import Text

from resqued import wording
from resqued.backlog.model import FailedJob, QueueDepth
from resqued.config.display import one_line
from resqued.control.status import GenerationStatus, PoolStatus, WorkerStatus
from resqued.top.cells import HEADING, STYLES, WRONG, cell, counted, short, speed
from resqued.top.model import KEPT, BacklogView, PoolView, rate_of, rates_of
from resqued.top.table import Column, Row
from resqued.wording import duration

WORKER_COLUMNS = (
    Column(title="PID", least=7, most=7, is_right=True),
    Column(title="QUEUES", least=6, most=30),
    Column(title="STATE", least=13, most=24, stretches=True),
    Column(title="AGE", least=6, most=6, is_right=True, rank=3),
    Column(title="JOBS", least=5, most=8, is_right=True, rank=1),
    Column(title="JOBS/S", least=KEPT + 6, most=KEPT + 6, is_right=True, rank=5),
    Column(title="PRIVATE", least=7, most=7, is_right=True, rank=4),
    Column(title="ENDS", least=4, most=30, rank=2),
)
QUEUE_COLUMNS = (
    Column(title="QUEUE", least=6, most=16, stretches=True),
    Column(title="JOBS", least=5, most=9, is_right=True),
    Column(title="OLDEST", least=8, most=8, is_right=True, rank=1),
)
FAILURE_COLUMNS = (
    Column(title="FAILED AT", least=14, most=14, rank=2),
    Column(title="QUEUE", least=5, most=12, rank=1),
    Column(title="JOB", least=6, most=20),
    Column(title="ERROR", least=14, most=30, stretches=True),
)


def worker_rows(view: PoolView) -> list[Row]:
    """Return a heading for each generation, and a row for each of its workers."""
    if view.status is None:
        return []
    highest = max([0.0, *(rate for counts in view.counts.values() for rate in rates_of(counts))])
    rows = [
        row for each in view.status.generations for row in _generation_rows(view, each, highest)
    ]
    return [_sum_row(view, view.status), *rows]


def queue_rows(view: BacklogView) -> list[Row]:
    """Return a row for each queue, those first in which most jobs wait."""
    if view.backlog is None:
        return []
    queues = sorted(view.backlog.queues, key=lambda queue: (-queue.depth, queue.name))
    return [_queue_row(queue) for queue in queues]


def failure_rows(view: BacklogView) -> list[Row]:
    """Return a row for each of the last failures, the newest first."""
    if view.backlog is None:
        return []
    # Counted from the oldest, so that a selected one stays selected when others come.
    total = view.backlog.failed or 0
    return [_failure_row(failed, total - n) for n, failed in enumerate(view.backlog.failures)]


def _sum_row(view: PoolView, status: PoolStatus) -> Row:
    """Return a row about all workers."""
    workers = [worker for each in status.generations for worker in each.workers]
    pids = [worker.pid for worker in workers if worker.pid is not None]
    sizes = [view.memory[pid].private for pid in pids if pid in view.memory]
    busy = sum(worker.job is not None for worker in workers)  # those that leave included
    return Row(
        cells=(
            Text("all"),
            Text(counted(len(pids), "worker", "workers")),
            Text(f"{busy} busy"),
            Text(),
            Text(),
            Text(speed(view.rates, max(view.rates), view.rates[-1]) if view.rates else "-"),
            cell(wording.megabytes(sum(sizes)) if sizes else None),
            Text(),
        )
    )


def _generation_rows(view: PoolView, each: GenerationStatus, highest: float) -> Iterator[Row]:
    yield Row(across=Text(one_line(wording.heading(each, view.memory)), style=HEADING))
    if each.is_silent or each.is_stale:
        yield Row(across=Text(wording.silence(each), style=WRONG))
    for worker in each.workers:
        yield _worker_row(view, each, worker, highest)


def _worker_row(
    view: PoolView, generation: GenerationStatus, worker: WorkerStatus, highest: float
) -> Row:
    memory = view.memory.get(worker.pid or 0)
    counts = view.counts.get(worker.pid or 0, ())
    mean = rate_of(counts)
    shown = None if mean is None else speed(rates_of(counts), highest, mean)
    return Row(
        key=(generation.number, worker.slot),
        cells=(
            cell(worker.pid),
            Text(one_line(",".join(worker.queues), wording.LONGEST)),
            Text(one_line(_state(worker)), style=STYLES.get(worker.state, "")),
            cell(None if worker.age is None else duration(worker.age)),
            cell(worker.jobs_done),
            cell(shown),
            cell(None if memory is None else wording.megabytes(memory.private)),
            Text(wording.ends(worker)),
        ),
        detail=tuple(_worker_detail(view, generation, worker)),
    )


def _state(worker: WorkerStatus) -> str:
    """Return what is the case in a worker's place, the most important first: the rest is cut."""
    if worker.job is not None:
        since = "" if worker.job_age is None else f" {duration(worker.job_age)}"
        return f"{worker.state}{since} {one_line(worker.job, wording.LONGEST)}"
    if worker.backoff is not None:
        return f"{worker.state} {duration(worker.backoff)}"
    return worker.state


def _worker_detail(
    view: PoolView, generation: GenerationStatus, worker: WorkerStatus
) -> Iterator[str]:
    name = "No worker" if worker.pid is None else f"Worker {worker.pid}"
    yield f"{name} in place {worker.slot} of generation {generation.number}"
    yield f"Queues   {one_line(','.join(worker.queues))}"
    yield f"State    {one_line(worker.state)}"
    if worker.job is not None:
        since = "" if worker.job_age is None else f", for {duration(worker.job_age)}"
        yield f"Job      {one_line(worker.job)}{since}"
    if worker.jobs_done is not None:
        yield f"Done     {counted(worker.jobs_done, 'job', 'jobs')}"
    memory = view.memory.get(worker.pid or 0)
    if memory is not None:
        sizes = (wording.megabytes(size) for size in (memory.private, memory.shared))
        yield "Memory   {} private, {} shared".format(*sizes)
    if worker.restarts:
        yield f"Ended    {worker.restarts} before it, the last: {one_line(worker.last_end or '-')}"


def _queue_row(queue: QueueDepth) -> Row:
    age = None if queue.head_age is None else f">{duration(queue.head_age)}"
    return Row(
        key=queue.name,
        cells=(Text(one_line(queue.name, 200)), Text(str(queue.depth)), cell(age)),
        detail=(
            f"Queue    {one_line(queue.name)}",
            f"Waiting  {counted(queue.depth, 'job', 'jobs')}",
            f"Oldest   has waited for {age[1:]} or longer" if age else "Oldest   none waits",
        ),
    )


def _failure_row(failed: FailedJob, number: int) -> Row:
    at, queue, job, exception, error = (
        one_line(text or "-", 200)
        for text in (failed.failed_at, failed.queue, failed.job, failed.exception, failed.error)
    )
    return Row(
        key=number,
        cells=(
            Text(short(at)),
            Text(queue),
            Text(job),
            Text(f"{exception}: {error}", style=WRONG),
        ),
        detail=(
            f"Failed at  {at}",
            f"Queue      {queue}",
            f"Job        {job}",
            f"Exception  {exception}",
            f"Error      {one_line(failed.error or '-', 2000)}",
        ),
    )
