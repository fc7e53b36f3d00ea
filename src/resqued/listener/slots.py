"""A worker's place: who works there, or when the next one may."""

import logging
from collections.abc import Callable
from enum import Enum
from signal import Signals

from resqued.backoff import Backoff
from resqued.clock import Clock
from resqued.config.model import WorkerSpec
from resqued.listener.ends import End, end_of, log_end
from resqued.listener.overtime import Stage
from resqued.listener.process import Process
from resqued.process import reaper, signals, stack
from resqued.process.reaper import ExitStatus
from resqued.process.spawn import fork_child
from resqued.worker.gate import Gate
from resqued.worker.summary import WorkerSummary

log = logging.getLogger(__name__)


class SlotState(Enum):
    """What is the case in one slot."""

    IDLE = "idle"  #: no worker; asks for one as soon as the backoff allows
    ASKING = "asking"  #: the master was asked, and has not granted yet
    STARTING = "starting"  #: granted and forked; builds its worker, or waits at the gate
    WORKING = "working"  #: let through
    STOPPING = "stopping"  #: told to leave; its end is expected
    CLOSED = "closed"  #: no worker, and there will be none


#: States in which there is a worker that counts.
_OCCUPIED = (SlotState.STARTING, SlotState.WORKING, SlotState.STOPPING)


