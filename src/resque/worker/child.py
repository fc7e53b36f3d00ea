"""A process of jobs, as its worker sees it: how it is ended, and what its end means."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from signal import Signals

from resque.clock import Clock
from resque.errors import DirtyExit
from resque.worker.deadline import Deadline
from resqued.process import kernel, reaper, signals, stack
from resqued.process.reaper import ExitStatus
from resqued.process.spawn import fork_child, rehearse_child

log = logging.getLogger(__name__)

#: The job failed, and this could not be written down; the worker must do it.
EXIT_UNSAVED = 75
#: The process was told to end while it stood by; it has begun nothing.
EXIT_NOT_BEGUN = 76
_WHY = {
    EXIT_UNSAVED: "; its failure could not be written, see the log",
    EXIT_NOT_BEGUN: "; it had not begun the job",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds that a job has once it is to be ended."""

    pre_shutdown: float  #: to end by itself, before TERM
    term: float  #: from TERM to KILL


class _Step(Enum):
    """How far the ending of a child is."""

    NOT_BEGUN = "not begun"  #: nobody wants it to end
    WAITING = "waiting"  #: it may still end by itself
    ASKED = "asked"  #: its time is over, and it was asked for its stack
    TERMINATED = "terminated"  #: it got TERM
    KILLED = "killed"  #: it got KILL


#: Seconds between two nudges of a process that got TERM. Python sees to a signal between two steps
#: of its own: a TERM that arrives just before a system call, or in another thread, leaves the main
#: thread waiting there, and only another signal, of no meaning to the job, wakes it.
_NUDGE_EVERY = 0.2
_NUDGE = Signals.SIGCONT

#: Steps that another one will follow.
_UNDER_WAY = (_Step.WAITING, _Step.ASKED, _Step.TERMINATED)
#: Steps in which a child may still be done in time.
_AT_LARGE = (_Step.NOT_BEGUN, _Step.WAITING)


class JobChild:
    """A forked child at work."""

    def __init__(
        self,
        body: Callable[[], int],
        clock: Clock,
        limits: Limits,
        deadline: Deadline | None = None,
    ) -> None:
        """Fork, and run ``body`` there. Raises OSError if there is no room for another process."""
        self.pid = _fork(body, deadline)
        self.deadline = deadline  #: what keeps the time of its jobs; None: none of them has a limit
        self._clock = clock
        self._limits = limits
        self._step = _Step.NOT_BEGUN
        self._next_step_at = 0.0
        self._nudge_at = 0.0

    @property
    def next_step_in(self) -> float | None:
        """Seconds until ``end_if_due`` has more to do; None: nothing, but on demand."""
        steps = []
        if self._step in _UNDER_WAY:
            steps.append(max(0.0, self._next_step_at - self._clock.now()))
        if self._step is _Step.TERMINATED:
            steps.append(max(0.0, self._nudge_at - self._clock.now()))
        if self.deadline is not None and self._step in _AT_LARGE:
            steps.append(self.deadline.due_in)
        return min(steps, default=None)

    def end_if_due(self, *, wanted: bool) -> None:
        """Bring the child's end on, as far as it is due; call it again after ``next_step_in``.

        ``wanted``: it is to end. First it may do so by itself, then it gets TERM and time to clean
        up, then KILL. When its time is over it is asked for its stack instead of being waited for.
        """
        if wanted and self._step is _Step.NOT_BEGUN:
            self._move(_Step.WAITING, self._limits.pre_shutdown)
        if self.deadline is not None and self._step in _AT_LARGE and self.deadline.has_passed():
            self._move(_Step.ASKED, stack.PATIENCE)
            self.deadline.ask_for_stack(self.pid)
        if self._step is _Step.TERMINATED and self._clock.now() >= self._nudge_at:
            self._nudge(_NUDGE)
        if self._step is _Step.NOT_BEGUN or self._clock.now() < self._next_step_at:
            return
        match self._step:
            case _Step.WAITING | _Step.ASKED:
                self._log_overrun()
                self._move(_Step.TERMINATED, self._limits.term)
                self._nudge(Signals.SIGTERM)
            case _Step.TERMINATED:
                self._step = _Step.KILLED
                signals.send(self.pid, Signals.SIGKILL)
            case _Step.KILLED:
                pass  # there is nothing more to do

    @property
    def was_told(self) -> bool:
        """Whether its worker has wanted it to end."""
        return self._step is not _Step.NOT_BEGUN

    def reap(self) -> ExitStatus | None:
        """Return how the child ended, or None if it has not; SIGCHLD tells when to look."""
        status = reaper.reap(self.pid)
        if status is not None and self.deadline is not None:
            self.deadline.read_stack()
            self.deadline.close()
        return status

    def end_now(self) -> None:
        """End a child that has no job yet, and that ``reap`` has not seen off."""
        reaper.kill_and_reap(self.pid)
        if self.deadline is not None:
            self.deadline.close()

    def _log_overrun(self) -> None:
        if self._step is _Step.ASKED and self.deadline is not None:
            where = self.deadline.read_stack() or "(it has not told its stack)"
            limit = self.deadline.limit
            log.warning(
                "The job of process %d has taken more than %g s (limit of the %s), at\n%s",
                self.pid,
                limit.seconds,
                limit.owner,
                where.rstrip(),
                extra={
                    "event": "job_timed_out",
                    "job_pid": self.pid,
                    "timeout": limit.seconds,
                    "owner": limit.owner,
                    "stack": where.rstrip(),
                },
            )

    def _nudge(self, number: Signals) -> None:
        """Signal the process, and again after a while."""
        signals.send(self.pid, number)
        self._nudge_at = self._clock.now() + _NUDGE_EVERY

    def _move(self, step: _Step, seconds: float) -> None:
        self._step = step
        self._next_step_at = self._clock.now() + seconds


def error_of(status: ExitStatus) -> DirtyExit | None:
    """Return what a child's end says that it did not write down itself.

    Ruby takes any exit status for success; here one that is not 0 means that the job has failed.
    """
    if status.signal is not None:
        return DirtyExit(f"Child process received unhandled signal pid {status.pid} {status}")
    if status.code == 0:
        return None
    if status.code is None:
        return DirtyExit(
            f"Child process {status.pid} was waited for by other code; how it ended is unknown"
        )
    return DirtyExit(f"Child process {status.pid} ended: {status}{_WHY.get(status.code, '')}")


def _fork(body: Callable[[], int], deadline: Deadline | None) -> int:
    """Fork; the worker's handlers stay, which let signals that are the worker's do nothing.

    At a terminal, and under some service managers, every process gets them.
    """
    parent = os.getpid()
    if deadline is None:
        return fork_child(partial(_run, body, parent), keeps_handlers=True)

    def limited() -> int:
        deadline.answer()
        return body()

    deadline.open()
    try:
        return fork_child(partial(_run, limited, parent), keeps_handlers=True)
    except OSError:
        deadline.close()
        raise


def rehearse(body: Callable[[], int]) -> int:
    """Do in this process what a job's process does, and leave no trace; see ``rehearse_child``."""
    former = kernel.death_signal()
    try:
        return rehearse_child(partial(_run, body, os.getppid()))
    finally:
        kernel.die_with_parent(former)


def _run(body: Callable[[], int], parent: int) -> int:
    """In the child, before anything of the job's."""
    kernel.die_with_parent(Signals.SIGKILL)
    if os.getppid() != parent:
        return 0  # the worker is gone already; its job is somebody else's to record
    signals.reset(Signals.SIGCHLD)  # a handler would cut the system calls of C libraries short
    return body()
