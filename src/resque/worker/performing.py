"""Perform a job, in its own process or in its worker's, and describe its failure."""

import logging
from collections.abc import Callable, Collection
from dataclasses import replace
from signal import Signals

from resque import perform
from resque.errors import FailureHookError
from resque.failure.record import Failure
from resque.job import Job
from resque.worker.interruption import Interruption
from resqued.process import signals

log = logging.getLogger(__name__)

#: What may become of a job, as its observer is told.
PERFORMED, FAILED, CUT_OFF = "performed", "failed", "cut_off"


def outcome(
    job: Job,
    interruption: Interruption,
    meant: Collection[Signals],
    prepare: Callable[[], None] | None = None,
) -> BaseException | None:
    """Perform the job in this process; returns what it raised, SystemExit included, as in Ruby.

    The signals ``meant`` interrupt it.
    """
    try:
        try:
            interruption.job_begins(meant)
            if prepare is not None:
                prepare()
            job.perform()
        finally:
            interruption.job_is_done()
    except BaseException as error:  # noqa: BLE001 - it is reported
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
        name = job.payload.class_name
        fields = {"event": "hook_failed", "hook": "on_failure", "job": name[:200]}
        log.exception("An on_failure hook of %.200s failed", name, extra=fields)
        failure = replace(failure, error=f"{failure.error}\n{additional}")
    log.info(
        "Job %.200s failed: %s: %.500s",
        job.payload.class_name,
        failure.exception,
        failure.error,
        extra={
            "event": "job_failed",
            "queue": job.queue[:200],
            "job": job.payload.class_name[:200],
            "exception": failure.exception,
            "error": failure.error[:500],
        },
    )
    return failure


def run_hooks_in_child(job: Job, error: BaseException) -> int:
    """Be a process that only runs a job's on_failure hooks; returns its exit status."""
    signals.reset(Signals.SIGTERM)  # it ends this process, in which there is nothing to record
    try:
        job.run_failure_hooks(error)
    except FailureHookError:
        name = job.payload.class_name
        fields = {"event": "hook_failed", "hook": "on_failure", "job": name[:200]}
        log.exception("An on_failure hook of %.200s failed", name, extra=fields)
        return 1
    return 0
