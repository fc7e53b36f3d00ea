"""The time a job may take: kept by its worker from outside, known to its process."""

import os
import threading
from dataclasses import dataclass

from resque import perform
from resque.clock import Clock
from resque.errors import JobTimeout
from resque.job import Job
from resque.worker.backtrace import frames_of
from resqued.process import stack

#: Seconds, at least, for what comes after a job: hooks, and the record.
_REPORT_TIME = 30.0
#: Bytes of a stack that are read; far more than the frames that are kept.
_MAX_STACK = 256 * 1024
_TOKEN = b"."


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


class Deadline:
    """One job's time limit, on both sides of its fork.

    A job is reported exactly once: by its process, or, when its time is over, by its worker.
    Whoever is first to ``claim`` does it; they share a pipe with one byte in it.
    """

    def __init__(self, limit: TimeLimit, clock: Clock) -> None:
        self.limit = limit
        self.stack = ""  #: what the process has answered, as faulthandler writes it
        self._clock = clock
        self._ends_at = 0.0
        self._is_extended = False
        self._has_timed_out = False
        self._thread = 0
        self._dump = -1
        self._pipe = -1

    # --- in the worker --------------------------------------------------------------------

    def open(self) -> None:
        """Begin, before the fork. Raises OSError if there are no more open files."""
        self._thread = threading.get_ident()  # the same in the process, whose job runs in it
        self._dump = os.memfd_create("stack")
        try:
            self._pipe, writer = os.pipe()
        except OSError:
            os.close(self._dump)
            raise
        os.write(writer, _TOKEN)
        os.close(writer)
        self._ends_at = self._clock.now() + self.limit.seconds

    def close(self) -> None:
        """Let go of it, when the process has ended or was never forked."""
        os.close(self._dump)
        os.close(self._pipe)

    @property
    def due_in(self) -> float:
        """Seconds until ``has_passed`` must be asked."""
        return max(0.0, self._ends_at - self._clock.now())

    def has_passed(self) -> bool:
        """Tell whether the process is to be ended now.

        If the job was done in time, what follows it has as long again, 30 s at least.
        """
        if self.due_in > 0:
            return False
        if self._is_extended:
            return True
        if self.claim():
            self._has_timed_out = True
            return True
        self._is_extended = True
        self._ends_at = self._clock.now() + self.limit.to_report.seconds
        return False

    def read_stack(self) -> str:
        """Return what the process has written by now."""
        self.stack = os.pread(self._dump, _MAX_STACK, 0).decode(errors="replace")
        return self.stack

    @property
    def error(self) -> JobTimeout | None:
        """What the worker must report; None: nothing, for the job was done in time."""
        if not self._has_timed_out:
            return None
        frames = frames_of(self.stack, self._thread, below=perform.THIS_FILE)
        return JobTimeout(self.limit.seconds, self.limit.owner, frames)

    # --- in the job's process -------------------------------------------------------------

    def answer(self) -> None:
        """Be ready to be asked for the stack; main thread, before the job."""
        stack.answer(self._dump)

    # --- in both --------------------------------------------------------------------------

    def claim(self) -> bool:
        """Tell whether this process is the one that reports the job; it is then, for good."""
        return os.read(self._pipe, 1) == _TOKEN
