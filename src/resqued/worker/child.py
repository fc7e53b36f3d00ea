"""The body of a forked worker."""

import logging
from dataclasses import dataclass
from signal import Signals

from resqued import __version__
from resqued.config.hooks import run_hooks
from resqued.config.model import Config, WorkerSpec
from resqued.exit_codes import ExitCode
from resqued.process import lifeline, signals
from resqued.process.title import set_title
from resqued.worker.factory import default_factory
from resqued.worker.gate import Ticket

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerTask:
    """All that a forked worker needs to know."""

    spec: WorkerSpec
    config: Config
    ticket: Ticket
    lifeline: int  #: ends when the master does


def run_worker(task: WorkerTask) -> int:
    """Build the worker, run its hooks, wait at the gate, work. Returns the exit status.

    Until ``work`` installs handlers of its own, QUIT, TERM and INT simply end the process: it
    has no job yet. An exception is logged with its traceback, and fails this worker alone.
    """
    signals.ignore(Signals.SIGHUP)  # containers send it to every process
    # Before the worker registers: a Ruby pruner looks for "resque-<digit>" (protocol, section 9).
    set_title(f"resque-{__version__}: Starting")
    try:
        factory = task.config.worker_factory or default_factory
        worker = factory(list(task.spec.queues))
        run_hooks(task.config.hooks.after_fork, worker)
    except Exception:
        log.exception("Worker for %s cannot start", ",".join(task.spec.queues))
        return ExitCode.FAILED
    may_work = task.ticket.wait()
    task.ticket.close()
    if not may_work:
        return ExitCode.OK
    lifeline.signal_at_end(task.lifeline, Signals.SIGQUIT)
    worker.work(task.spec.interval)
    return ExitCode.OK
