"""Huge pages for the memory that forks share, so that a fork has less to copy (Linux).

A fork copies the page tables of its parent: 512 entries for 2 MB of ordinary pages, one for a huge
page. The tables of a large application are most of what its forks cost, and each exit frees them
again. Nothing else changes: what a fork writes to is copied by 4 kB, as before.
"""

import ctypes
import logging
import os
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from resqued.process import kernel

log = logging.getLogger(__name__)

_SETTINGS = "/sys/kernel/mm/transparent_hugepage"
_OVERCOMMIT = "/proc/sys/vm/overcommit_memory"
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Bytes that are moved at most, and seconds that this takes, or looking for them.
_MOST = 1 << 30
_SECONDS = 3.0
#: Refusals in a row after which the kernel is taken to have none to give. Single ones mean pages
#: that are in use just now, or that it does not move.
_MOST_REFUSALS = 16
#: How much of a huge page must be in use beforehand; the rest of it becomes memory that is used.
_FILLED = 0.95
#: Of an entry of /proc/self/pagemap: its bytes, and the bit that says that this process alone has
#: the page (since Linux 4.2): not one that was only read, which all processes share.
_ENTRY = 8
_OWN = 56


def collapse(now: Callable[[], float]) -> int:
    """Move this process's own memory into huge pages where it fills them; returns the bytes there.

    For a process whose memory will not grow much any more, before it forks. Does nothing where the
    system's administrator wants no huge pages ("never"), or the kernel has none to give; takes a
    few seconds at most, by the clock ``now``. Raises nothing.
    """
    size = _size()
    if size is None:
        return 0
    try:
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
            return _collapse(pagemap.fileno(), size, now)
    except OSError as error:  # a sandbox may show neither this file nor the map
        _log_refusal(error)
        return 0


def _collapse(pagemap: int, size: int, now: Callable[[], float]) -> int:
    until = now() + _SECONDS
    moved = refusals = 0
    for start in _blocks(size):
        if moved + size > _MOST or refusals == _MOST_REFUSALS or now() > until:
            break
        if not _is_filled(pagemap, start, size):
            continue
        try:
            kernel.collapse(start, size)
        except OSError as error:
            refusals += 1
            _log_refusal(error)
        else:
            moved += size
            refusals = 0
    return moved


def copy_code() -> int:
    """Put a copy in huge pages in the place of the interpreter's own code; returns its bytes.

    Forks run through some hundred pages of it, each of which they have to find first. It counts as
    memory of this process's own, 2 or 4 MB, that all its forks share; the file's name does not
    stand there any more, so profilers like perf do not know the functions in it. The beginning of
    the code stays as it is, by which others find it (py-spy, gdb). Does nothing where ``collapse``
    does nothing; raises nothing.
    """
    size = _size()
    if size is None or not _is_memory_promised():
        return 0
    copied = 0
    try:
        for start, code in _blocks_of_code(size):
            kernel.copy_code(start, code)
            copied += size
    except OSError as error:
        _log_refusal(error)
    return copied


def _is_memory_promised() -> bool:
    """Whether the kernel may promise more memory than it has (proc(5), overcommit_memory).

    If not, it may refuse at the last step, in which it has let go of the code already.
    """
    try:
        with open(_OVERCOMMIT) as file:
            return file.read().strip() in ("0", "1")
    except OSError:
        return False


def _blocks_of_code(size: int) -> Iterator[tuple[int, bytes]]:
    """Yield where a huge page could be, in the interpreter's code and the constants behind it.

    With what is there, as its file has it. Where memory has something else, a breakpoint (uprobe),
    or what was linked when it was loaded, it stays.
    """
    inside = ctypes.cast(ctypes.pythonapi.PyObject_Call, ctypes.c_void_p).value or 0
    for code, behind in pairwise(_mappings()):
        if code.start <= inside < code.end and code.mode == "r-xp":
            is_one = behind.start == code.end and behind.mode == "r--p" and behind.name == code.name
            end = behind.end if is_one else code.end
            first = -(-(code.start + 1) // size) * size
            with open(code.name, "rb", buffering=0) as file:
                for start in range(first, end - size + 1, size):
                    content = os.pread(file.fileno(), size, code.offset + start - code.start)
                    if content == ctypes.string_at(start, size):
                        yield start, content
            return


def _log_refusal(error: OSError) -> None:
    fields = {"event": "huge_page_refused", "reason": str(error)}
    log.debug("A part of the memory stays as it is: %s", error, extra=fields)


def _size() -> int | None:
    """Return the bytes of a huge page; None: there are to be none."""
    try:
        with open(f"{_SETTINGS}/enabled") as file:
            if "[never]" in file.read():
                return None
        with open(f"{_SETTINGS}/hpage_pmd_size") as file:
            return int(file.read())
    except OSError:
        return None  # another system, or a kernel that was built without them


def _blocks(size: int) -> Iterator[int]:
    """Yield where a huge page could be, in all memory that is of the process's own making."""
    for start, end in _regions():
        first = -(-start // size) * size
        yield from range(first, end - size + 1, size)


def _regions() -> list[tuple[int, int]]:
    """Return the first and the last address of each such region.

    The largest come last: they may be reserved, and empty, and there is not much time.
    """
    found = [
        (each.start, each.end)
        for each in _mappings()
        if each.mode == "rw-p" and (not each.name or each.name.startswith(("[heap]", "[anon:")))
    ]
    return sorted(found, key=lambda region: region[1] - region[0])


class _Mapping(NamedTuple):
    """A line of /proc/self/maps."""

    start: int
    end: int
    mode: str
    offset: int  #: of its file, in bytes
    name: str  #: of its file, or what the kernel calls it; mostly empty where it has no file


def _mappings() -> list[_Mapping]:
    found = []
    with open("/proc/self/maps", errors="surrogateescape") as maps:
        for line in maps:
            addresses, mode, offset, _device, _inode, *name = line.split(maxsplit=5)
            start, end, begin = (int(number, 16) for number in (*addresses.split("-"), offset))
            found.append(_Mapping(start, end, mode, begin, "".join(name).rstrip("\n")))
    return found


def _is_filled(pagemap: int, start: int, size: int) -> bool:
    entries = os.pread(pagemap, size // _PAGE * _ENTRY, start // _PAGE * _ENTRY)
    own = sum(entry >> _OWN & 1 for entry in memoryview(entries).cast("Q"))
    return own >= _FILLED * size / _PAGE
