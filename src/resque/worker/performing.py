"""What runs in a job's process, or for a job in the worker's own: perform, and report a failure."""

import atexit
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from signal import Signals

from resque import perform
from resque.clock import SystemClock
from resque.errors import FailureHookError
from resque.failure.record import Failure
from resque.job import Job
from resque.worker.child import EXIT_UNSAVED
from resque.worker.deadline import Deadline
from resque.worker.interruption import EndOfJob, Interruption
from resque.worker.patience import Patience
from resqued.process.title import set_title

log = logging.getLogger(__name__)

#: Seconds for which a job's process tries to write its failure down, while the server is in
#: trouble; after that only its worker goes on, which does not know what the job has raised.
SAVE_FOR = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTask:
    """What the forked child of a job needs."""

    job: Job
    title: str
    prepare: Callable[[], None]  #: runs before the job, and may fail it
    succeeded: Callable[[], None]  #: has the success known
    failed: Callable[[Failure, BaseException], None]  #: writes the failure down, and may raise
    let_go: Callable[[], None]  #: closes what is the worker's
    run_at_exit_hooks: bool
    deadline: Deadline | None = None


def perform_in_child(task: JobTask) -> int:
    """Be the process of one job; returns its exit status."""
    task.let_go()
    set_title(task.title)
    interruption = Interruption()
    # It stays to the end: TERM must not end the process while the failure is written down.
    interruption.install([Signals.SIGTERM])
    error = outcome(task.job, interruption, task.prepare)
    # When its time was over first, the worker reports it, whatever it has come to by now.
    is_ours = task.deadline is None or task.deadline.claim()
    status = _report(task, error, interruption) if is_ours else 0
    if task.run_at_exit_hooks:
        atexit._run_exitfuncs()  # noqa: SLF001 - there is no other way to run them before _exit
    return status


def outcome(
    job: Job, interruption: Interruption, prepare: Callable[[], None] | None = None
) -> BaseException | None:
    """Perform the job in this process; returns what it raised, SystemExit included, as in Ruby."""
    try:
        if prepare is not None:
            prepare()
        job.perform()
        interruption.job_is_done()
    except BaseException as error:  # noqa: BLE001 - it is reported
        interruption.job_is_done()
        return error
    return None


def describe(job: Job, error: BaseException) -> Failure:
    """Run the job's on_failure hooks, and return what there is to be written down.

    Unlike in Ruby a hook that raises does not take the place of the job's own error: its text is
    added.
    """
    failure = Failure.of(error, below=perform.THIS_FILE)
    try:
        job.run_failure_hooks(error)
    except FailureHookError as additional:
        log.exception("An on_failure hook of %.200s failed", job.payload.class_name)
        failure = replace(failure, error=f"{failure.error}\n{additional}")
    log.info(
        "Job %.200s failed: %s: %.500s", job.payload.class_name, failure.exception, failure.error
    )
    return failure


def run_hooks_in_child(job: Job, error: BaseException, let_go: Callable[[], None]) -> int:
    """Be a process that only runs a job's on_failure hooks; returns its exit status."""
    let_go()
    try:
        job.run_failure_hooks(error)
    except FailureHookError:
        log.exception("An on_failure hook of %.200s failed", job.payload.class_name)
        return 1
    return 0


def _report(task: JobTask, error: BaseException | None, interruption: Interruption) -> int:
    if error is None:
        task.succeeded()
        return 0
    failure = describe(task.job, error)
    patience = Patience(EndOfJob(interruption), SystemClock(), limit=SAVE_FOR, last_tries=0.0)
    try:
        patience.insist(lambda: task.failed(failure, error))
    except Exception:
        log.exception("The failure of %.200s cannot be written down", task.job.payload.class_name)
        return EXIT_UNSAVED
    return 0
