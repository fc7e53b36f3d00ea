"""The process of one job, as its worker sees it: how it is ended, and what its end means."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from signal import Signals

from resque.clock import Clock
from resque.errors import DirtyExit
from resqued.process import kernel, reaper, signals
from resqued.process.reaper import ExitStatus
from resqued.process.spawn import fork_child

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds that a job has once it is to be ended."""

    pre_shutdown: float  #: to end by itself, before TERM
    term: float  #: from TERM to KILL


class _Step(Enum):
    """How far the ending of a child is."""

    NOT_BEGUN = "not begun"  #: nobody wants it to end
    WAITING = "waiting"  #: it may still end by itself
    TERMINATED = "terminated"  #: it got TERM
    KILLED = "killed"  #: it got KILL


class JobChild:
    """A forked child at work."""

    def __init__(self, body: Callable[[], int], clock: Clock, limits: Limits) -> None:
        """Fork, and run ``body`` there. Raises OSError if there is no room for another process."""
        parent = os.getpid()
        self.pid = fork_child(lambda: _run(body, parent))
        self._clock = clock
        self._limits = limits
        self._step = _Step.NOT_BEGUN
        self._next_step_at = 0.0

    @property
    def next_step_in(self) -> float | None:
        """Seconds until ``end`` has more to do; None: nothing, but on demand."""
        if self._step in {_Step.WAITING, _Step.TERMINATED}:
            return max(0.0, self._next_step_at - self._clock.now())
        return None

    def end(self) -> None:
        """Bring the child's end on, as far as it is due; call it again after ``next_step_in``.

        First it may end by itself, then it gets TERM and time to clean up, then KILL.
        """
        if self._step is _Step.NOT_BEGUN:
            self._move(_Step.WAITING, self._limits.pre_shutdown)
        if self._step is _Step.WAITING and self.next_step_in == 0.0:
            self._move(_Step.TERMINATED, self._limits.term)
            signals.send(self.pid, Signals.SIGTERM)
        elif self._step is _Step.TERMINATED and self.next_step_in == 0.0:
            self._step = _Step.KILLED
            signals.send(self.pid, Signals.SIGKILL)

    def reap(self) -> ExitStatus | None:
        """Return how the child ended, or None if it has not; SIGCHLD tells when to look."""
        return reaper.reap(self.pid)

    def _move(self, step: _Step, seconds: float) -> None:
        self._step = step
        self._next_step_at = self._clock.now() + seconds


def error_of(status: ExitStatus) -> DirtyExit | None:
    """Return what a child's end says that it did not write down itself.

    Ruby takes any exit status for success; here a job that ends its process early has failed.
    """
    if status.signal is not None:
        return DirtyExit(f"Child process received unhandled signal pid {status.pid} {status}")
    if status.code == 0:
        return None
    if status.code is None:
        return DirtyExit(
            f"Child process {status.pid} was waited for by other code; how it ended is unknown"
        )
    why = "; its failure could not be written, see the log" if status.code == EXIT_UNSAVED else ""
    return DirtyExit(f"Child process {status.pid} ended: {status}{why}")


def _run(body: Callable[[], int], parent: int) -> int:
    """In the child, before anything of the job's."""
    kernel.die_with_parent(Signals.SIGKILL)
    if os.getppid() != parent:
        return 0  # the worker is gone already; its job is somebody else's to record
    for number in _NOT_OURS:
        signals.ignore(number)
    return body()
