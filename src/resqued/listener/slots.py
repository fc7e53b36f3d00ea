"""A worker's place: who works there, or when the next one may."""

import logging
from collections.abc import Callable
from enum import Enum
from signal import Signals

from resqued.backoff import Backoff
from resqued.clock import Clock
from resqued.config.model import WorkerSpec
from resqued.process import reaper, signals
from resqued.process.reaper import ExitStatus
from resqued.process.spawn import fork_child
from resqued.worker.gate import Gate
from resqued.worker.summary import WorkerSummary

log = logging.getLogger(__name__)


class SlotState(Enum):
    """What is the case in one slot."""

    IDLE = "idle"  #: nothing runs; asks for a worker as soon as the backoff allows
    ASKING = "asking"  #: the master was asked, and has not granted yet
    STARTING = "starting"  #: forked; builds its worker, runs its hooks, waits at the gate
    WORKING = "working"  #: let through
    STOPPING = "stopping"  #: told to leave; its end is expected
    CLOSED = "closed"  #: nothing runs, and nothing will


#: States in which there is a process.
_OCCUPIED = (SlotState.STARTING, SlotState.WORKING, SlotState.STOPPING)


class WorkerSlot:
    """One configured worker through all its incarnations. Lives in the listener."""

    def __init__(self, number: int, spec: WorkerSpec, clock: Clock) -> None:
        self.number = number
        self.spec = spec
        self.state = SlotState.IDLE
        self.pid = 0
        self.gate: Gate | None = None
        self._clock = clock
        self._backoff = Backoff(clock)
        self._started_at = 0.0
        self._is_watched = False  #: whether the master has said that it watches the process
        self._is_ready = False  #: whether the worker waits at its gate

    @property
    def is_occupied(self) -> bool:
        """Whether there is a process in this slot."""
        return self.state in _OCCUPIED

    @property
    def due_in(self) -> float | None:
        """Seconds until this slot wants to ask; None: it does not wait for the clock."""
        return self._backoff.due_in if self.state is SlotState.IDLE else None

    def ask(self) -> None:
        """Note that the master was asked."""
        self._move(SlotState.IDLE, SlotState.ASKING)

    def start(self, body: Callable[[], int], gate: Gate) -> None:
        """Fork a worker that runs ``body`` behind ``gate``.

        Raises OSError, with the slot back to waiting, if there is no room for a process.
        """
        self._move(SlotState.ASKING, SlotState.STARTING)
        self._is_watched = self._is_ready = False
        self._started_at = self._clock.now()
        self._backoff.started()
        try:
            self.pid = fork_child(body)
        except OSError:
            self._backoff.ended(expected=False)
            self.state = SlotState.IDLE
            raise
        self.gate = gate

    def watched(self) -> bool:
        """Note that the master watches the process; True if the worker may go now."""
        self._is_watched = True
        return self._open_if_due()

    def reached_gate(self) -> bool:
        """Note that the worker is built; True if it may go now."""
        self._is_ready = True
        return self._open_if_due()

    def send(self, number: Signals) -> None:
        """Signal the worker, which is told to leave by that; nothing runs here afterwards."""
        if self.is_occupied:
            # Until it is through the gate it has no job, and no handler that understands QUIT.
            harmless = self.state is SlotState.STARTING and number is Signals.SIGQUIT
            self.state = SlotState.STOPPING
            signals.send(self.pid, Signals.SIGTERM if harmless else number)
        else:
            self.state = SlotState.CLOSED

    def reap(self) -> WorkerSummary | None:
        """Return the worker's life if it is over and the master knows; the slot is free then."""
        if not (self.is_occupied and self._is_watched):
            return None
        status = reaper.reap(self.pid)
        if status is None:
            return None
        told = self.state is SlotState.STOPPING
        self._backoff.ended(expected=told)
        self._log_end(status, told=told)
        self.state = SlotState.CLOSED if told else SlotState.IDLE
        return WorkerSummary(self.spec.queues, self._clock.now() - self._started_at, status)

    def take_gate(self) -> Gate | None:
        """Hand over the gate, for closing; it is no longer the slot's."""
        gate, self.gate = self.gate, None
        return gate

    def _open_if_due(self) -> bool:
        if self.state is not SlotState.STARTING or not (self._is_watched and self._is_ready):
            return False
        self.state = SlotState.WORKING
        assert self.gate is not None
        self.gate.open()
        return True

    def _log_end(self, status: ExitStatus, *, told: bool) -> None:
        level = logging.INFO if told else logging.WARNING
        pause = "" if told else f"; next start in {self._backoff.due_in:.0f} s"
        queues = ",".join(self.spec.queues)
        log.log(level, "Worker %d for %s ended: %s%s", self.pid, queues, status, pause)

    def _move(self, source: SlotState, target: SlotState) -> None:
        if self.state is not source:
            raise RuntimeError(f"slot {self.number} is {self.state.value}, not {source.value}")
        self.state = target
