"""A worker's process as its listener knows it: what it has said, and how far it is."""

from resqued.clock import Clock
from resqued.ipc.messages import QueueServer
from resqued.listener.overtime import Overtime
from resqued.process.reaper import ExitStatus
from resqued.worker.board import JobInHand
from resqued.worker.gate import Gate

#: Seconds from the gate until a worker that wanted to say when it works counts all the same: the
#: server that it registers with may be away, and a reload must go on.
ANNOUNCEMENT = 1.0


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
        self._opened_at = 0.0  #: when
        self.is_at_work = False  #: whether the master has been told that it works
        self.is_watched = False  #: whether the master has said that it watches it
        self.failure: str | None = None  #: what it has said of why it cannot start
        self.name: str | None = None  #: under which it has said that it is known
        self.server: QueueServer | None = None  #: on which it has said that its jobs are
        self.enforces = False  #: whether it ends a job by itself whose time is over
        self.recycled: str | None = None  #: why it leaves for a fresh one, as it has said
        self.overtime = Overtime(clock)  #: what is done to it if a job takes too long
        self.status: ExitStatus | None = None  #: how it has ended

    @property
    def job(self) -> JobInHand | None:
        """What it has in hand, or had when it ended."""
        return self.gate.board.read()

    @property
    def unended_job(self) -> JobInHand | None:
        """The same, unless it has ended, and only what has become of it is still to be told."""
        job = self.job
        return None if self.gate.board.has_ended else job

    @property
    def may_have_left_a_job(self) -> bool:
        """Whether it has ended, and not as one that has handed over all it had."""
        if self.status is None or not self.is_let_through:
            return False
        return self.status.code != 0 or self.job is not None

    @property
    def may_pass(self) -> bool:
        """Whether it may be let through its gate: it is built, and its end will not be missed."""
        return self.is_ready and self.is_watched

    def let_through(self) -> None:
        """Open its gate: it begins to work."""
        self.is_let_through = True
        self._opened_at = self._clock.now()
        self.gate.open()

    @property
    def announced_in(self) -> float | None:
        """Seconds until it counts as working, once it was let through; None: it does already."""
        if self.is_at_work:
            return None
        if self.has_begun or not self.announces:
            return 0.0
        return max(0.0, self._opened_at + ANNOUNCEMENT - self._clock.now())

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
