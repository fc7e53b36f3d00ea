"""How many jobs of which class a worker has done: memory that it shares with its listener.

As on the board, nothing that is written here costs a system call or wakes anybody, and what stands
here outlives the worker. Each number is written at once; a look that meets a job's end may have the
job in one of its numbers already, and not yet in another.
"""

import mmap
from math import isfinite

from resqued.figures import (
    BUCKETS,
    MOST_OF_JOB,
    MOST_OF_QUEUE,
    OTHERS,
    OUTCOMES,
    JobTally,
    bucket_of,
    cut_name,
)

_WORD = 8

#: Pairs of queue and class for which there is room; the first row is that of all others.
_ROWS = 64
#: Bytes of the names.
_QUEUE, _JOB = MOST_OF_QUEUE, MOST_OF_JOB
#: What stands where in a row, in words: the lengths of the names, the names, the counts of the
#: outcomes, those of the run times, and the sum of these.
_NAMES = 2
_OUTCOMES = _NAMES + (_QUEUE + _JOB) // _WORD
_RUNS = _OUTCOMES + len(OUTCOMES)
_SECONDS = _RUNS + len(BUCKETS)
_ROW = _SECONDS + 1
#: Where stands how many jobs have begun, which of them was counted last, how many rows are in use;
#: and where the first row begins.
_BEGUN, _ENDED, _USED, _FIRST = range(4)


class Ledger:
    """Written by the worker and, one at a time, the processes of its jobs; read by its listener."""

    def __init__(self) -> None:
        """Raises OSError if there is no memory."""
        self._memory = mmap.mmap(-1, (_FIRST + _ROWS * _ROW) * _WORD)
        # Native words, so that the processor moves each as a whole.
        self._words = memoryview(self._memory).cast("q")
        self._reals = memoryview(self._memory).cast("d")
        self._known: dict[tuple[str, str], int] = {}  #: where the row of each kind is
        self._write_names(_FIRST, OTHERS.encode(), OTHERS.encode())
        self._words[_USED] = 1

    @property
    def begun(self) -> int:
        """How many jobs have begun."""
        return self._words[_BEGUN]

    @property
    def is_even(self) -> bool:
        """Whether the job that has begun last was counted."""
        return self._words[_ENDED] == self._words[_BEGUN]

    def begin(self, queue: str, job: str) -> int:
        """Note that another job begins; in the worker, or its job's process. Returns which.

        Its row is found now: a worker looks once for each kind that it remembers, each of its jobs'
        processes would look anew.
        """
        if (queue, job) not in self._known and len(self._known) < _ROWS:
            self._row_of(queue, job)
        number = self._words[_BEGUN] + 1
        self._words[_BEGUN] = number
        return number

    def end(self, queue: str, job: str, outcome: str, seconds: float) -> None:
        """Count the job that has begun last: it has ended so, after so long; likewise.

        Raises ValueError for an outcome that is none.
        """
        if outcome not in OUTCOMES:
            raise ValueError(f"an outcome is one of {', '.join(OUTCOMES)}, not {outcome!r}")
        words = self._words
        words[_ENDED] = words[_BEGUN]
        row = self._known.get((queue, job)) or self._row_of(queue, job)
        words[row + _RUNS + bucket_of(seconds)] += 1
        self._reals[row + _SECONDS] += seconds
        words[row + _OUTCOMES + OUTCOMES.index(outcome)] += 1

    def read(self) -> tuple[JobTally, ...]:
        """Return what is counted, in the listener; whatever the application may have written."""
        used = min(max(self._words[_USED], 0), _ROWS)
        tallies = (self._tally(_FIRST + number * _ROW) for number in range(used))
        return tuple(tally for tally in tallies if any(tally.runs))

    def close(self) -> None:
        """Let go of it, in a process that it is not for."""
        self._words.release()
        self._reals.release()
        self._memory.close()

    def _row_of(self, queue: str, job: str) -> int:
        """Return the row of a kind, a new one if need be."""
        names = (cut_name(queue, _QUEUE), cut_name(job, _JOB))
        # A process of its jobs may have made rows since this one looked.
        used = min(self._words[_USED], _ROWS)
        rows = range(_FIRST + _ROW, _FIRST + used * _ROW, _ROW)
        row = next((row for row in rows if self._names(row) == names), None)
        if row is None and used < _ROWS:
            row = _FIRST + used * _ROW
            self._write_names(row, *names)
            self._words[_USED] = used + 1  # last: who is killed before that has made none
        if row is None:
            return _FIRST  # nobody remembers these: they may be without number
        if len(self._known) < _ROWS:  # of long names without number, many are cut to the same
            self._known[queue, job] = row
        return row

    def _tally(self, row: int) -> JobTally:
        queue, job = (name.decode(errors="replace") for name in self._names(row))
        performed, failed, cut_off = self._numbers(row + _OUTCOMES, len(OUTCOMES))
        seconds = self._reals[row + _SECONDS]
        return JobTally(
            queue=queue,
            job=job,
            performed=performed,
            failed=failed,
            cut_off=cut_off,
            seconds=max(0.0, seconds) if isfinite(seconds) else 0.0,
            runs=self._numbers(row + _RUNS, len(BUCKETS)),
        )

    def _numbers(self, place: int, count: int) -> tuple[int, ...]:
        return tuple(max(0, number) for number in self._words[place : place + count])

    def _names(self, row: int) -> tuple[bytes, bytes]:
        queue_length, job_length = self._words[row], self._words[row + 1]
        queue = (row + _NAMES) * _WORD
        job = queue + _QUEUE
        return (
            self._memory[queue : queue + min(max(queue_length, 0), _QUEUE)],
            self._memory[job : job + min(max(job_length, 0), _JOB)],
        )

    def _write_names(self, row: int, queue: bytes, job: bytes) -> None:
        self._words[row], self._words[row + 1] = len(queue), len(job)
        start = (row + _NAMES) * _WORD
        self._memory[start : start + len(queue)] = queue
        self._memory[start + _QUEUE : start + _QUEUE + len(job)] = job
