"""A page of memory that a worker shares with the process of its jobs: how far these are.

The process writes and the worker reads, but for the worker's wish that it leave. What is written
outlives the process, however it ends.
"""

import mmap
from enum import IntEnum
from struct import Struct

#: The job's place among those of its process, and its outcome, in one number that is written at
#: once: a process that is killed leaves the old one or the new one.
_STATE = Struct("=q")
_OUTCOME_BITS = 3
#: The job's number on the server.
_NUMBER = Struct("=q")
_NUMBER_AT = 8
_LEAVE_AT = 16
_SIZE = 17
_MOST = 2**63 - 1


class Outcome(IntEnum):
    """How far a job is, as its process has last said."""

    OPEN = 0  #: it runs, or was cut off
    SUCCEEDED = 1  #: done; the worker has yet to tell the server
    POSTING = 2  #: done; its process was telling the server over the worker's connection
    POSTED = 3  #: done, and the server's reply is on its way to the worker
    FAILURE_SAVED = 4  #: failed, and written down; the worker has yet to finish it
    SETTLED = 5  #: there is nothing left to do
    SENT = 6  #: on its way to a process that stands by, which has not begun it


#: By their numbers: to have the class find them takes as long as all else that is done here.
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


class Sheet:
    """What is known of the jobs of one process after the other."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)

    def begin(self, number: int) -> None:
        """Start anew, in the worker: the next process will have this job first."""
        self._memory[_LEAVE_AT] = 0
        self._write(0, number)

    def send(self) -> None:
        """Note that a process which stands by is to have that job, in the worker."""
        self.say(Outcome.SENT)

    def receive(self) -> None:
        """Note that it has it, in that process."""
        self.say(Outcome.OPEN)

    def next_job(self, number: int) -> None:
        """Note that the process has another job in hand, not begun yet; in that process."""
        self._write(self.place + 1, number)

    def say(self, outcome: Outcome) -> None:
        """Tell what has become of the job in hand."""
        _STATE.pack_into(self._memory, 0, self.place << _OUTCOME_BITS | outcome)

    @property
    def outcome(self) -> Outcome:
        """What has become of the job that was in hand last."""
        state: int = _STATE.unpack_from(self._memory)[0]
        return _OUTCOMES[state & (1 << _OUTCOME_BITS) - 1]

    @property
    def place(self) -> int:
        """How many jobs the process has had before that one."""
        state: int = _STATE.unpack_from(self._memory)[0]
        return state >> _OUTCOME_BITS

    @property
    def number(self) -> int:
        """That job's number."""
        number: int = _NUMBER.unpack_from(self._memory, _NUMBER_AT)[0]
        return number

    def ask_to_leave(self) -> None:
        """Have the process take no more jobs than the one in hand; in the worker."""
        self._memory[_LEAVE_AT] = 1

    @property
    def must_leave(self) -> bool:
        """Whether the process is to take no more jobs."""
        return bool(self._memory[_LEAVE_AT])

    def _write(self, place: int, number: int) -> None:
        # Who may write on the server may have set a counter to anything.
        _NUMBER.pack_into(self._memory, _NUMBER_AT, min(max(number, -_MOST), _MOST))
        _STATE.pack_into(self._memory, 0, place << _OUTCOME_BITS | Outcome.OPEN)
