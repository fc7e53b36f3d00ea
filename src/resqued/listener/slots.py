"""A worker's place: who works there, or when the next one may."""

import logging
from collections.abc import Callable
from enum import Enum
from signal import Signals

from resqued.backoff import Backoff
from resqued.clock import Clock
from resqued.config.model import WorkerSpec
from resqued.ipc.messages import QueueServer
from resqued.process import reaper, signals, stack
from resqued.process.reaper import ExitStatus
from resqued.process.spawn import fork_child
from resqued.worker.board import JobInHand
from resqued.worker.gate import Gate
from resqued.worker.summary import WorkerSummary

log = logging.getLogger(__name__)


class EndKind(Enum):
    """Why a worker has ended, as it is counted."""

    TOLD = "told"  #: it was told to leave
    RECYCLED = "recycled"  #: it has left for a fresh one
    OVERDUE = "overdue"  #: it was ended, as its job took too long
    START_FAILED = "start_failed"  #: it could not be built
    KILLED = "killed"  #: by a signal
    EXITED = "exited"  #: by itself, whatever its status


class SlotState(Enum):
    """What is the case in one slot."""

    IDLE = "idle"  #: no worker; asks for one as soon as the backoff allows
    ASKING = "asking"  #: the master was asked, and has not granted yet
    STARTING = "starting"  #: granted and forked; builds its worker, or waits at the gate
    WORKING = "working"  #: let through
    STOPPING = "stopping"  #: told to leave; its end is expected
    CLOSED = "closed"  #: no worker, and there will be none


#: Seconds from the gate until a worker that wanted to say when it works counts all the same: the
#: server that it registers with may be away, and a reload must go on.
ANNOUNCEMENT = 1.0
#: States in which there is a worker that counts.
_OCCUPIED = (SlotState.STARTING, SlotState.WORKING, SlotState.STOPPING)


