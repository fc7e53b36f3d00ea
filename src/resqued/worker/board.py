"""Which job a worker has in hand, and which it has done: memory that it shares with its listener.

To tell of a job costs no system call, and wakes nobody: a worker may have thousands a second, and
its listener only looks when it wants to know. What stands there outlives the worker.
"""

from dataclasses import dataclass

from resqued.clock import Clock
from resqued.figures import CUT_OFF
from resqued.process.shared import SharedWords
from resqued.worker.ledger import Ledger

#: The moment, the name's length or -1 for no job, the name, and the same of the queue.
_LAYOUT = "dh500sh200s"
_MOST = 500
_MOST_QUEUE = 200
_NO_JOB = -1
#: How often a look is repeated that has met the worker while it wrote; one write takes no time.
_LOOKS = 1000


@dataclass(frozen=True, slots=True)
class JobInHand:
    """A job as its worker has told of it."""

    number: int  #: no two of one worker have the same
    name: str  #: its first 500 bytes
    since: float  #: by the worker's clock
    queue: str = ""  #: that it was in, its first 200 bytes; empty: the worker has not said


class Board:
    """Written by the worker, and read by its listener."""

    def __init__(self, clock: Clock) -> None:
        """``clock`` is one whose time is the same in all processes."""
        self._clock = clock
        self.ledger = Ledger()
        self._words = SharedWords(_LAYOUT)
        #: What this process has written last: the job's number, queue and name, and the moment.
        self._own = (0, "", "", 0.0)
        self._words.write(0.0, _NO_JOB, b"", 0, b"")

    def job_started(self, name: str, queue: str = "") -> None:
        """Tell of a job, in the worker or in the process of its jobs."""
        number, now = self.ledger.begin(queue, name), self._clock.now()
        self._own = number, queue, name, now
        text = name.encode(errors="replace")[:_MOST]
        place = queue.encode(errors="replace")[:_MOST_QUEUE]
        self._words.write(now, len(text), text, len(place), place)

    def job_ended(self, outcome: str) -> None:
        """Count the job in hand, likewise, unless it was counted before: by whom does not matter.

        ``outcome`` is one of ``figures.OUTCOMES``. It stays in hand: its record is to be written.
        """
        if self.ledger.is_even:
            return
        number, queue, name, since = self._own
        if number != self.ledger.begun:  # another process has told of it
            job = self.read()
            if job is None:
                return
            queue, name, since = job.queue, job.name, job.since
        self.ledger.end(queue, name, outcome, self._clock.now() - since)

    def job_finished(self) -> None:
        """Tell that there is none any more; likewise."""
        self._words.write(0.0, _NO_JOB, b"", 0, b"")

    def worker_ended(self) -> None:
        """Count the job that a worker had in hand when it ended; in the listener, once it has."""
        self.job_ended(CUT_OFF)

    @property
    def has_ended(self) -> bool:
        """Whether the job that has begun last has ended, though it may still be in hand."""
        return self.ledger.is_even

    @property
    def begun(self) -> int:
        """How many jobs have begun, the one in hand included."""
        return self.ledger.begun

    def read(self) -> JobInHand | None:
        """Return the job in hand, if there is one; in the listener.

        Of a worker that was killed while it wrote there is one without a name, since now.
        """
        found = next((words for _ in range(_LOOKS) if (words := self._words.read())), None)
        if found is None:
            return JobInHand(0, "", self._clock.now())
        number, (since, length, text, queue_length, queue) = found
        if length == _NO_JOB:
            return None
        began_at = max(0.0, min(self._clock.now(), since))  # whatever else may have written there
        return JobInHand(number, _text(text, length), began_at, _text(queue, queue_length))

    def close(self) -> None:
        """Let go of it, in a process that it is not for: every fork would have to copy it."""
        self._words.close()
        self.ledger.close()


def _text(raw: bytes, length: int) -> str:
    return raw[: max(0, length)].decode(errors="replace")
