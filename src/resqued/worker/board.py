"""Which job a worker has in hand: a page of memory that it shares with its listener.

To tell of a job costs no system call, and wakes nobody: a worker may have thousands a second, and
its listener only looks when it wants to know. What stands there outlives the worker.
"""

from dataclasses import dataclass

from resqued.clock import Clock
from resqued.process.shared import SharedWords

#: The moment, the name's length or -1 for no job, the name, and how many jobs have begun here.
_LAYOUT = "dh500sq"
_MOST = 500
_NO_JOB = -1
#: How often a look is repeated that has met the worker while it wrote; one write takes no time.
_LOOKS = 1000


@dataclass(frozen=True, slots=True)
class JobInHand:
    """A job as its worker has told of it."""

    number: int  #: no two of one worker have the same
    name: str  #: its first 500 bytes
    since: float  #: by the worker's clock


class Board:
    """Written by the worker, and read by its listener."""

    def __init__(self, clock: Clock) -> None:
        """``clock`` is one whose time is the same in all processes."""
        self._clock = clock
        self._words = SharedWords(_LAYOUT)
        self._words.write(0.0, _NO_JOB, b"", 0)

    def job_started(self, name: str) -> None:
        """Tell of a job, in the worker or in the process of its jobs."""
        text = name.encode(errors="replace")[:_MOST]
        self._words.write(self._clock.now(), len(text), text, self.begun + 1)

    def job_finished(self) -> None:
        """Tell that there is none any more; likewise."""
        self._words.write(0.0, _NO_JOB, b"", self.begun)

    @property
    def begun(self) -> int:
        """How many jobs have begun, the one in hand included; 0 if that is just being written."""
        found = self._words.read()
        return 0 if found is None else found[1][3]

    def read(self) -> JobInHand | None:
        """Return the job in hand, if there is one; in the listener.

        Of a worker that was killed while it wrote there is one without a name, since now.
        """
        found = next((words for _ in range(_LOOKS) if (words := self._words.read())), None)
        if found is None:
            return JobInHand(0, "", self._clock.now())
        number, (since, length, text, _) = found
        if length == _NO_JOB:
            return None
        begun_at = max(0.0, min(self._clock.now(), since))  # whatever else may have written there
        return JobInHand(number, text[:length].decode(errors="replace"), begun_at)

    def close(self) -> None:
        """Let go of it, in a process that it is not for: every fork would have to copy it."""
        self._words.close()
