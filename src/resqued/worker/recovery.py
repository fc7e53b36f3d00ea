"""The body of the short-lived process that sees to what a dead worker has left."""

import logging
from dataclasses import dataclass
from signal import Signals

from resqued import __version__
from resqued.exit_codes import ExitCode
from resqued.log import bind
from resqued.process import limits, signals
from resqued.process.title import set_title
from resqued.worker.death import WorkerDeath
from resqued.worker.factory import Recover

log = logging.getLogger(__name__)

#: What every process of a terminal, a container or a service gets: this one finishes what it does.
_NOT_OURS = (Signals.SIGHUP, Signals.SIGINT, Signals.SIGQUIT, Signals.SIGTERM)


@dataclass(frozen=True, slots=True)
class RecoveryTask:
    """All that such a process needs to know."""

    recover: Recover
    death: WorkerDeath
    seconds: float  #: until the kernel ends it
    file_limit: int  #: how many open files it may have


def run_recovery(task: RecoveryTask) -> int:
    """Call the factory's ``recover``. Returns the exit status; what goes wrong is one line.

    It may outlive its listener, though never its time: nobody else would see to this soon.
    """
    limits.end_after(task.seconds)
    bind(worker=task.death.pid)
    for number in _NOT_OURS:
        signals.ignore(number)
    signals.lead_group()
    limits.set_file_limit(task.file_limit)
    set_title(f"resqued-{__version__} recovery")
    try:
        task.recover(task.death)
    except (Exception, SystemExit) as error:
        log.error(  # noqa: TRY400 - with a traceback only for who looks for more
            "What worker %d for %s has left was not seen to: %s: %s",
            task.death.pid,
            ",".join(task.death.queues),
            type(error).__qualname__,
            error,
            exc_info=log.isEnabledFor(logging.DEBUG),
            extra={
                "event": "recovery_failed",
                "worker": task.death.pid,
                "queues": task.death.queues,
                "reason": f"{type(error).__qualname__}: {error}",
            },
        )
        return ExitCode.FAILED
    return ExitCode.OK
