"""The Python stacks of a process that goes on: it writes them down whenever somebody asks.

A worker and all that is forked from it answer into one file without a name (memfd), which whoever
looks finds among the open files of the process (Linux: /proc/PID/fd). Who keeps the time of a job
asks by another signal (``stack``), and is answered elsewhere: neither spoils the other's answer.
"""

import faulthandler
import fcntl
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import Signals

from resqued.errors import ResquedError
from resqued.process.condition import Condition, conditions
from resqued.process.watch import ProcessWatch

#: The question. Ignored by default (signal(7)), so that it harms no program that a process has
#: become in this very moment. Not SIGWINCH, whose handler the module readline takes on import.
SIGNAL = Signals.SIGURG
#: Seconds that one process gets to answer, which takes it milliseconds.
PATIENCE = 5.0
#: Seconds until it is asked again: a question is lost while another one is just being answered.
_AGAIN = 1.0
#: Seconds between two looks whether it has.
_PAUSE = 0.002
#: Bytes of an answer that are read: 100 frames of 100 threads, which is all that there ever are.
_MOST = 4 * 1024 * 1024
_NAME = "resqued-stacks"
#: How the kernel shows a file of that name (memfd_create(2)).
_LINK = f"/memfd:{_NAME} (deleted)"


class DumpError(ResquedError):
    """Raised when a process does not tell its stacks; says what is the matter with it."""


class HasEndedError(DumpError):
    """Raised when the process has ended."""

    def __init__(self) -> None:
        super().__init__("has ended")


class NotAllowedError(DumpError):
    """Raised when the process may not be looked at: it is another user's, or has become that."""

    def __init__(self, error: OSError | None = None) -> None:
        reason = "it is hidden" if error is None else error.strerror
        super().__init__(f"cannot be looked at: {reason}; has it changed its user?")