class WorkerSlot:
    """One configured worker through all its incarnations. Lives in the listener.

    Before its first grant a slot may hold a canary: a worker that is forked already, to prove
    its generation, and waits at its gate until it is granted the slot.
    """

    def __init__(self, number: int, spec: WorkerSpec, clock: Clock) -> None:
        self.number = number
        self.spec = spec
        self.state = SlotState.IDLE
        self.is_wanted = True  #: whether another worker may follow: its pool may have been scaled
        self.process: Process | None = None
        self.restarts = 0  #: workers that have ended here; a canary is none
        self.last_end: End | None = None  #: of the last of them
        self._clock = clock
        self._backoff = Backoff(clock)

    @property
    def is_occupied(self) -> bool:
        """Whether there is a worker in this slot that counts."""
        return self.state in _OCCUPIED

    @property
    def pid(self) -> int:
        """The worker's, or the canary's; 0 if there is none."""
        return self.process.pid if self.process is not None else 0

    @property
    def due_in(self) -> float | None:
        """Seconds until this slot wants to ask; None: it does not wait for the clock."""
        return self._backoff.due_in if self.state is SlotState.IDLE else None

    def seconds_since(self, moment: float) -> float:
        """Return how long ago something of this slot's was, by its clock."""
        return max(0.0, self._clock.now() - moment)

    def ask(self) -> None:
        """Note that the master was asked."""
        self._move(SlotState.IDLE, SlotState.ASKING)

    def fork(self, body: Callable[[], int], gate: Gate) -> None:
        """Fork a process that runs ``body`` behind ``gate``: a canary until ``start``.

        Raises OSError if there is no room for a process.
        """
        self._backoff.started()
        self.process = Process(fork_child(body), gate, self._clock)

    def not_forked(self) -> None:
        """Note that there was no room for a process, or its gate: the slot waits again."""
        self._move(SlotState.ASKING, SlotState.IDLE)
        self._backoff.ended(expected=False)

    def start(self) -> None:
        """Make what was forked the slot's worker: it was granted."""
        self._move(SlotState.ASKING, SlotState.STARTING)

    def open_if_due(self) -> bool:
        """Let the worker through its gate if it is built and watched; True if that was now."""
        process = self.process
        if process is None or self.state is not SlotState.STARTING:
            return False
        if not process.may_pass:
            return False
        self.state = SlotState.WORKING
        process.let_through()
        return True

    @property
    def announced_in(self) -> float | None:
        """Seconds until the worker counts as working; None: it does already, or is not let in."""
        if self.process is None or self.state is not SlotState.WORKING:
            return None
        return self.process.announced_in

    def announce_if_due(self) -> bool:
        """Note that the worker works, if it does; True if that is new."""
        if self.announced_in != 0.0:
            return False
        assert self.process is not None
        self.process.is_at_work = True
        return True

    @property
    def overdue_in(self) -> float | None:
        """Seconds until ``end_if_overdue`` has something to do; None: nothing, or not yet known.

        The time of a job in the worker's own process, that is: nobody else can end it from outside.
        """
        process, limit = self.process, self.spec.limits.timeout
        if process is None or not self.is_occupied or limit is None or process.enforces:
            return None
        return process.overtime.due_in(process.unended_job, limit)

    def end_if_overdue(self, stop_timeout: float) -> None:
        """Have a worker leave whose job takes too long: TERM, and KILL after ``stop_timeout``.

        Before that it is asked for its stack; a job that comes to its end meanwhile is forgotten.
        """
        process, limit = self.process, self.spec.limits.timeout
        if process is None or limit is None or self.overdue_in is None:
            return
        stage = process.overtime.step(process.unended_job, limit, stop_timeout)
        if stage is Stage.ASKED:
            stack.ask(process.pid)
        elif stage is not None:
            number = Signals.SIGKILL if stage is Stage.KILLED else Signals.SIGTERM
            self._end_overdue(process, number)

    def _end_overdue(self, process: Process, number: Signals) -> None:
        job = process.overtime.job
        assert job is not None
        log.warning(
            "Worker %d for %s has had %.200r for more than %g s: %s",
            process.pid,
            ",".join(self.spec.queues),
            job.name,
            self.spec.limits.timeout,
            number.name,
            extra={
                "event": "worker_overdue",
                "worker": process.pid,
                "queues": self.spec.queues,
                "job": job.name,
                "timeout": self.spec.limits.timeout,
                "signal": number.name,
            },
        )
        self.send(number)

    def send(self, number: Signals) -> None:
        """Have the worker leave, by a signal; the slot asks again when it has."""
        if self.is_occupied:
            # Until it is through the gate it has no job, and no handler that understands QUIT.
            harmless = self.state is SlotState.STARTING and number is Signals.SIGQUIT
            self.state = SlotState.STOPPING
            signals.send(self.pid, Signals.SIGTERM if harmless else number)

    def pass_on(self, number: Signals) -> None:
        """Send a signal that asks nobody to leave to a worker that understands it."""
        if self.state is SlotState.WORKING:
            signals.send(self.pid, number)

    def close(self, number: Signals) -> None:
        """Have the worker, or the canary, leave, and let none follow."""
        if self.is_occupied:
            self.send(number)
            return
        self.state = SlotState.CLOSED
        if self.process is not None:  # a canary, which has nothing to finish
            signals.send(self.pid, Signals.SIGKILL)

    def let_go(self) -> None:
        """Start nobody here any more; who is there stays until the master has it leave."""
        self.is_wanted = False
        if not self.is_occupied:
            self.close(Signals.SIGQUIT)

    def want(self) -> None:
        """Let a worker follow again."""
        self.is_wanted = True
        if self.state is SlotState.CLOSED and self.process is None:
            self.state = SlotState.IDLE

    def reap(self, *, closing: bool) -> WorkerSummary | None:
        """Return the worker's life if it is over and the master knows; the slot is free then.

        Its gate is the caller's to close.

        The end of a canary is nobody's business; it only makes the slot wait a little.
        ``closing``: no worker is to follow.
        """
        process = self.process
        if process is None or (self.is_occupied and not process.is_watched):
            return None
        status = reaper.reap(process.pid)
        if status is None:
            return None
        process.status = status
        process.listen()  # its last words
        _end_left_overs(status)
        return self._ended(process, status, closing=closing)

    def _ended(
        self, process: Process, status: ExitStatus, *, closing: bool
    ) -> WorkerSummary | None:
        self.process = None
        worked = self.is_occupied
        was_told = self.state is SlotState.STOPPING
        has_left_well = process.recycled is not None and status.code == 0
        expected = was_told or has_left_well or self.state is SlotState.CLOSED
        self._backoff.ended(expected=expected)
        if worked:
            pause, queues = self._backoff.due_in, self.spec.queues
            log_end(status, queues, expected=expected, pause=pause, is_last=not self.is_wanted)
            self.restarts += 1
            timeout = self.spec.limits.timeout
            self.last_end = end_of(process, status, was_told=was_told, timeout=timeout)
        if worked or self.state is SlotState.CLOSED:
            goes_on = self.is_wanted and not closing
            self.state = SlotState.IDLE if goes_on else SlotState.CLOSED
        life = self._clock.now() - process.started_at
        return WorkerSummary(self.spec.queues, life, status) if worked else None

    def _move(self, source: SlotState, target: SlotState) -> None:
        if self.state is not source:
            raise RuntimeError(f"slot {self.number} is {self.state.value}, not {source.value}")
        self.state = target


def _end_left_overs(status: ExitStatus) -> None:
    """Kill what a worker that did not leave well has in its group: nothing may run unseen."""
    if status.signal is not None or status.code:
        signals.send_group(status.pid, Signals.SIGKILL)
