"""A few words in memory that a process shares with those that it forks."""

import mmap
from struct import Struct
from typing import Any

_COUNT = Struct("=q")


class SharedWords:
    """Written by one process at a time, and read by others: all words of one write, or none.

    To write or read costs no system call. A count stands before the words and once more behind
    them. It is written in that order and read in the other, so that a look which meets a write
    sees two counts.
    """

    def __init__(self, layout: str) -> None:
        """``layout`` is of the module struct, without its first character. Raises OSError."""
        self._words = Struct(f"={layout}")
        self._tail = _COUNT.size + self._words.size
        self._memory = mmap.mmap(-1, self._tail + _COUNT.size)

    def write(self, *words: Any) -> None:
        """Write, and count it."""
        count = self._count_at(0) + 1
        _COUNT.pack_into(self._memory, 0, count)
        self._words.pack_into(self._memory, _COUNT.size, *words)
        _COUNT.pack_into(self._memory, self._tail, count)

    def read(self) -> tuple[int, tuple[Any, ...]] | None:
        """Return the count and the words; None: somebody writes, or was killed while writing."""
        count = self._count_at(self._tail)
        words = self._words.unpack_from(self._memory, _COUNT.size)
        return (count, words) if self._count_at(0) == count else None

    def close(self) -> None:
        """Let go of this process's view of it."""
        self._memory.close()

    def _count_at(self, place: int) -> int:
        count: int = _COUNT.unpack_from(self._memory, place)[0]
        return count
