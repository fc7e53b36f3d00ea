"""The processes of one test, found in /proc wherever they may have been moved to."""

import os
import pathlib
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

#: In the environment of everything that a test starts. A title overwrites the environment that
#: /proc shows, so the working directory, which no process of ours leaves, marks them as well.
MARKER = "RESQUED_TEST_FOLDER"


@dataclass(frozen=True, slots=True)
class Process:
    """One process as it was when it was looked at; zombies are none.

    Two looks at one process are equal, whatever its title said at the time.
    """

    pid: int
    ppid: int
    started: int  #: in the kernel's ticks: tells a process from a later one of the same pid
    title: str = field(compare=False)

    @property
    def is_there(self) -> bool:
        """Whether this very process is still there."""
        state = _state(self.pid)
        return state is not None and state[1] == self.started


def find(pid: int) -> Process | None:
    """Return the process, or None if it has ended."""
    state = _state(pid)
    if state is None:
        return None
    raw = _read(f"/proc/{pid}/cmdline")
    return Process(pid, *state, raw.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace"))


def children(pid: int) -> list[Process]:
    """Return the children of a process, none if it has ended."""
    numbers = _read(f"/proc/{pid}/task/{pid}/children").split()
    return [found for number in numbers if (found := find(int(number)))]


def pids(processes: Iterable[Process]) -> set[int]:
    """Return who they are, whatever their titles show by now."""
    return {process.pid for process in processes}


def uptime() -> float:
    """Return the seconds since the machine was started."""
    return float(_read("/proc/uptime").split()[0])


def started_at(process: Process) -> float:
    """Return the ``uptime`` at which a process was started."""
    return process.started / os.sysconf("SC_CLK_TCK")


def below(folder: str) -> list[Process]:
    """Return all processes that carry the mark of ``folder``, by pid.

    All of them were there at one moment: what ended during the look does not count, so that a
    worker and its replacement are never counted both.
    """
    numbers = (int(name) for name in os.listdir("/proc") if name.isdigit())
    seen = [find(pid) for pid in numbers if pid != os.getpid() and _is_marked(pid, folder)]
    return sorted((p for p in seen if p and p.is_there), key=lambda process: process.pid)


def kill_all(folder: str) -> None:
    """Kill every marked process, and what they start meanwhile; nothing else."""
    deadline = time.monotonic() + 10
    while left := below(folder):
        assert time.monotonic() < deadline, f"cannot be killed: {left}"
        for process in left:
            _kill(process)
        time.sleep(0.005)


def shown(processes: Iterable[Process]) -> str:
    """Return the processes as lines for a failed test."""
    lines = [f"{p.pid:>8} {p.ppid:>8}  {p.title}" for p in processes]
    return "\n".join(["     pid   parent  title", *lines])


def _kill(process: Process) -> None:
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if process.is_there:  # and not another one under its pid
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it ended by itself
    finally:
        os.close(descriptor)


def _state(pid: int) -> tuple[int, int] | None:
    """Return parent and start time, unless the process has ended."""
    # The name, in parentheses, may hold anything.
    words = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    if not words or words[0] in b"ZX":
        return None
    return int(words[1]), int(words[19])


def _is_marked(pid: int, folder: str) -> bool:
    try:
        directory = pathlib.PurePath(os.readlink(f"/proc/{pid}/cwd"))
    except OSError:
        return False
    if directory.is_relative_to(folder):
        return True
    return f"{MARKER}={folder}".encode() in _read(f"/proc/{pid}/environ").split(b"\0")


def _read(path: str) -> bytes:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""  # it ended just now, or is somebody else's
