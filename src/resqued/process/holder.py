"""Who holds a pidfile, found out by another process that does not want it."""

import fcntl
import os

from resqued.errors import ResquedError
from resqued.process.watch import ProcessWatch

#: The kernel's pid_t; a larger number in the file is no pid.
_MAX_PID = 2**31 - 1


class HolderError(ResquedError):
    """Raised when a pidfile cannot be read, or is held by another process than it names."""


def find_holder(path: str) -> ProcessWatch | None:
    """Return a watch on the process that holds the pidfile; None if nobody does.

    The number in the file alone proves nothing, its lock does (flock(2)): whoever holds the file
    wrote its own pid into it before it got its name, so the pid was its holder's when the watch
    was opened, if the lock is still held afterwards. Raises HolderError.
    """
    try:
        # Not to be kept waiting by a name that turns out to be a pipe's.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HolderError(f"cannot read pidfile {path}: {error.strerror}") from error
    try:
        return _holder(path, file)
    except OSError as error:
        raise HolderError(f"cannot read pidfile {path}: {error.strerror}") from error
    finally:
        os.close(file)


def _holder(path: str, file: int) -> ProcessWatch | None:
    text = os.read(file, 32).decode("ascii", "replace").strip()
    watch = _watch(text)
    if not _is_locked(file):
        _close(watch)
        return None
    if watch is None or not _may_be_open_in(watch.pid, file):
        _close(watch)
        raise HolderError(f"{path} is held by a process, but not by the one it names ({text!r})")
    return watch


def _close(watch: ProcessWatch | None) -> None:
    if watch is not None:
        watch.close()


def _watch(text: str) -> ProcessWatch | None:
    pid = int(text) if text.isascii() and text.isdecimal() else 0
    if not 0 < pid <= _MAX_PID or pid == os.getpid():
        return None
    try:
        return ProcessWatch(pid)
    except ProcessLookupError:
        return None


def _is_locked(file: int) -> bool:
    """Tell whether somebody has the file for itself; a shared lock disturbs no other look."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _may_be_open_in(pid: int, file: int) -> bool:
    """Tell whether the process has the file open, as its holder must, or cannot be looked at.

    A file that is shared with another pid namespace names a pid of that one, which here may be
    anybody's.
    """
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return True  # no /proc, or another user's process: the lock has to do
    return any(_is_same_file(f"{folder}/{name}", file) for name in names)


def _is_same_file(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False  # closed meanwhile
