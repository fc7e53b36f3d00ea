"""Which of several processes watches for all of them, and how the next learns that it is its turn.

The lock decides, the byte only wakes. A POSIX record lock belongs to its process and is freed by
the kernel when that ends, however it ends; a forked child does not have it (fcntl(2)). Whoever lets
go of it writes a byte into a pipe on which the others sleep.
"""

import fcntl
import os
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from struct import Struct
from typing import TypeAlias

from resqued.process import limits

#: The kernel's ``struct flock``: kind, whence, start, length, pid (fcntl(2)).
_LOCK = Struct("@hhqqi4x")
#: Stopped by a signal, and by a debugger (proc(5)).
_STOPPED = (b"T", b"t")
#: What those have in common who share one.
Group: TypeAlias = tuple[str, ...]


class Baton:
    """One lock, and the pipe on which those sleep that want it.

    Made before the processes that share it are forked; for one thread of each. Beware: the lock is
    lost when its process closes *any* descriptor of the file.
    """

    def __init__(self, group: Group, file: int, place: int) -> None:
        """``file`` is a descriptor; its file's byte at ``place`` is locked. Raises OSError."""
        self.group = group
        self._file = file
        self._place = place
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self.is_held = False  #: whether it is this process's

    def fileno(self) -> int:
        """Return the descriptor that is readable when it is worth while to ``take``."""
        return self._reader

    def take(self) -> bool:
        """Take it if nobody has it; whether it is ours now."""
        self._drain()
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._place)
        except OSError:
            return False  # another process has it, or the system has no room for a lock
        self.is_held = True
        return True

    def is_stuck(self) -> bool:
        """Tell whether whoever has it is stopped (SIGSTOP, a debugger); never true but on Linux."""
        if sys.platform != "linux":
            return False
        question = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, self._place, 1, 0)
        kind, *_, pid = _LOCK.unpack(fcntl.fcntl(self._file, fcntl.F_GETLK, question))
        if kind == fcntl.F_UNLCK:
            return False
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                return file.read().rpartition(b")")[2].split()[0] in _STOPPED
        except OSError:
            return False  # it has just ended

    def give(self) -> None:
        """Let go of it, if we have it, and wake another who waits for it.

        Also for one who does not wait for it any more: the kernel may have chosen it to be woken.
        """
        if self.is_held:
            self.is_held = False
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._place)
            self.wake()
        elif self._drain():
            self.wake()

    def wake(self) -> None:
        """Wake one who waits for it, needlessly perhaps; for who notices the end of a process.

        What is in the pipe already has woken somebody who may be gone, so it is not enough.
        """
        self._drain()
        with suppress(BlockingIOError):  # full, by many who wake at once
            os.write(self._writer, b".")

    def close(self) -> None:
        """Close this process's ends of the pipe; the file is its maker's."""
        os.close(self._reader)
        os.close(self._writer)

    def _drain(self) -> bool:
        """Empty the pipe; whether there was anything in it."""
        with suppress(BlockingIOError):
            return bool(os.read(self._reader, 4096))
        return False


class Batons:
    """The batons of a parent's children: one for each group of several."""

    def __init__(self, groups: Iterable[Group]) -> None:
        """``groups`` names the group of each child; one that is alone in its group needs no baton.

        Where the system has no file or no pipe left there are fewer, and who has none does without.
        """
        self._batons: dict[Group, Baton] = {}
        self._file = -1
        self.extend(groups)

    def extend(self, groups: Iterable[Group]) -> None:
        """Make what the children that are forked from now on lack; ``groups`` as at first.

        A child of such a group that is there already goes on without.
        """
        several = [name for name, count in Counter(groups).items() if count > 1]
        with suppress(OSError):
            for name in several:
                if self._file < 0:
                    self._file = _shared_file()
                if name not in self._batons:
                    self._add(name, len(self._batons))

    def wake(self, group: Group) -> None:
        """Wake one of those who wait in a group: a member has ended, which may have watched."""
        if group in self._batons:
            self._batons[group].wake()

    def keep(self, group: Group) -> Baton | None:
        """In a forked child: return its group's baton, and close all others."""
        kept = self._batons.pop(group, None)
        for baton in self._batons.values():
            baton.close()
        self._batons.clear()
        if kept is None and self._file >= 0:
            os.close(self._file)
        self._file = -1
        return kept

    def close(self) -> None:
        """Close all that has not been kept."""
        self.keep(())

    def _add(self, name: Group, place: int) -> None:
        baton = Baton(name, self._file, place)
        try:
            limits.refuse_last_files(baton.fileno())
        except OSError:
            baton.close()
            raise
        self._batons[name] = baton


def _shared_file() -> int:
    """Return a descriptor of a file without a name. Raises OSError."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("resqued-batons")
    # Not above: it brings ten shared libraries, whose mappings every fork would have to copy.
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