class Process:
    """A forked worker: its pid, its gate, and how far it is."""

    def __init__(self, pid: int, gate: Gate, clock: Clock) -> None:
        self.pid = pid
        self.gate = gate
        self._clock = clock
        self.started_at = clock.now()
        self.is_ready = False  #: whether it waits at its gate
        self.announces = False  #: whether it will say when it has begun to work
        self.has_begun = False  #: whether it has said so
        self.is_let_through = False  #: whether its gate was opened
        self.opened_at = 0.0  #: when
        self.is_at_work = False  #: whether the master has been told that it works
        self.is_watched = False  #: whether the master has said that it watches it
        self.failure: str | None = None  #: what it has said of why it cannot start
        self.name: str | None = None  #: under which it has said that it is known
        self.server: QueueServer | None = None  #: on which it has said that its jobs are
        self.enforces = False  #: whether it ends a job by itself whose time is over
        self.recycled: str | None = None  #: why it leaves for a fresh one, as it has said
        self.overdue: JobInHand | None = None  #: the job that takes too long
        self.ended_at = 0.0  #: when the next is done to it for that
        self.is_terminated = False  #: whether it got TERM for that
        self.status: ExitStatus | None = None  #: how it has ended

    @property
    def job(self) -> JobInHand | None:
        """What it has in hand, or had when it ended."""
        return self.gate.board.read()

    @property
    def may_have_left_a_job(self) -> bool:
        """Whether it has ended, and not as one that has handed over all it had."""
        if self.status is None or not self.is_let_through:
            return False
        return self.status.code != 0 or self.job is not None

    def listen(self) -> None:
        """Take in what the worker says."""
        for what, *rest in self.gate.read():
            self._take(what, rest)

    def _take(self, what: object, rest: list[object]) -> None:
        match what, rest:
            case "ready", [] | ["announces"]:
                self.is_ready = True
                self.announces = bool(rest)
            case "known", [str(name)]:
                self.name = name
            case "server", [str(url), str(namespace), str(failures)]:
                self.server = QueueServer(url, namespace, failures)
            case "working", []:
                self.has_begun = True
            case "failed", [str(reason)]:
                self.failure = reason
            case "enforces", []:
                self.enforces = True
            case "recycled", [str(reason)]:
                self.recycled = reason
            case _:
                pass  # a worker of a factory may say what it likes


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
        self.last_end: str | None = None  #: why the last of them has
        self.last_kind = EndKind.EXITED  #: the same in short
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
        if not (process.is_ready and process.is_watched):
            return False
        self.state = SlotState.WORKING
        process.is_let_through = True
        process.opened_at = self._clock.now()
        process.gate.open()
        return True

    @property
    def announced_in(self) -> float | None:
        """Seconds until the worker counts as working; None: it does already, or is not let in."""
        process = self.process
        if process is None or self.state is not SlotState.WORKING or process.is_at_work:
            return None
        if process.has_begun or not process.announces:
            return 0.0
        return max(0.0, process.opened_at + ANNOUNCEMENT - self._clock.now())

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
        now, job = self._clock.now(), process.job
        if process.overdue is not None and (process.is_terminated or process.overdue == job):
            return max(0.0, process.ended_at - now)
        # Without a job it is the time that one which begins just now has.
        return max(0.0, (now if job is None else job.since) + limit - now)

    def end_if_overdue(self, stop_timeout: float) -> None:
        """Have a worker leave whose job takes too long: TERM, and KILL after ``stop_timeout``.

        Before that it is asked for its stack; a job that comes to its end meanwhile is forgotten.
        """
        process = self.process
        if process is None or self.overdue_in is None:
            return
        now, job, limit = self._clock.now(), process.job, self.spec.limits.timeout
        if process.overdue != job and not process.is_terminated:
            process.overdue = None
        if process.overdue is None:
            if job is not None and limit is not None and job.since + limit <= now:
                process.overdue = job
                process.ended_at = now + stack.PATIENCE
                stack.ask(process.pid)
            return
        if now < process.ended_at:
            return
        number = Signals.SIGKILL if process.is_terminated else Signals.SIGTERM
        log.warning(
            "Worker %d for %s has had %.200r for more than %g s: %s",
            process.pid,
            ",".join(self.spec.queues),
            process.overdue.name,
            self.spec.limits.timeout,
            number.name,
            extra={
                "event": "worker_overdue",
                "worker": process.pid,
                "queues": self.spec.queues,
                "job": process.overdue.name,
                "timeout": self.spec.limits.timeout,
                "signal": number.name,
            },
        )
        self.send(number)
        process.is_terminated = True
        process.ended_at = now + stop_timeout

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
        self._end_left_overs(status)
        self.process = None
        told = self.state in (SlotState.STOPPING, SlotState.CLOSED) or (
            process.recycled is not None and status.code == 0
        )
        worked = self.is_occupied
        self._backoff.ended(expected=told)
        if worked:
            self._log_end(status, told=told)
            self.restarts += 1
            self.last_end = self._why(process, status)
            self.last_kind = self._kind(process, status)
        if worked or self.state is SlotState.CLOSED:
            goes_on = self.is_wanted and not closing
            self.state = SlotState.IDLE if goes_on else SlotState.CLOSED
        life = self._clock.now() - process.started_at
        return WorkerSummary(self.spec.queues, life, status) if worked else None

    def _why(self, process: Process, status: ExitStatus) -> str:
        """Return what a worker's end is to be put down to; a traceback, if that is the reason."""
        if process.is_terminated:
            return f"a job took more than {self.spec.limits.timeout:g} s"
        if self.state is SlotState.STOPPING:
            return "told to leave"
        return process.recycled or process.failure or str(status)

    def _kind(self, process: Process, status: ExitStatus) -> EndKind:
        if process.is_terminated:
            return EndKind.OVERDUE
        if self.state is SlotState.STOPPING:
            return EndKind.TOLD
        if process.recycled is not None:
            return EndKind.RECYCLED
        if process.failure is not None:
            return EndKind.START_FAILED
        return EndKind.EXITED if status.signal is None else EndKind.KILLED

    def _end_left_overs(self, status: ExitStatus) -> None:
        """Kill what a worker that did not leave well has in its group: nothing may run unseen."""
        if status.signal is not None or status.code:
            signals.send_group(status.pid, Signals.SIGKILL)

    def _log_end(self, status: ExitStatus, *, told: bool) -> None:
        level = logging.INFO if told else logging.WARNING
        is_last = told or not self.is_wanted
        pause = "" if is_last else f"; next start in {self._backoff.due_in:.0f} s"
        log.log(
            level,
            "Worker %d for %s ended: %s%s",
            status.pid,
            ",".join(self.spec.queues),
            status,
            pause,
            extra={
                "event": "worker_ended",
                "worker": status.pid,
                "queues": self.spec.queues,
                "status": str(status),
                "expected": told,
                "pause": self._backoff.due_in,
            },
        )

    def _move(self, source: SlotState, target: SlotState) -> None:
        if self.state is not source:
            raise RuntimeError(f"slot {self.number} is {self.state.value}, not {source.value}")
        self.state = target
