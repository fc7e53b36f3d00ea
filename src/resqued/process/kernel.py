"""The system calls that Python has no name for; on other systems than Linux they do nothing."""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PR_GET_PDEATHSIG = 2
_PR_SET_CHILD_SUBREAPER = 36
_MADV_COLLAPSE = 25
#: Found once, here: to look it up again would cost each forked child 50 pages.
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


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


def collapse(start: int, size: int) -> None:
    """Move a part of this process's memory into huge pages (Linux 6.1 and later; madvise(2)).

    ``start`` and ``size`` are bytes, whole pages of that kind. Raises OSError: EINVAL if the kernel
    cannot do it, EAGAIN if the pages are in use just now, ENOMEM or EBUSY if there is no huge page
    left, or no memory within the control group's limit.
    """
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    if madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _MADV_COLLAPSE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


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
