"""Look at the stacks of a process that is not ours (``dump``), and is not to be harmed by it."""

import fcntl
import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import Signals

from resqued.process import dump, dump_silence
from resqued.process.condition import conditions
from resqued.process.dump import QUESTION, QUESTION_IN_C
from resqued.process.dump_silence import DumpError, NotAllowedError
from resqued.process.watch import ProcessWatch

#: Seconds that a process has for one answer, which takes it milliseconds. After the first it must
#: be in C, as it would have answered at the next instruction otherwise.
_EACH = 1.0
#: How often it is asked in C: a question is lost while another one is just being answered.
_ATTEMPTS = 4
#: Seconds that one process has in all.
PATIENCE = _EACH * (1 + _ATTEMPTS)
#: Seconds between two looks whether it has answered.
_PAUSE = 0.002
#: Bytes of an answer that are read: 100 frames of 100 threads, which is all that is ever told.
_MOST = 4 * 1024 * 1024
#: What is the matter with a process that was forked with the file, and has it no more.
CLOSED = "does not answer: it has closed the file that it would answer in"
#: How the kernel shows a file of that name (memfd_create(2)).
_LINK = f"/memfd:{dump.FILE_NAME} (deleted)"


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

        While one has it ``alone``. They are written as faulthandler does it: of all threads, or of
        the one that is stuck in C. A system call that waits in C may be cut short (EINTR), as by
        any signal that a process handles. Raises DumpError, HasEndedError or NotAllowedError.
        """
        self._empty()
        try:
            stacks = self._ask(watch, QUESTION, self._answer, now)
            for _ in range(_ATTEMPTS):
                stacks = stacks or self._ask_in_c(watch, now)
        finally:
            self._empty()
        if stacks is None:
            threads = conditions(watch.pid)
            dump_silence.check(watch, threads)
            raise DumpError(dump_silence.explanation(threads, PATIENCE))
        return stacks

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)

    def _ask_in_c(self, watch: ProcessWatch, now: Callable[[], float]) -> str | None:
        before = conditions(watch.pid)
        deaf = {thread for thread, each in before.items() if each.blocks(QUESTION_IN_C)}

        def read(pid: int) -> str | None:
            return self._answer(pid) or self._answer_in_c(pid, deaf)

        return self._ask(watch, QUESTION_IN_C, read, now)

    def _ask(
        self,
        watch: ProcessWatch,
        question: Signals,
        read: Callable[[int], str | None],
        now: Callable[[], float],
    ) -> str | None:
        """Return what ``read`` returns for its pid in time; None: nothing, or it cannot be asked.

        Raises DumpError if a process cannot answer anything.
        """
        threads = conditions(watch.pid)
        dump_silence.check(watch, threads)
        if not dump_silence.catches(threads, question):
            return None
        if not self.is_open_in(watch):  # its number may be another file's by now
            dump_silence.check(watch, conditions(watch.pid))
            raise DumpError(CLOSED)
        until = now() + _EACH
        try:
            watch.send(question)
        except PermissionError as error:
            raise NotAllowedError(error) from error
        while (found := read(watch.pid)) is None and now() < until:
            dump_silence.check(watch, conditions(watch.pid))
            _pause()
        return found

    def _answer(self, pid: int) -> str | None:
        return dump.read_answer(self._text(), pid)

    def _answer_in_c(self, pid: int, deaf: set[int]) -> str | None:
        """Return an answer that is complete: its handler, which blocks its signal, is left.

        An answer must have begun before that is looked for: between a signal's arrival and its
        handler it is neither pending nor blocked. ``deaf`` are threads that had blocked it before.
        """
        if dump.read_answer_in_c(self._text()) is None:
            return None
        threads = conditions(pid)
        is_under_way = any(
            each.awaits(QUESTION_IN_C) or (each.blocks(QUESTION_IN_C) and thread not in deaf)
            for thread, each in threads.items()
        )
        return None if is_under_way or not threads else dump.read_answer_in_c(self._text())

    def _text(self) -> str:
        return os.pread(self._file, _MOST, 0).decode(errors="replace")

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


def is_forked_from(watch: ProcessWatch, parent: int) -> bool:
    """Tell whether a process that has closed the file was forked from one that has it.

    It has handlers for the questions, then, which no program has that was just started, and runs
    the same program.
    """
    threads = conditions(watch.pid).values()
    answers = any(each.catches(QUESTION) and each.catches(QUESTION_IN_C) for each in threads)
    return answers and _program(watch.pid) == _program(parent) is not None


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
