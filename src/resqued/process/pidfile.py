"""The pidfile: who runs, decided by a lock and not by the number in the file."""

import fcntl
import os
import stat
from types import TracebackType
from typing import Self

from resqued.errors import ResquedError

#: Bytes. A longer file was never a pidfile: a config file, say, which must not be lost for a slip.
_LONGEST = 64


class PidfileError(ResquedError):
    """Raised when the pidfile cannot be written, or a live process holds it."""


class Pidfile:
    """Our pid in a file that is ours while we hold the lock on it; a context manager.

    A container may give out the same pid again, so the number proves nothing; the kernel drops
    the lock (flock(2)) the moment its process is gone.
    """

    def __init__(self, path: str) -> None:
        # Absolute, but with its links: the working directory may be another one when it is removed.
        self._path = os.path.abspath(path)
        self._descriptor: int | None = None

    @classmethod
    def adopt(cls, path: str, descriptor: int) -> Self:
        """Return the file as it was held before an exec; entering it changes nothing."""
        pidfile = cls(path)
        pidfile._descriptor = descriptor
        return pidfile

    @property
    def holding(self) -> tuple[str, int] | None:
        """Its absolute path and the descriptor that holds the lock, while it is held."""
        return None if self._descriptor is None else (self._path, self._descriptor)

    def __enter__(self) -> Self:
        """Take the file. Raises PidfileError, having changed nothing, if that cannot be."""
        if self._descriptor is not None:
            return self
        try:
            self._descriptor = self._take()
        except OSError as error:
            raise PidfileError(f"cannot write pidfile {self._path}: {error.strerror}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the file, if it is still ours, and drop the lock."""
        if self._descriptor is None:
            return
        if _is_same_file(self._path, self._descriptor):
            os.unlink(self._path)
        os.close(self._descriptor)
        self._descriptor = None

    def _take(self) -> int:
        """Put a file that we have locked in the place of ``path`` in one step."""
        # Not only the pid: containers that share the folder may all run as pid 1.
        temporary = f"{self._path}.{os.getpid()}-{os.urandom(4).hex()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        ours = os.open(temporary, flags, 0o644)
        try:
            fcntl.flock(ours, fcntl.LOCK_EX)
            os.write(ours, f"{os.getpid()}\n".encode())
            while not (self._create(temporary) or self._replace(temporary)):
                pass  # another process came or went between the two: look again
        except BaseException:
            os.close(ours)
            raise
        finally:
            _unlink_if_there(temporary)
        return ours

    def _create(self, temporary: str) -> bool:
        try:
            os.link(temporary, self._path)
        except FileExistsError:
            return False
        return True

    def _replace(self, temporary: str) -> bool:
        """Replace a file that nobody holds; its lock is ours meanwhile, so only one can do it."""
        try:
            there = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return False
        try:
            if not stat.S_ISREG(os.fstat(there).st_mode):
                raise PidfileError(f"cannot write pidfile {self._path}: not a regular file")
            fcntl.flock(there, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_same_file(self._path, there):
                return False
            if os.fstat(there).st_size > _LONGEST:
                raise PidfileError(f"cannot write pidfile {self._path}: it is no pidfile")
            os.rename(temporary, self._path)
        except BlockingIOError:
            holder = os.read(there, 32).decode("ascii", "replace").strip()
            raise PidfileError(
                f"{self._path} is held by a running process (pid {holder})"
            ) from None
        finally:
            os.close(there)
        return True


def _is_same_file(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _unlink_if_there(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # renamed into its place
