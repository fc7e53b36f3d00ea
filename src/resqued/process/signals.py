"""Signals become bytes on a pipe, to be read when the loop is ready for them."""

import os
import select
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from signal import Signals
from types import FrameType, MappingProxyType, TracebackType
from typing import Self, TypeAlias

#: The system calls themselves. The signal module makes enum members of all that it returns, or
#: fails to: nothing elsewhere, but around a fork it costs more memory that has to be copied than
#: many a job.
_sigmask: Callable[[int, Iterable[int]], set[int]] = import_module("_signal").pthread_sigmask
_getsignal: Callable[[int], object] = import_module("_signal").getsignal
_set_handler: Callable[[int, object], object] = import_module("_signal").signal
_DEFAULT: object = import_module("_signal").SIG_DFL

Handler: TypeAlias = Callable[[int, FrameType | None], object]

#: Every signal that a process of ours ever handles; what a child resets, and what is blocked
#: while a process forks or starts. Of those that come together, CONT is the last to be obeyed: a
#: script that pauses and resumes at once does not leave a paused pool.
HANDLED = (
    Signals.SIGHUP,
    Signals.SIGINT,
    Signals.SIGQUIT,
    Signals.SIGTERM,
    Signals.SIGUSR1,
    Signals.SIGUSR2,
    Signals.SIGCONT,
    Signals.SIGCHLD,
)


class SignalInbox:
    """The signals that reached this process; a context manager.

    Entering it installs the handlers and unblocks their signals, so that one that came before,
    even before the interpreter ran, is read as well. Leaving it puts the old mask and the
    old handlers back. The handlers do nothing: the interpreter itself writes each signal's number
    to a pipe (``signal.set_wakeup_fd``), which also ends a wait in a selector. Belongs to the main
    thread. Only handlers that the caller brings do more.
    """

    def __init__(
        self,
        wanted: Iterable[Signals],
        handlers: Mapping[Signals, Handler] = MappingProxyType({}),
    ) -> None:
        """``handlers`` are for signals that must interrupt what runs; of the others none acts."""
        self._wanted = tuple(wanted)
        self._handlers = handlers
        self._reader, self._writer = -1, -1
        self._received = select.poll()  #: tells whether there are any; a read would raise if not
        self._former: dict[Signals, object] = {}
        self._former_wakeup = -1
        self._former_mask: set[int] = set()

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        self._received.register(self._reader, select.POLLIN)
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        for number in self._wanted:
            self._former[number] = signal.getsignal(number)
        self._former_wakeup = self._install()
        self._former_mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, self._wanted)
        return self

    def install_again(self) -> None:
        """Hear again, after code that may have set handlers, or a wake-up, of its own.

        An event loop that has ended leaves none (asyncio). What is held back stays so.
        """
        self._install()

    def _install(self) -> int:
        """Install what wakes, first of all, and the handlers; returns what was woken before."""
        # A full pipe already means "awake": the byte that does not fit may be dropped.
        former = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in self._wanted:
            signal.signal(number, self._handlers.get(number, _wake))
        return former

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # First, so that a signal that comes too late does not end a process that is leaving.
        signal.pthread_sigmask(signal.SIG_SETMASK, self._former_mask)
        for number, handler in self._former.items():
            # None: the handler was not installed from Python and cannot be put back from here.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # type: ignore[arg-type]
        self._former.clear()
        signal.set_wakeup_fd(self._former_wakeup)
        self.close()

    def fileno(self) -> int:
        """Return the descriptor that is readable while signals wait."""
        return self._reader

    def doze(self, seconds: float) -> None:
        """Sleep until a signal waits, or for so long."""
        self._received.poll(seconds * 1000)

    def drain(self) -> list[Signals]:
        """Return the signals received since the last call, equal ones once, as they are wanted.

        They are not in the order in which they came, which nobody knows: of two that are pending,
        the kernel enters the handler of the one, and at once that of the other, which so runs
        first. Which of two is to have the last word is up to the order of ``wanted``.
        """
        if not self._received.poll(0):
            return []
        try:  # a forked child may have read them, from the same pipe
            received = os.read(self._reader, 4096)
        except BlockingIOError:
            return []
        return [number for number in self._wanted if number in received]

    def close(self) -> None:
        """Close this process's ends of the pipe; for a forked child that leaves the handlers."""
        if self._reader >= 0:
            self._received.unregister(self._reader)
            os.close(self._reader)
            os.close(self._writer)
        self._reader, self._writer = -1, -1


def _wake(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the number is on the wake-up pipe already."""


def ignore(number: Signals) -> None:
    """Make a signal do nothing, by a handler, so that an exec'd program does not inherit it."""
    signal.signal(number, _wake)


def deafen() -> None:
    """Have signals wake nobody in a forked child that keeps its parent's handlers; first of all.

    For a child that costs next to nothing: to reset handlers takes longer than many a job.
    """
    signal.set_wakeup_fd(-1)


def put_back(handlers: Mapping[Signals, Handler]) -> None:
    """Install those of these handlers that others have been put in the place of."""
    for number, handler in handlers.items():
        if _getsignal(number) is not handler:
            signal.signal(number, handler)


def reset(number: Signals) -> None:
    """Give a signal its default meaning."""
    _set_handler(number, _DEFAULT)


def reset_for_child() -> None:
    """Undo the parent's handlers in a forked child, before anything else runs there.

    Without this the child would go on writing its signals into the parent's pipe.
    """
    deafen()
    for number in HANDLED:
        reset(number)


def send(pid: int, number: Signals) -> None:
    """Signal a child that has not been reaped, whose pid is therefore still its own."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # somebody else has reaped it: it is gone, which is all that matters


def put_aside() -> None:
    """Stop this process until somebody sends it SIGCONT, as a shell's ``fg`` does."""
    os.kill(os.getpid(), Signals.SIGSTOP)


def lead_group() -> None:
    """Put this process, and what it will start, into a process group of its own."""
    os.setpgid(0, 0)


def send_group(leader: int, number: Signals) -> None:
    """Signal what is left of the group of a process that has just been reaped.

    While a group has members, its number is given to no new process (setpgid(2)).
    """
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        pass  # nothing is left, or what is left has become another user's


def hold_back() -> set[int]:
    """Hold every handled signal back; returns the mask from before, for ``set_mask``.

    Or for good, for the ``SignalInbox`` that is to come.
    """
    return _sigmask(signal.SIG_BLOCK, HANDLED)


def set_mask(former: set[int]) -> None:
    """Put back a mask that ``hold_back`` has returned; here, or in a child forked meanwhile."""
    _sigmask(signal.SIG_SETMASK, former)


@contextmanager
def kept() -> Iterator[None]:
    """Put mask, handlers and what they wake back afterwards, whatever happens to them meanwhile.

    A signal that comes meanwhile may wake nobody, unless it is held back.
    """
    former = hold_back()  # a handler that raised would leave the rest as it is
    handlers = {number: _getsignal(number) for number in HANDLED}
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    try:
        set_mask(former)
        yield
    finally:
        hold_back()
        for number, handler in handlers.items():
            if handler is not None:  # None: it was not installed from Python
                _set_handler(number, handler)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        set_mask(former)


@contextmanager
def blocked() -> Iterator[None]:
    """Hold every handled signal back meanwhile."""
    former = hold_back()
    try:
        yield
    finally:
        set_mask(former)
