"""How many jobs of which class a worker has done: memory that it shares with its listener.

As on the board, nothing that is written here costs a system call or wakes anybody, and what stands
here outlives the worker. Each number is written at once; a look that meets a job's end may have the
job in one of its numbers already, and not yet in another.
"""

import mmap
from math import isfinite
from struct import Struct

from resqued.figures import BUCKETS, OTHERS, OUTCOMES, JobTally, bucket_of

#: Native, so that the processor moves each number as a whole.
_WHOLE = Struct("@q")
_REAL = Struct("@d")
_WORD = _WHOLE.size

#: Pairs of queue and class for which there is room; the first row is that of all others.
_ROWS = 64
#: Bytes of the names, and where in a row what stands: their lengths, the names, the counts of the
#: outcomes, of the run times, and the sum of those.
_QUEUE, _JOB = 96, 192
_NAMES_AT = 2 * _WORD
_OUTCOMES_AT = _NAMES_AT + _QUEUE + _JOB
_RUNS_AT = _OUTCOMES_AT + len(OUTCOMES) * _WORD
_SECONDS_AT = _RUNS_AT + len(BUCKETS) * _WORD
_ROW = _SECONDS_AT + _WORD
#: Where stands how many rows are in use, and where the first begins.
_USED_AT = 0
_ROWS_AT = _WORD


class Ledger:
    """Written by the worker and, one at a time, the processes of its jobs; read by its listener."""

    def __init__(self) -> None:
        """Raises OSError if there is no memory."""
        self._memory = mmap.mmap(-1, _ROWS_AT + _ROWS * _ROW)
        self._known: dict[tuple[str, str], int] = {}  #: where the row of each kind is
        self._write_names(_ROWS_AT, OTHERS.encode(), OTHERS.encode())
        self._put(_USED_AT, 1)

    def count(self, queue: str, job: str, outcome: str, seconds: float) -> None:
        """Count a job that has ended so, after so long; in the worker, or its job's process."""
        row = self._known.get((queue, job)) or self._row_of(queue, job)
        self._add(row + _RUNS_AT + bucket_of(seconds) * _WORD)
        total = _REAL.unpack_from(self._memory, row + _SECONDS_AT)[0]
        _REAL.pack_into(self._memory, row + _SECONDS_AT, total + seconds)
        self._add(row + _OUTCOMES_AT + OUTCOMES.index(outcome) * _WORD)

    def read(self) -> tuple[JobTally, ...]:
        """Return what is counted, in the listener; whatever the application may have written."""
        used = min(max(self._get(_USED_AT), 0), _ROWS)
        tallies = (self._tally(_ROWS_AT + number * _ROW) for number in range(used))
        return tuple(tally for tally in tallies if any(tally.runs))

    def close(self) -> None:
        """Let go of it, in a process that it is not for."""
        self._memory.close()

    def _row_of(self, queue: str, job: str) -> int:
        """Return the row of a kind, a new one if need be."""
        names = (_cut(queue, _QUEUE), _cut(job, _JOB))
        # A process of its jobs may have made rows since this one looked.
        used = self._get(_USED_AT)
        rows = range(_ROWS_AT + _ROW, _ROWS_AT + used * _ROW, _ROW)
        row = next((row for row in rows if self._names(row) == names), None)
        if row is None and used < _ROWS:
            row = _ROWS_AT + used * _ROW
            self._write_names(row, *names)
            self._put(_USED_AT, used + 1)  # last: who is killed before that has made none
        if row is None:
            return _ROWS_AT  # nobody remembers these: they may be without number
        self._known[queue, job] = row
        return row

    def _tally(self, row: int) -> JobTally:
        queue, job = (name.decode(errors="replace") for name in self._names(row))
        performed, failed, cut_off = self._numbers(row + _OUTCOMES_AT, len(OUTCOMES))
        seconds: float = _REAL.unpack_from(self._memory, row + _SECONDS_AT)[0]
        return JobTally(
            queue=queue,
            job=job,
            performed=performed,
            failed=failed,
            cut_off=cut_off,
            seconds=max(0.0, seconds) if isfinite(seconds) else 0.0,
            runs=self._numbers(row + _RUNS_AT, len(BUCKETS)),
        )

    def _numbers(self, place: int, count: int) -> tuple[int, ...]:
        return tuple(max(0, self._get(place + number * _WORD)) for number in range(count))

    def _names(self, row: int) -> tuple[bytes, bytes]:
        queue_length, job_length = self._get(row), self._get(row + _WORD)
        queue, job = row + _NAMES_AT, row + _NAMES_AT + _QUEUE
        return (
            self._memory[queue : queue + min(max(queue_length, 0), _QUEUE)],
            self._memory[job : job + min(max(job_length, 0), _JOB)],
        )

    def _write_names(self, row: int, queue: bytes, job: bytes) -> None:
        self._put(row, len(queue))
        self._put(row + _WORD, len(job))
        start = row + _NAMES_AT
        self._memory[start : start + len(queue)] = queue
        self._memory[start + _QUEUE : start + _QUEUE + len(job)] = job

    def _add(self, place: int) -> None:
        self._put(place, self._get(place) + 1)

    def _get(self, place: int) -> int:
        number: int = _WHOLE.unpack_from(self._memory, place)[0]
        return number

    def _put(self, place: int, number: int) -> None:
        _WHOLE.pack_into(self._memory, place, number)


def _cut(text: str, most: int) -> bytes:
    return text.encode(errors="replace")[:most]
