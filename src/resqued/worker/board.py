"""Which job a worker has in hand, and which it has done: memory that it shares with its listener.

To tell of a job costs no system call, and wakes nobody: a worker may have thousands a second, and
its listener only looks when it wants to know. What stands there outlives the worker.
"""

from dataclasses import dataclass

from resqued.clock import Clock
from resqued.figures import CUT_OFF
from resqued.process.shared import SharedWords
from resqued.worker.ledger import Ledger

#: The moment, the name's length or -1 for no job, the name, how many jobs have begun here, the
#: length of the queue's name, that name, and how many jobs were counted.
_LAYOUT = "dh500sqh200sq"
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
        self._words.write(0.0, _NO_JOB, b"", 0, 0, b"", 0)

    def job_started(self, name: str, queue: str = "") -> None:
        """Tell of a job, in the worker or in the process of its jobs."""
        text = name.encode(errors="replace")[:_MOST]
        place = queue.encode(errors="replace")[:_MOST_QUEUE]
        begun, counted = self._counts
        self._words.write(self._clock.now(), len(text), text, begun + 1, len(place), place, counted)

    def job_ended(self, outcome: str) -> None:
        """Count the job in hand, likewise, unless it was counted before: by whom does not matter.

        ``outcome`` is one of ``figures.OUTCOMES``. It stays in hand: its record is to be written.
        """
        found = self._words.read()
        if found is None:
            return
        since, length, text, begun, queue_length, queue, counted = found[1]
        if length == _NO_JOB or counted == begun:
            return
        self._words.write(since, length, text, begun, queue_length, queue, begun)
        self.ledger.count(
            _text(queue, queue_length),
            _text(text, length),
            outcome,
            self._clock.now() - self._possible(since),
        )

    def job_finished(self) -> None:
        """Tell that there is none any more; likewise."""
        begun, counted = self._counts
        self._words.write(0.0, _NO_JOB, b"", begun, 0, b"", counted)

    def worker_ended(self) -> None:
        """Count the job that a worker had in hand when it ended; in the listener, once it has."""
        self.job_ended(CUT_OFF)

    @property
    def begun(self) -> int:
        """How many jobs have begun, the one in hand included; 0 if that is just being written."""
        return self._counts[0]

    def read(self) -> JobInHand | None:
        """Return the job in hand, if there is one; in the listener.

        Of a worker that was killed while it wrote there is one without a name, since now.
        """
        found = next((words for _ in range(_LOOKS) if (words := self._words.read())), None)
        if found is None:
            return JobInHand(0, "", self._clock.now())
        _, (since, length, text, begun, queue_length, queue, _) = found
        if length == _NO_JOB:
            return None
        name, place = _text(text, length), _text(queue, queue_length)
        return JobInHand(begun, name, self._possible(since), place)

    def close(self) -> None:
        """Let go of it, in a process that it is not for: every fork would have to copy it."""
        self._words.close()
        self.ledger.close()

    @property
    def _counts(self) -> tuple[int, int]:
        """How many jobs have begun, and how many were counted; 0 if that is just being written."""
        found = self._words.read()
        return (0, 0) if found is None else (found[1][3], found[1][6])

    def _possible(self, since: float) -> float:
        """Return a moment that has been, whatever else may have been written there."""
        return max(0.0, min(self._clock.now(), since))


def _text(raw: bytes, length: int) -> str:
    return raw[: max(0, length)].decode(errors="replace")
