"""The body of a forked worker."""

import logging
import os
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from signal import Signals

from resqued import __version__, report
from resqued.config.hooks import run_hooks
from resqued.config.model import Config, WorkerSpec
from resqued.exit_codes import ExitCode
from resqued.figures import FAILED, PERFORMED
from resqued.log import bind
from resqued.process import dump, kernel, lifeline, limits, signals, stack
from resqued.process.baton import Baton
from resqued.process.title import set_title
from resqued.worker.board import Board
from resqued.worker.factory import DefaultFactory, Work
from resqued.worker.gate import Ticket

log = logging.getLogger(__name__)

#: How much sooner than its listener a worker is taken when memory runs out (oom_score_adj).
_OOM_STEP = 100
#: The log, which follows a file that was moved by this very number.
_STDERR = 2


@dataclass(frozen=True, slots=True)
class WorkerTask:
    """All that a forked worker needs to know."""

    spec: WorkerSpec
    config: Config
    ticket: Ticket
    lifeline: int | None  #: ends when the master does; None: there is none, as nobody will work
    file_limit: int  #: how many open files it may have
    is_canary: bool  #: whether it is to prove its generation first
    follow_log: Callable[[], None]  #: lets what is printed follow a log file that was moved
    baton: Baton | None = None  #: of those who work the same queues


def run_worker(task: WorkerTask) -> int:
    """Build the worker, run its hooks, wait at the gate, work. Returns the exit status.

    Until ``work`` installs handlers of its own, QUIT, TERM and INT simply end the process: it
    has no job yet. An exception before the gate fails this worker alone, a canary's its whole
    generation.
    """
    # Until it is through the gate nobody may know of this process but the listener, and the
    # application's code may hang: it must not outlive the one that could still end it.
    kernel.die_with_parent(Signals.SIGKILL)
    if not task.ticket.is_valid():
        return ExitCode.OK
    bind(worker=os.getpid())  # what its jobs' processes log is this worker's as well
    signals.ignore(Signals.SIGHUP)  # containers send it to every process
    signals.lead_group()
    kernel.prefer_for_oom(_OOM_STEP)
    limits.set_file_limit(task.file_limit)
    # Before the worker registers: a Ruby worker prunes those of this host without "resque-<digit>".
    starting = f"resque-{__version__}: Starting"
    set_title(f"resqued-{__version__} canary" if task.is_canary else starting)
    dump.answer()  # first of all: it is what hangs that somebody wants to look at
    # Before the hooks, which may change the user.
    lifeline_end = None if task.lifeline is None else lifeline.own_end(task.lifeline)
    worker = _build(task)
    if worker is None:
        return ExitCode.FAILED
    if getattr(worker, "enforces_timeout", False):
        task.ticket.say("enforces")
    elif task.spec.limits.timeout is not None:
        stack.answer(_STDERR)  # its listener will ask
    if not task.ticket.wait(announces=hasattr(worker, "job_observer")):
        return ExitCode.OK
    kernel.outlive_parent()
    set_title(starting)
    report.connect(task.ticket)
    lifeline.signal_at_end(lifeline_end, Signals.SIGQUIT)
    worker.work(task.spec.interval)
    return ExitCode.OK


def _build(task: WorkerTask) -> Work | None:
    """Return the worker object, its hooks done; None if that failed, which has been said."""
    try:
        factory = task.config.worker_factory or DefaultFactory()
        worker: Work = factory(list(task.spec.queues))
        if not callable(getattr(worker, "work", None)):
            raise TypeError(f"the factory returned {worker!r}, which has no method work")  # noqa: TRY301
        equip(worker, task.spec, task.baton, task.ticket.board, task.follow_log)
        run_hooks(task.config.hooks.after_fork, worker)
    except (Exception, SystemExit):
        what = f"A worker for {','.join(task.spec.queues)} cannot start"
        if not task.is_canary:
            fields = {"event": "worker_start_failed", "queues": task.spec.queues}
            log.exception("%s", what, extra=fields)
        task.ticket.say("failed", f"{what}\n{traceback.format_exc().rstrip()}")
        return None
    return worker


def equip(
    worker: Work,
    spec: WorkerSpec,
    baton: Baton | None,
    board: Board,
    follow_log: Callable[[], None],
) -> None:
    """Give a worker what it asks for by an attribute: an observer, a baton, and limits.

    Its after_fork hooks may set others. ``board`` is where its listener looks for its jobs.
    """
    if hasattr(worker, "job_observer"):
        worker.job_observer = _Observer(board, follow_log)
    if hasattr(worker, "baton"):
        worker.baton = baton
    max_deaths = spec.max_deaths if spec.on_worker_death == "requeue" else None
    for name, value in {**asdict(spec.limits), "max_deaths": max_deaths}.items():
        if value is not None and hasattr(worker, name):
            setattr(worker, name, value)


class _Observer:
    """What a worker that asks for it, as the default one does, calls when it works.

    Of its jobs it writes on the board itself; each function in between would cost every fork.
    """

    def __init__(self, board: Board, follow_log: Callable[[], None]) -> None:
        self._board = board
        self._follow_log = follow_log
        self._has_begun = False

    def known_as(self, name: str) -> None:
        """Called once, in the worker, with the id that it takes, before it uses it."""
        report.known_as(name)

    def connected_to(self, url: str, namespace: str, failures: str) -> None:
        """Called once, in the worker, with where its jobs come from."""
        report.connected_to(url, namespace, failures)

    def work_begun(self) -> None:
        """Called in the worker when it has registered and waits for jobs."""
        self._has_begun = True
        report.work_begun()

    def job_started(self, name: str, queue: str = "") -> None:
        """Called before each job, in the worker or in the process of its jobs."""
        if not self._has_begun:
            self.work_begun()
        self._follow_log()
        self._board.job_started(name, queue)

    def job_ended(self, outcome: str) -> None:
        """Called with what has become of it, likewise, by everybody who knows."""
        self._board.job_ended(outcome)

    def stood_by(self) -> None:
        """Called in a process that was forked ahead: the log may have been moved since then."""
        self._has_begun = True
        self._follow_log()

    def job_finished(self, *, failed: bool = False) -> None:
        """Called after each job, likewise; ``failed`` is for who has not told by ``job_ended``."""
        self._board.job_ended(FAILED if failed else PERFORMED)
        self._board.job_finished()
        self._follow_log()

    def recycled(self, reason: str) -> None:
        """Called when the worker leaves for a fresh one, in the worker."""
        report.recycled(reason)
