"""What a process may use: open files, and time."""

import errno
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from resqued.errors import ResquedError

#: Descriptors that workers leave over, for what must go on all the same: another listener, a log
#: file to be opened again, a state to be handed over, the application's hooks.
_SPARE_FILES = 8


class TimeOverError(ResquedError):
    """Raised into code whose time is over."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Cut off what runs meanwhile, after ``seconds``, by TimeOverError.

    For code of the application's in a loop of ours; it may swallow the error. Main thread only,
    and not nested: it is the process's one alarm (setitimer(2)).
    """
    former = signal.signal(signal.SIGALRM, _time_is_over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def end_after(seconds: float) -> None:
    """Have the kernel end this process (SIGALRM) unless it has left by then; main thread only."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _time_is_over(_number: int, _frame: FrameType | None) -> None:
    raise TimeOverError("the time is over")


def raise_file_limit() -> int:
    """Allow this process all the files that the system lets it have; returns what it was before.

    A master watches each worker through a descriptor, and so does a listener.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        pass  # macOS has a lower limit than it says; the former one stays
    return soft


def refuse_last_files(descriptor: int) -> None:
    """Raise OSError (EMFILE) if hardly any file could be opened beside this newest one."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and descriptor >= soft - _SPARE_FILES:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def set_file_limit(soft: int) -> None:
    """Go back to a limit; some programs walk through all descriptors that they might have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
