"""The process of one job: what runs in it, and what its end means."""

import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from signal import Signals
from types import FrameType

from resque import perform
from resque.clock import Clock
from resque.errors import TermException
from resque.failure.record import Failure
from resque.payload import Payload
from resque.registry import Registry
from resqued.process import kernel, reaper, signals
from resqued.process.reaper import ExitStatus
from resqued.process.spawn import fork_child
from resqued.process.title import set_title

log = logging.getLogger(__name__)

#: The job failed, and this could not be written down; the worker must do it.
EXIT_UNSAVED = 75
#: The worker's business: at a terminal and under some service managers every process gets them.
_NOT_OURS = (
    Signals.SIGHUP,
    Signals.SIGINT,
    Signals.SIGQUIT,
    Signals.SIGUSR1,
    Signals.SIGUSR2,
    Signals.SIGCONT,
)


@dataclass(frozen=True, slots=True)
class JobTask:
    """What the forked child needs."""

    payload: Payload
    title: str
    registry: Registry
    save: Callable[[Failure], None]  #: writes the failure down, and may raise
    let_go: Callable[[], None]  #: closes what is the worker's


class JobChild:
    """The worker's view of a child at work."""

    def __init__(self, task: JobTask, clock: Clock, term_timeout: float) -> None:
        """Fork. Raises OSError if there is no room for another process."""
        parent = os.getpid()
        self.pid = fork_child(lambda: _run(task, parent))
        self._clock = clock
        self._term_timeout = term_timeout
        self._kill_at: float | None = None

    @property
    def kill_in(self) -> float | None:
        """Seconds until the child is to be killed; None: it was not told to leave."""
        return None if self._kill_at is None else max(0.0, self._kill_at - self._clock.now())

    def end(self) -> None:
        """Ask the job to leave by TERM and, once its time is over, kill it; call it again then."""
        if self._kill_at is None:
            self._kill_at = self._clock.now() + self._term_timeout
            signals.send(self.pid, Signals.SIGTERM)
        elif self.kill_in == 0.0:
            signals.send(self.pid, Signals.SIGKILL)

    def reap(self) -> ExitStatus | None:
        """Return how the child ended, or None if it has not; SIGCHLD tells when to look."""
        return reaper.reap(self.pid)


def failure_of(status: ExitStatus) -> Failure | None:
    """Return what a child's end says that it did not write down itself.

    Ruby takes any exit status for success; here a job that ends its process early has failed.
    """
    if status.signal is not None:
        text = f"Child process received unhandled signal pid {status.pid} {status}"
        return Failure("Resque::DirtyExit", text)
    if status.code == 0:
        return None
    if status.code is None:
        text = f"Child process {status.pid} was waited for by other code; how it ended is unknown"
        return Failure("Resque::DirtyExit", text)
    why = "; its failure could not be written, see the log" if status.code == EXIT_UNSAVED else ""
    return Failure("Resque::DirtyExit", f"Child process {status.pid} ended: {status}{why}")


def _run(task: JobTask, parent: int) -> int:
    """The child's body."""
    kernel.die_with_parent(Signals.SIGKILL)
    if os.getppid() != parent:
        return 0  # the worker is gone already; its job is somebody else's to record
    task.let_go()
    for number in _NOT_OURS:
        signals.ignore(number)
    set_title(task.title)
    failure = _perform(task)
    return 0 if failure is None else _save(task, failure)


def _perform(task: JobTask) -> Failure | None:
    interruption = _Interruption()
    try:
        signal.signal(Signals.SIGTERM, interruption)
        perform.perform(task.payload, task.registry)
        interruption.is_due = False
    except BaseException as error:  # noqa: BLE001 - SystemExit is a failure too, as in Ruby
        interruption.is_due = False
        return Failure.of(error, below=perform.THIS_FILE)
    return None


class _Interruption:
    """The handler of TERM in a job's process: interrupts the job, once, whatever it is in.

    A job that is done is left alone: its outcome must not change any more.
    """

    def __init__(self) -> None:
        self.is_due = True

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_due:
            self.is_due = False
            raise TermException("SIGTERM")


def _save(task: JobTask, failure: Failure) -> int:
    log.info("Job %.200s failed: %s: %.500s", task.payload.class_name, *_words(failure))
    try:
        task.save(failure)
    except Exception:
        log.exception("The failure cannot be written down")
        return EXIT_UNSAVED
    return 0


def _words(failure: Failure) -> tuple[str, str]:
    return failure.exception, failure.error
