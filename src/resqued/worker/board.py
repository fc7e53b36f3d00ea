"""Which job a worker has in hand: a page of memory that it shares with its listener.

To tell of a job costs no system call, and wakes nobody: a worker may have thousands a second, and
its listener only looks when it wants to know. What stands there outlives the worker.
"""

import mmap
from dataclasses import dataclass
from struct import Struct

from resqued.clock import Clock

#: A count, the moment, the name's length or -1 for no job, the name, and the count once more.
_PAGE = Struct("=qdh500sq")
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
        self._memory = mmap.mmap(-1, _PAGE.size)
        self._write(_NO_JOB, 0.0, b"")

    def job_started(self, name: str) -> None:
        """Tell of a job, in the worker or in the process of its jobs."""
        text = name.encode(errors="replace")[:_MOST]
        self._write(len(text), self._clock.now(), text)

    def job_finished(self) -> None:
        """Tell that there is none any more; likewise."""
        self._write(_NO_JOB, 0.0, b"")

    def read(self) -> JobInHand | None:
        """Return the job in hand, if there is one; in the listener.

        Of a worker that was killed while it wrote, it may be half of one and half of another.
        """
        for _ in range(_LOOKS):
            number, since, length, text, again = _PAGE.unpack_from(self._memory)
            if number == again:
                break
        if length == _NO_JOB:
            return None
        begun_at = min(self._clock.now(), since)  # whatever else may have written there
        return JobInHand(number, text[:length].decode(errors="replace"), begun_at)

    def _write(self, length: int, since: float, text: bytes) -> None:
        # A worker's and its jobs' processes take turns, so the memory has the last count.
        count: int = _PAGE.unpack_from(self._memory)[0] + 1
        _PAGE.pack_into(self._memory, 0, count, since, length, text, count)
