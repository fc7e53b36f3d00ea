"""Learn of the end of any process, child or not, and signal it without mistaking its pid."""

import errno
import os
import select
import signal
import sys
from signal import Signals

#: What pidfd_open says of a number that is only a thread's, an older kernel and a newer one.
_IS_A_THREAD = (errno.EINVAL, errno.ENOENT)


class ProcessWatch:
    """A descriptor that becomes readable when one process ends.

    Linux: pidfd_open(2). Elsewhere: kqueue(2) with NOTE_EXIT (written for macOS, not tested
    there), whose signals go by pid. Raises ProcessLookupError if there is no such process.
    """

    def __init__(self, pid: int, descriptor: int | None = None) -> None:
        """Watch ``pid``, by a ``descriptor`` that was opened for it before an exec, if given."""
        self.pid = pid
        self._descriptor = descriptor if descriptor is not None else _open(pid)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def has_ended(self) -> bool:
        """Tell whether the process has exited, reaped or not."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def send(self, number: Signals) -> None:
        """Signal the process; nothing happens if it has ended."""
        try:
            if sys.platform == "linux":
                signal.pidfd_send_signal(self._descriptor, number)
            elif not self.has_ended():
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass  # it ended by itself, which is all that a signal could have asked

    def close(self) -> None:
        """Stop watching."""
        os.close(self._descriptor)


def _open(pid: int) -> int:
    if sys.platform != "linux":
        return _kqueue(pid)
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno in _IS_A_THREAD:
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH)) from error
        raise


def _kqueue(pid: int) -> int:
    queue = select.kqueue()  # type: ignore[attr-defined]
    event = select.kevent(  # type: ignore[attr-defined]
        pid,
        filter=select.KQ_FILTER_PROC,  # type: ignore[attr-defined]
        flags=select.KQ_EV_ADD,  # type: ignore[attr-defined]
        fflags=select.KQ_NOTE_EXIT,  # type: ignore[attr-defined]
    )
    queue.control([event], 0)
    descriptor: int = os.dup(queue.fileno())
    return descriptor
