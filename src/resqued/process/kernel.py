"""The system calls that Python has no name for, or only a slow one.

On other systems than Linux those without a name do nothing.
"""

import ctypes
import os
import sys
from types import BuiltinFunctionType
from typing import NoReturn

_PR_SET_PDEATHSIG = 1
_PR_GET_PDEATHSIG = 2
_PR_SET_CHILD_SUBREAPER = 36
_MADV_COLLAPSE = 25
_PROT_RW, _PROT_RX = 1 | 2, 1 | 4
_MAP_OWN = 0x02 | 0x20  # MAP_PRIVATE, MAP_ANONYMOUS
_MREMAP_HERE = 1 | 2  # MREMAP_MAYMOVE, MREMAP_FIXED
#: Found once, here: to look it up again would cost each forked child 50 pages.
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
#: Likewise: ``os._exit`` would look for it at its first call, and so in each child (ld.so(8)). Not
#: where it is another one's, which has something to do first (coverage's, say).
_OS_EXIT = os._exit
_IS_PLAIN = sys.platform == "linux" and isinstance(_OS_EXIT, BuiltinFunctionType)
_EXIT = ctypes.PyDLL(None)["_exit"] if _IS_PLAIN else _OS_EXIT


def become_subreaper() -> bool:
    """Adopt the children of every process below that dies (Linux); False where that cannot be."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(number: int) -> None:
    """Get the signal ``number`` from the kernel when our parent ends (Linux).

    The kernel forgets it on setuid and setgid, counts the end of the forking *thread*, and says
    nothing of a parent that is gone already (prctl(2)): look for that afterwards.
    """
    _prctl(_PR_SET_PDEATHSIG, number)


def death_signal() -> int:
    """Return what this process gets when its parent ends; 0: nothing."""
    number = ctypes.c_int(0)
    if _PRCTL is not None:
        _PRCTL(_PR_GET_PDEATHSIG, ctypes.byref(number), 0, 0, 0)
    return number.value


def outlive_parent() -> None:
    """Undo ``die_with_parent``."""
    _prctl(_PR_SET_PDEATHSIG, 0)


def end(code: int) -> NoReturn:
    """End this process at once, as ``os._exit`` does; by that, if somebody has replaced it."""
    if os._exit is _OS_EXIT:
        _EXIT(code)
    os._exit(code)


def collapse(start: int, size: int) -> None:
    """Move a part of this process's memory into huge pages (Linux 6.1 and later; madvise(2)).

    ``start`` and ``size`` are bytes, whole pages of that kind. Raises OSError: EINVAL if the kernel
    cannot do it, EAGAIN if the pages are in use just now, ENOMEM or EBUSY if there is no huge page
    left, or no memory within the control group's limit.
    """
    _memory_call("madvise", start, size, _MADV_COLLAPSE)


def copy_code(start: int, code: bytes) -> None:
    """Put the same code in a huge page in the place of a part of this process's (Linux 6.1).

    ``start`` is a multiple of its size, that of a huge page, and what is there is never written to.
    Whoever runs it goes on, as the kernel takes the one for the other at once (mremap(2)). Raises
    OSError, all being as before: what ``collapse`` raises, and EACCES or EPERM where nobody may run
    what was written (SELinux's execmem, systemd's MemoryDenyWriteExecute).
    """
    size = len(code)
    area = _memory_call("mmap", 0, 2 * size, _PROT_RW, _MAP_OWN, -1, 0)
    copy = -(-area // size) * size
    try:
        # Before the rest is moved away: what it leaves behind is any thread's to have.
        for begin, end in ((area, copy), (copy + size, area + 2 * size)):
            if begin < end:
                _memory_call("munmap", begin, end - begin)
        ctypes.memmove(copy, code, size)
        _memory_call("madvise", copy, size, _MADV_COLLAPSE)
        _memory_call("mprotect", copy, size, _PROT_RX)
        _memory_call("mremap", copy, size, size, _MREMAP_HERE, start)
    except OSError:
        _memory_call("munmap", copy, size)
        raise


def _memory_call(name: str, start: int, *words: int) -> int:
    """Call a function of the C library that concerns memory; returns an address, or 0.

    Signed, so that what says that it has failed is -1. ``start`` is an address. Raises OSError.
    """
    call = getattr(ctypes.CDLL(None, use_errno=True), name)
    call.restype, call.argtypes = ctypes.c_ssize_t, [ctypes.c_ssize_t] * (1 + len(words))
    result: int = call(start, *words)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def prefer_for_oom(step: int) -> None:
    """Let the kernel kill this process ``step`` points sooner than its parent (Linux).

    Raising one's own oom_score_adj is always allowed (proc(5)); its end is 1000.
    """
    try:
        with open("/proc/self/oom_score_adj", "r+") as file:
            score = min(1000, int(file.read()) + step)
            file.seek(0)
            file.write(str(score))
    except OSError:
        pass  # no such file here, or a sandbox forbids it; it was only a preference


def _prctl(option: int, value: int) -> bool:
    return _PRCTL is not None and bool(_PRCTL(option, value, 0, 0, 0) == 0)
