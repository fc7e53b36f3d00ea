"""The control socket's file: who listens there is found out by connecting to it."""

import os
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from resqued.control import place
from resqued.control.address import address_of, listener_at
from resqued.errors import ResquedError
from resqued.process.pidfile import Pidfile, PidfileError

#: Connections that wait to be accepted.
_BACKLOG = 128
#: What the file is not to allow.
_MASK = 0o177

#: Device, number and last change of a file.
Identity = tuple[int, int, int]


class SocketFileError(ResquedError):
    """Raised when the control socket cannot be made there; names the path, and says why."""


class SocketHeldError(SocketFileError):
    """Raised when a running process listens there already."""

    def __init__(self, path: str, pid: int = 0) -> None:
        whose = f" (pid {pid})" if pid else ""
        super().__init__(f"control socket {path} is held by a running process{whose}")


class SocketFile:
    """A listening Unix socket under a name; a context manager, which removes it again.

    Lives in the master. Its file has mode 0600 from its first moment. A file that a dead master
    has left is replaced; one at which somebody listens is not.
    """

    def __init__(self, path: str, private_folder: str | None = None) -> None:
        """``private_folder`` is where it stands, if that is to be this user's alone."""
        # Absolute, but with its links: the working directory may be another one when it is removed.
        self._path = os.path.abspath(path)
        self._private_folder = private_folder
        self._socket: socket.socket | None = None
        self._identity: Identity | None = None  #: of the file, as it was last found; None: not yet

    @classmethod
    def adopt(cls, path: str, descriptor: int, private_folder: str | None = None) -> Self:
        """Return the socket as it was held before an exec; entering it changes nothing."""
        file = cls(path, private_folder)
        file._socket = socket.socket(fileno=descriptor)
        return file

    @property
    def private_folder(self) -> str | None:
        """The folder that only this user may enter; None: it was told where to be."""
        return self._private_folder

    @property
    def holding(self) -> tuple[str, int] | None:
        """Its absolute path and its descriptor, while it is held."""
        return None if self._socket is None else (self._path, self._socket.fileno())

    def __enter__(self) -> Self:
        """Listen there. Raises SocketFileError, having changed nothing, if that cannot be."""
        if self._socket is None:
            try:
                self._socket = self._take()
            except OSError as error:
                raise self._error(error.strerror or str(error)) from error
        return self

    @property
    def is_in_place(self) -> bool:
        """Whether its name leads to it. One look at the file, unless that has changed."""
        try:
            found = _identity(self._path)
            if found != self._identity and self._listens_there():
                self._identity = found  # it was given another mode, say
        except OSError:
            return False
        return found == self._identity

    def renew(self) -> None:
        """Make the file anew, where it has gone; as at the start, what is another's is left alone.

        The descriptor that is held keeps its number, and is one of the new socket from then on.
        Raises SocketFileError or place.PlaceError, having changed nothing.
        """
        assert self._socket is not None
        try:
            if self._private_folder is not None:
                place.make_private(self._private_folder)
            with self._take() as made:
                os.dup2(made.fileno(), self._socket.fileno(), inheritable=False)
        except OSError as error:
            raise self._error(error.strerror or str(error)) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Listen no longer, and remove the file, if nobody else listens there by now."""
        if self._socket is None:
            return
        self._socket.close()
        self._socket = None
        try:
            self.clear()
        except (OSError, SocketFileError):
            pass  # it is gone, or somebody else's: the next master replaces what is left

    def clear(self) -> None:
        """Take away what a dead master has left. Raises SocketFileError if it is anything else."""
        with self._alone():
            self._clear()

    def _take(self) -> socket.socket:
        """Listen, where by then nothing else stands. Raises SocketFileError, and OSError."""
        with self._alone():
            self._clear()
            self._identity = None
            return _listen(self._path)

    def _listens_there(self) -> bool:
        """Find out by connecting whether it is this process that does. Raises OSError.

        Where it cannot be told who does, a file that nothing was known of is taken for ours.
        """
        listener = listener_at(self._path)
        is_in_doubt = self._identity is None or sys.platform != "linux"
        return listener == os.getpid() or (listener == 0 and is_in_doubt)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others from changing what stands there meanwhile; at all times but this they may.

        Raises SocketFileError. Who else is at it just now wants, or has just ended, the same.
        """
        try:
            lock = Pidfile(f"{self._path}.lock").__enter__()
        except PidfileError as error:
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            raise SocketHeldError(self._path) from error
        with lock:
            yield

    def _clear(self) -> None:
        try:
            if not stat.S_ISSOCK(os.lstat(self._path).st_mode):
                raise self._error("there is a file that is no socket")
            listener = listener_at(self._path)
        except FileNotFoundError:
            return
        if listener is not None:
            raise SocketHeldError(self._path, listener)
        os.unlink(self._path)

    def _error(self, reason: str) -> SocketFileError:
        return SocketFileError(f"cannot make control socket {self._path}: {reason}")


def in_runtime_folder(folder: str) -> SocketFile:
    """Return the socket of a master without a pidfile, not made yet; dead masters' are removed.

    Raises place.PlaceError if the folder cannot be made, or does not keep others out.
    """
    place.make_private(folder)
    for path in place.sockets_in(folder):
        try:
            SocketFile(path).clear()
        except (OSError, SocketFileError):
            pass  # its master lives, or it is none of ours
    return SocketFile(place.named_by_pid(folder, os.getpid()), folder)


def _identity(path: str) -> Identity:
    """Return what tells a file from others of its name. Raises OSError.

    With the time of its last change, as the number of a file that was removed is soon another's.
    """
    found = os.lstat(path)
    return found.st_dev, found.st_ino, found.st_ctime_ns


def _listen(path: str) -> socket.socket:
    """Return a socket that listens under a new name, which nobody else may use. Raises OSError.

    The name appears when the socket listens already: whoever finds it in between would be refused,
    and take its master for dead.
    """
    first_name = f"{path}.{os.getpid()}"
    listening = socket.socket(socket.AF_UNIX)
    try:
        with address_of(first_name) as address:
            # The file gets its mode as it is made; to change it afterwards would be too late.
            former = os.umask(_MASK)
            try:
                listening.bind(address)
            finally:
                os.umask(former)
        try:
            listening.listen(_BACKLOG)
            os.rename(first_name, path)
        except BaseException:
            os.unlink(first_name)
            raise
    except BaseException:
        listening.close()
        raise
    listening.setblocking(False)
    return listening
