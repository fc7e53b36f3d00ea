"""Fill the gaps in a process's memory, so that what its forks allocate lies together (CPython).

Who has loaded much has thrown much away as well: nearly every page has room for some small object.
Forks would fill that room first, each with a copy of its own of every such page.
"""

import ctypes
import sys
from itertools import repeat

#: Sizes in bytes that Python's own allocator has.
_SMALL = range(16, 513, 16)
#: Bytes of fresh memory that it takes at once for one size, and fills from their beginning on...
_POOL = 1 << 14
#: ... so that this many blocks side by side are no gaps any more, or nearly all that fit in there.
_IN_A_ROW = 24
_NEARLY = 4
#: Sizes that are asked of the system's allocator, the largest first: into what is left of a large
#: gap smaller ones go. Up to 1 kB it keeps the gaps of each 16 bytes apart.
_LARGE = (*range(16_000, 1_100, -500), *range(1_096, 8, -16))
#: Bytes that lie beyond all gaps, as hardly one has room for them.
_BEYOND = 100_000
#: Bytes at most for one size: where allocators are others, nothing says that a gap is the last.
_MOST = 1 << 18


def fill() -> int:
    """Fill this process's gaps for good, before it forks; returns by how many blocks.

    That makes it less than half a MB larger. Takes a few milliseconds. Does nothing where the
    allocators are others than CPython's own and that of Linux; whatever happens, raises nothing.
    """
    if not is_possible():
        return 0
    try:
        return sum(map(_fill_small, _SMALL)) + _fill_large()
    except (OSError, AttributeError, MemoryError):  # a C library without malloc, or no memory
        return 0


def is_possible() -> bool:
    """Whether this process's allocators are those that were looked at."""
    return (
        sys.platform == "linux"
        and sys.implementation.name == "cpython"
        and getattr(sys, "_is_gil_enabled", lambda: True)()
    )


def _fill_small(size: int) -> int:
    """Make objects until they lie side by side."""
    kept: list[object] = []
    enough = min(_IN_A_ROW, _POOL // size - _NEARLY)
    former, in_a_row = 0, 0
    for _ in repeat(None, _MOST // size):
        kept.append(_object_of(size))
        place = id(kept[-1])
        in_a_row = in_a_row + 1 if place == former + size else 0
        if in_a_row == enough:
            break
        former = place
    for one in kept:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(one))  # never to be freed
    return len(kept)


def _object_of(size: int) -> object:
    if size == object.__basicsize__:
        return object()
    if size == complex.__basicsize__:
        return complex(1.0, 1.0)
    return bytes(size - bytes.__basicsize__)


def _fill_large() -> int:
    """Allocate blocks until they come from beyond all gaps."""
    malloc = ctypes.CDLL(None).malloc
    malloc.restype, malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
    beyond = malloc(_BEYOND) or 0
    count = 0
    for size in _LARGE:
        for _ in range(_MOST // size):
            count += 1
            if (malloc(size) or sys.maxsize) > beyond:
                break
    return count
