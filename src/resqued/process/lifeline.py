"""Notice that the master is gone, however it went and whatever this process is busy with.

A pipe that only the master holds open for writing reaches every process below it. Nothing is ever
written to it: its end is the message.
"""

import fcntl
import os
import select
import sys
from signal import Signals


class Lifeline:
    """The master's side: the pipe, and the end that its children inherit."""

    def __init__(self, ends: tuple[int, ...] | None = None) -> None:
        """Open the pipe, or take over ``ends``, reader and writer, from before an exec."""
        self.reader, self.writer = ends or os.pipe()

    def close(self) -> None:
        """Let go of both ends; all that hold the other one notice."""
        os.close(self.reader)
        os.close(self.writer)


def has_ended(reader: int) -> bool:
    """Tell whether the process that held the other end is gone."""
    return wait_for_any(0, reader)


def wait_for_any(seconds: float | None, *descriptors: int) -> bool:
    """Wait until one of these lifelines or watched processes has ended; False: time is up."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


def own_end(reader: int) -> int | None:
    """Open an end of the lifeline ``reader`` that no other process has, for ``signal_at_end``.

    Owner and signal belong to the open file description, which forks share. Call it before any
    code that may change the user of this process: the kernel then closes /proc/self to it
    (proc(5), "dumpable"). None where that has happened already, or on another system than Linux.
    Raises OSError if ``reader`` is no pipe.
    """
    if sys.platform != "linux":
        return None
    try:
        return os.open(f"/proc/self/fd/{reader}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        return None


def signal_at_end(own: int | None, number: Signals) -> bool:
    """Have the kernel send ``number`` to this process when the lifeline ends (Linux).

    Works while the process is in code that knows nothing of lifelines, and for the user that the
    process is now: by whose rights the kernel sends it (fcntl(2), F_SETOWN). False without an
    ``own`` end; then the process above must pass the news on.
    """
    if own is None:
        return False
    fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(own, fcntl.F_SETSIG, number)
    fcntl.fcntl(own, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    if has_ended(own):  # before we asked: the kernel reports only what happens from now on
        os.kill(os.getpid(), number)
    return True