def answer() -> None:
    """Answer whoever asks, from now on, in this process and all that will be forked from it.

    It costs a descriptor, and nothing for each fork. faulthandler answers in the signal's handler:
    also where the main thread is stuck in C. Without a descriptor left, or where there are no such
    files (elsewhere than on Linux), nobody is answered, which whoever looks is told.
    """
    if sys.platform != "linux":
        return
    try:
        file = os.memfd_create(_NAME, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError:
        return
    # Whoever looks empties it, and all processes write at its end.
    fcntl.fcntl(file, fcntl.F_SETFL, os.O_APPEND)
    faulthandler.register(SIGNAL, file=file, all_threads=True, chain=False)


class DumpFile:
    """The file that a worker and its forked processes answer in, opened by one who looks."""

    def __init__(self, file: int) -> None:
        """``file`` is a descriptor of our own."""
        self._file = file

    @classmethod
    def of(cls, watch: ProcessWatch) -> "DumpFile | None":
        """Open the file of a process; None: it has none, or has ended. Raises NotAllowedError."""
        for path in _paths(watch):
            try:
                file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
            except (FileNotFoundError, ProcessLookupError):
                continue  # closed just now
            except OSError as error:
                raise NotAllowedError(error) from error
            if _is_sealable(file):
                return cls(file)
            os.close(file)
        return None

    def is_open_in(self, watch: ProcessWatch) -> bool:
        """Tell whether a process has it, too: it was forked, and runs no other program since.

        Raises NotAllowedError.
        """
        own = os.fstat(self._file)
        return any(_is_same(path, own) for path in _paths(watch))

    @contextmanager
    def alone(self, now: Callable[[], float]) -> Iterator[None]:
        """Have it for oneself meanwhile, among those who look.

        Raises DumpError if somebody else has it for too long.
        """
        until = now() + PATIENCE
        while not self._lock():
            if now() >= until:
                raise DumpError("is being looked at by somebody else")
            _pause()
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def stacks(self, watch: ProcessWatch, now: Callable[[], float]) -> str:
        """Have a process that has the file open write its stacks, and return them.

        As faulthandler writes them: of all threads, the most recent call first. While one has it
        ``alone``. A system call that waits in C may be cut short (EINTR), as by any signal that a
        process handles. Raises DumpError, HasEndedError or NotAllowedError.
        """
        before = conditions(watch.pid)
        _check(watch, before)
        deaf = {thread for thread, each in before.items() if each.blocks(SIGNAL)}
        asked_at = begun_at = now()
        self._empty()
        _ask(watch)
        while not self._is_complete(watch.pid, deaf):
            present = conditions(watch.pid)
            _check(watch, present)
            if now() >= begun_at + PATIENCE:
                raise DumpError(_silence(present))
            if now() >= asked_at + _AGAIN and not self._has_begun:
                _ask(watch)
                asked_at = now()
            _pause()
        text = os.pread(self._file, _MOST, 0).decode(errors="replace")
        self._empty()
        return text

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)

    def _lock(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _empty(self) -> None:
        try:
            os.ftruncate(self._file, 0)
        except OSError as error:
            raise DumpError(f"cannot be asked: its file is sealed ({error.strerror})") from error

    @property
    def _has_begun(self) -> bool:
        return os.fstat(self._file).st_size > 0

    def _is_complete(self, pid: int, deaf: set[int]) -> bool:
        """Tell whether an answer has begun, and then, whether its handler is left.

        In this order: between a signal's arrival and its handler it is neither pending nor blocked.
        """
        if not self._has_begun:
            return False
        threads = conditions(pid)
        return bool(threads) and not any(
            each.awaits(SIGNAL) or (each.blocks(SIGNAL) and thread not in deaf)
            for thread, each in threads.items()
        )


def is_forked_from(watch: ProcessWatch, parent: int) -> bool:
    """Tell whether a process that has closed the file was forked from one that has it.

    It has a handler for the question, then, which no program has that was just started, and runs
    the same program.
    """
    answers = any(each.catches(SIGNAL) for each in conditions(watch.pid).values())
    return answers and _program(watch.pid) == _program(parent) is not None


def _ask(watch: ProcessWatch) -> None:
    try:
        watch.send(SIGNAL)
    except PermissionError as error:
        raise NotAllowedError(error) from error


def _check(watch: ProcessWatch, threads: dict[int, Condition]) -> None:
    """Raise DumpError if a process cannot answer."""
    if watch.has_ended():
        raise HasEndedError
    if not threads:
        raise NotAllowedError
    if all(each.is_held for each in threads.values()):
        raise DumpError("is stopped (by SIGSTOP, or by a debugger), and answers when it goes on")
    if not any(each.catches(SIGNAL) for each in threads.values()):
        raise DumpError(f"does not answer: its code has taken the handler of {SIGNAL.name} away")


def _silence(threads: dict[int, Condition]) -> str:
    if all(each.blocks(SIGNAL) for each in threads.values()):
        return f"does not answer: its code has blocked {SIGNAL.name}"
    states = "".join(sorted({each.state for each in threads.values()}))
    return (
        f"has not answered within {PATIENCE:g} s (state {states});"
        f" has its code another handler for {SIGNAL.name}?"
    )


def _paths(watch: ProcessWatch) -> Iterator[str]:
    """Yield the paths under which a process has files of that name open.

    Raises NotAllowedError. They are the watched process's own if it has not ended afterwards.
    """
    folder = f"/proc/{watch.pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError as error:
        if watch.has_ended():
            return
        raise NotAllowedError(error) from error
    for name in names:
        path = f"{folder}/{name}"
        if _link(path) == _LINK:
            yield path


def _link(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None  # closed just now, or not ours to see


def _program(pid: int) -> str | None:
    return _link(f"/proc/{pid}/exe")


def _is_same(path: str, own: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), own)
    except OSError:
        return False  # closed just now


def _is_sealable(file: int) -> bool:
    """Tell whether a file is what it is named like, which some users can give any file's name to.

    Only what memfd_create has made, and made so, may be sealed; what may not be is sealed against
    that from its beginning (fcntl(2)).
    """
    try:
        return not fcntl.fcntl(file, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SEAL
    except OSError:
        return False  # on no file system of the memory's


def _pause() -> None:
    select.select([], [], [], _PAUSE)
