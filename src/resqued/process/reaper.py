"""Exit statuses, read from the kernel; only ``kill_and_reap`` ever waits, for what was killed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from signal import Signals

from resqued.process import signals


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a child ended: by itself with a code, or by a signal."""

    pid: int
    code: int | None  #: what it passed to exit; None if a signal ended it, or if unknown
    signal: int | None  #: the number of the signal that ended it; None if it left by itself

    @classmethod
    def from_wait(cls, pid: int, status: int) -> "ExitStatus":
        """Read the status word of waitpid(2)."""
        if os.WIFSIGNALED(status):
            return cls(pid, None, os.WTERMSIG(status))
        return cls(pid, os.WEXITSTATUS(status), None)

    def __str__(self) -> str:
        if self.signal is None:
            return "exit status " + ("unknown" if self.code is None else str(self.code))
        try:
            name = Signals(self.signal).name
        except ValueError:  # a real-time signal has no name
            name = "unnamed"
        return f"{name} (signal {self.signal})"


def reap_all() -> Iterator[ExitStatus]:
    """Yield the status of every child that has ended, ours or adopted."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:  # there is no child at all
            return
        if pid == 0:
            return
        yield ExitStatus.from_wait(pid, status)


def kill_and_reap(pid: int) -> None:
    """Kill a child of ours that has not been reaped, and reap it."""
    signals.send(pid, Signals.SIGKILL)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # other code of this process has


def reap(pid: int) -> ExitStatus | None:
    """Return the status of one child if it has ended.

    For a process that shares its children with the application's code: a stranger's child must
    stay for whoever started it. If that code has waited for ours, how it ended is unknown.
    """
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return ExitStatus(pid, None, None)
    return ExitStatus.from_wait(pid, status) if ended else None
