"""What each signal asks of a worker, and the one place where a worker sleeps."""

from enum import IntEnum
from signal import Signals
from types import TracebackType
from typing import Self

from resqued.process.signals import HANDLED, SignalInbox
from resqued.process.waiter import Waiter


class Asked(IntEnum):
    """What the worker was told; only more replaces less."""

    NOTHING = 0  #: go on
    FINISH = 1  #: QUIT: leave when the job in hand is done
    LEAVE = 2  #: TERM, INT: end the job in hand and leave


_MEANING = {
    Signals.SIGQUIT: Asked.FINISH,
    Signals.SIGTERM: Asked.LEAVE,
    Signals.SIGINT: Asked.LEAVE,
}


class Control:
    """The worker's ear; a context manager that installs its handlers meanwhile.

    The signals that ask nothing are handled too, so that none of them ends the worker.
    """

    def __init__(self) -> None:
        self.asked = Asked.NOTHING
        self._inbox = SignalInbox(HANDLED)
        self._waiter = Waiter()

    def __enter__(self) -> Self:
        self._inbox.__enter__()
        self._waiter.watch(self._inbox)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._waiter.forget(self._inbox)
        self._waiter.close()
        self._inbox.__exit__(kind, error, trace)

    def wait(self, seconds: float | None) -> None:
        """Sleep until a signal comes, the end of a child among them, or the time is over."""
        self._waiter.wait(seconds)
        for received in self._inbox.drain():
            self.asked = max(self.asked, _MEANING.get(received, Asked.NOTHING))

    def look(self) -> None:
        """Take in the signals that have come, without sleeping."""
        self.wait(0)

    def close_in_child(self) -> None:
        """In a forked child: let go of what is the worker's."""
        self._inbox.close()
        self._waiter.close()
