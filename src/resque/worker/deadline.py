"""The time that jobs may take: kept by their worker from outside, known to their process."""

import math
import os
import select
import threading
from dataclasses import dataclass

from resque import perform
from resque.clock import Clock
from resque.errors import JobTimeout
from resque.job import Job
from resque.worker.backtrace import frames_of
from resqued.process import stack
from resqued.process.shared import SharedWords

#: Seconds, at least, for what comes after a job: hooks, and the record.
_REPORT_TIME = 30.0
#: Bytes of a stack that are read; far more than the frames that are kept.
_MAX_STACK = 256 * 1024
_TOKEN = b"."
#: Seconds within which a worker that has claimed a job too late gives it back.
_CLAIMED_BY_MISTAKE = 0.05
#: Seconds until the worker looks again at what was just being written.
_AGAIN = 0.01
_OWNERS = ("job", "worker")
#: When a job's time ends, how long it is, and whose.
_LAYOUT = "ddb"


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """How long a job may take."""

    seconds: float
    owner: str  #: whose limit it is: "job", or "worker"

    @classmethod
    def of(cls, job: Job, worker_timeout: float | None) -> "TimeLimit | None":
        """Return the job's own limit, else its worker's, if it has any."""
        if job.timeout is not None:
            return cls(job.timeout, "job")
        return None if worker_timeout is None else cls(worker_timeout, "worker")

    @property
    def to_report(self) -> "TimeLimit":
        """The limit of what follows the job: as long again, but never too short for that."""
        return TimeLimit(max(self.seconds, _REPORT_TIME), self.owner)


#: What holds for a job without a limit.
UNLIMITED = TimeLimit(math.inf, "worker")


@dataclass(frozen=True, slots=True)
class _Turn:
    """One job's time, as both sides see it."""

    number: int  #: counts the jobs of the process
    ends_at: float
    limit: TimeLimit


class Deadline:
    """The time limits of one process's jobs, one after another, on both sides of its fork.

    A job is reported exactly once: by its process, or, when its time is over, by its worker.
    Whoever is first to ``claim`` does it; they share a pipe with one byte in it.
    """

    def __init__(self, limit: TimeLimit, clock: Clock, *, shortest: float = math.inf) -> None:
        """``limit`` is the first job's; no other job has less than ``shortest`` seconds."""
        self.stack = ""  #: what the process has answered, as faulthandler writes it
        self._first = limit
        self._shortest = shortest
        self._clock = clock
        #: Whether the job has closed what is not its own: it is reported, and none can follow.
        self.is_lost = False
        self._overrun: TimeLimit | None = None
        self._extended: tuple[int, float] | None = None  #: a turn, and until when it may report
        self._thread = 0
        self._dump = self._reader = self._writer = -1
        self._words: SharedWords | None = None

    # --- in the worker --------------------------------------------------------------------

    def open(self) -> None:
        """Begin, before the fork. Raises OSError if there are no more open files."""
        self._thread = threading.get_ident()  # the same in the process, whose job runs in it
        self._words = SharedWords(_LAYOUT)
        self._dump = os.memfd_create("stack")
        try:
            self._reader, self._writer = os.pipe()
        except OSError:
            os.close(self._dump)
            raise
        os.set_blocking(self._reader, False)
        self._write(self._first)
        self._put_token()

    def first_job(self, limit: TimeLimit | None) -> None:
        """Begin the time of the first job, of a process that was forked before it was known."""
        self._first = limit or UNLIMITED
        self._write(self._first)

    def close(self) -> None:
        """Let go of it, when the process has ended or was never forked."""
        for descriptor in (self._dump, self._reader, self._writer):
            os.close(descriptor)

    @property
    def due_in(self) -> float:
        """Seconds until ``has_passed`` must be asked, be it of a job that begins just now."""
        turn = self._read()
        if turn is None:
            return _AGAIN
        left = (self._extension(turn) or turn.ends_at) - self._clock.now()
        return max(0.0, min(left, self._shortest))

    def has_passed(self) -> bool:
        """Tell whether the process is to be ended now.

        If the job was done in time, what follows it has as long again, 30 s at least.
        """
        turn = self._read()
        if turn is None or self._clock.now() < (self._extension(turn) or turn.ends_at):
            return False
        if self._extension(turn) is not None:
            return True
        if not self._take_token():
            until = self._clock.now() + turn.limit.to_report.seconds
            self._extended = (turn.number, until)
            return False
        now = self._read()
        if now is None or now.number != turn.number:
            self._put_token()  # that job has ended in this very moment, and another one runs
            return False
        self._overrun = turn.limit
        return True

    def ask_for_stack(self, pid: int) -> None:
        """Have the process write it, if it still has the file for that."""
        stack.ask(pid, self._dump)

    def read_stack(self) -> str:
        """Return what the process has written by now."""
        self.stack = os.pread(self._dump, _MAX_STACK, 0).decode(errors="replace")
        return self.stack

    @property
    def limit(self) -> TimeLimit:
        """The limit of the job in hand, or of the one that took too long."""
        turn = self._read()
        return self._overrun or (self._first if turn is None else turn.limit)

    @property
    def error(self) -> JobTimeout | None:
        """What the worker must report; None: nothing, for the job was done in time."""
        if self._overrun is None:
            return None
        frames = frames_of(self.stack, self._thread, below=perform.THIS_FILE)
        return JobTimeout(self._overrun.seconds, self._overrun.owner, frames)

    # --- in the job's process -------------------------------------------------------------

    def answer(self) -> None:
        """Be ready to be asked for the stack; main thread, before the job."""
        stack.answer(self._dump)

    def claim(self) -> bool:
        """Tell whether this process is the one that reports the job; it is then, for good."""
        if self._take_token():
            return True
        select.select([self._reader], [], [], _CLAIMED_BY_MISTAKE)
        return self._take_token()

    def next_job(self, limit: TimeLimit) -> None:
        """Begin the time of another job, the one before having been claimed and reported."""
        self._write(limit)
        self._put_token()

    # --- in both --------------------------------------------------------------------------

    def _take_token(self) -> bool:
        try:
            return os.read(self._reader, 1) == _TOKEN
        except BlockingIOError:
            return False
        except OSError:
            self.is_lost = True
            return True

    def _put_token(self) -> None:
        os.write(self._writer, _TOKEN)

    def _extension(self, turn: _Turn) -> float | None:
        """Return until when a job that was done in time may be reported; None: it is not done."""
        if self._extended is None or self._extended[0] != turn.number:
            return None
        return self._extended[1]

    def _write(self, limit: TimeLimit) -> None:
        assert self._words is not None
        ends_at = self._clock.now() + limit.seconds
        self._words.write(ends_at, limit.seconds, _OWNERS.index(limit.owner))

    def _read(self) -> _Turn | None:
        """Return whose turn it is; None: that is being written."""
        if self._words is None:
            return _Turn(0, math.inf, self._first)
        found = self._words.read()
        if found is None:
            return None
        number, (ends_at, seconds, owner) = found
        return _Turn(number, ends_at, TimeLimit(seconds, _OWNERS[owner]))
