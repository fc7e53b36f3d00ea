"""Huge pages for the memory that forks share, so that a fork has less to copy (Linux).

A fork copies the page tables of its parent: 512 entries for 2 MB of ordinary pages, one for a huge
page. The tables of a large application are most of what its forks cost, and each exit frees them
again. Nothing else changes: what a fork writes to is copied by 4 kB, as before.
"""

import logging
import os
from collections.abc import Iterator

from resqued.process import kernel

log = logging.getLogger(__name__)

_SETTINGS = "/sys/kernel/mm/transparent_hugepage"
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Bytes that are moved at most. A GB takes the kernel a second or two, which a deploy waits for.
_MOST = 1 << 30
#: How much of a huge page must be in use beforehand; the rest of it becomes memory that is used.
_FILLED = 0.95
#: Of an entry of /proc/self/pagemap: its bytes, and the bit that says that the page is there.
_ENTRY = 8
_PRESENT = 63


def collapse() -> int:
    """Move this process's own memory into huge pages where it fills them; returns the bytes moved.

    For a process whose memory will not grow much any more, before it forks. Does nothing where the
    system's administrator wants no huge pages ("never"), or the kernel has none to give.
    """
    size = _size()
    if size is None:
        return 0
    moved = 0
    try:
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
            for start in _blocks(size):
                if moved + size > _MOST:
                    break
                if _is_filled(pagemap.fileno(), start, size):
                    kernel.collapse(start, size)
                    moved += size
    except OSError as error:
        fields = {"event": "huge_pages_refused", "reason": str(error)}
        log.debug("No more memory goes into huge pages: %s", error, extra=fields)
    return moved


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
    """Return the first and the last address of each such region, the largest regions first."""
    found = []
    with open("/proc/self/maps") as maps:
        for line in maps:
            addresses, mode, _offset, _device, _inode, *name = line.split(maxsplit=5)
            if mode == "rw-p" and (not name or name[0].startswith(("[heap]", "[anon:"))):
                start, end = addresses.split("-")
                found.append((int(start, 16), int(end, 16)))
    return sorted(found, key=lambda region: region[0] - region[1])


def _is_filled(pagemap: int, start: int, size: int) -> bool:
    entries = os.pread(pagemap, size // _PAGE * _ENTRY, start // _PAGE * _ENTRY)
    there = sum(entry >> _PRESENT for entry in memoryview(entries).cast("Q"))
    return there >= _FILLED * size / _PAGE
