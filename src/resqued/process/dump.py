"""The Python stacks of a process that goes on: it writes them down whenever somebody looks.

A worker and all that is forked from it answer into one file without a name (memfd), which whoever
looks finds among its open files (``dump_file``). There are two questions, each with a signal of its
own. The first is answered by the interpreter, between two instructions, when no thread's frames
are in motion. Where the main thread is in C, and does not come back from there, the second is: by
faulthandler, in the signal's handler. That reads the frames as they are, which then are at rest;
where Python runs it may crash the process.

Code that closes files not its own frees the number of this one, and the next that is opened may get
it. The first answer goes nowhere, then. In the handler of the second nothing can be compared, so
whoever looks does that before each question, and the number is one that is given out late: a
terminal sends the same signal to all that runs in it when its size changes.

Who keeps the time of a job asks by another signal (``stack``), and is answered elsewhere.
"""

import faulthandler
import fcntl
import os
import signal
import sys
import threading
from signal import Signals
from types import FrameType

#: The questions. Both are ignored by default (signal(7)), so that they harm no program that a
#: process has become in this very moment.
QUESTION = Signals.SIGURG
QUESTION_IN_C = Signals.SIGWINCH
FILE_NAME = "resqued-stacks"
#: Threads, frames of a thread, and characters of a name that are told; as many as faulthandler's.
_MOST = 100
_LONGEST = 500
#: Bytes that answers which nobody reads may take.
_MOST_BYTES = 1024 * 1024
#: The number of the file, at least: until as many are open, the system gives out lower ones.
_LEAST_NUMBER = 500
#: What stands before and behind the answer of one process: all write into the same file.
_BEGIN = "Stacks of {pid}\n"
_END = "\nEnd\n"
_IN_C = "Stack (most recent call first):\n"


def answer() -> None:
    """Answer whoever looks, from now on, in this process and all that will be forked from it.

    In the main thread. It costs a descriptor, and about a microsecond for each fork, which copies
    the table of open files up to the highest number: measured, 0.2 % of what a small process's fork
    and end take, where 60 costs no more than 5. Without a descriptor left, or where there are no
    such files (elsewhere than on Linux), nobody is answered, which whoever looks is told.
    """
    if sys.platform != "linux":
        return
    try:
        file = _out_of_reach(os.memfd_create(FILE_NAME, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
    except OSError:
        return
    # Whoever looks empties it, and all processes write at its end.
    fcntl.fcntl(file, fcntl.F_SETFL, os.O_APPEND)
    faulthandler.register(QUESTION_IN_C, file=file, all_threads=False, chain=False)
    signal.signal(QUESTION, _Answer(file))


def _out_of_reach(file: int) -> int:
    """Return the number that a file has now: a high one if the process may have such."""
    try:
        moved = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, _LEAST_NUMBER)
    except OSError:
        return file  # its limit is lower, or all of it is used
    os.close(file)
    return moved


def read_answer(text: str, pid: int) -> str | None:
    """Return what a process has answered to ``QUESTION``; None: not all of it is there."""
    stacks, end, _ = text.partition(_BEGIN.format(pid=pid))[2].partition(_END)
    return f"{stacks}\n" if end else None


def read_answer_in_c(text: str) -> str | None:
    """Return what a process has answered to ``QUESTION_IN_C`` so far; None: nothing."""
    _, begin, stack = text.rpartition(_IN_C)
    return begin + stack if stack else None


class _Answer:
    """The handler that tells all stacks.

    More than a wake-up, as it must be: whatever the main thread is at, no loop of ours need run.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._own = os.fstat(file)

    def __call__(self, _number: int, frame: FrameType | None) -> None:
        """Write them, all at once, so that nothing of another process's comes in between."""
        try:
            found = os.fstat(self._file)
            if found.st_size > _MOST_BYTES or not os.path.samestat(found, self._own):
                return  # it is not one who looks that sends the signal
            text = f"{_BEGIN.format(pid=os.getpid())}{_stacks(frame)}{_END}"
            os.write(self._file, text.encode())
        except OSError as error:
            if error.errno is None:
                raise  # not ours: a handler of the application's has interrupted this one
        except (RecursionError, MemoryError):
            pass  # whoever was interrupted has nothing to do with it


def _stacks(main: FrameType | None) -> str:
    """Return the stacks of all threads, as faulthandler writes them; ``main`` is our own."""
    while main is not None and main.f_code.co_filename == __file__:
        main = main.f_back  # a handler that has just told, and not returned yet
    own = threading.get_ident()
    frames = {own: main, **{k: v for k, v in sys._current_frames().items() if k != own}}  # noqa: SLF001
    return "\n\n".join(
        f"{'Current thread' if thread == own else 'Thread'} 0x{thread:016x}"
        f" (most recent call first):\n{_frames(frame)}"
        for thread, frame in list(frames.items())[:_MOST]
    )


def _frames(frame: FrameType | None) -> str:
    lines: list[str] = []
    while frame is not None and len(lines) < _MOST:
        code = frame.f_code
        file, function = _name(code.co_filename), _name(code.co_name)
        lines.append(f'  File "{file}", line {frame.f_lineno or "???"} in {function}')
        frame = frame.f_back
    return "\n".join(lines if frame is None else [*lines, "  ..."])


def _name(text: str) -> str:
    """Return a name in one line of ASCII."""
    return ascii(text[:_LONGEST])[1:-1]
