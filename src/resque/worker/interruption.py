"""Signals that reach into a running job: the one place where a handler does more than wake."""

import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from signal import Signals
from types import FrameType

from resque.errors import TermException
from resqued.process.signals import SignalInbox
from resqued.process.waiter import Waiter


class Interruption:
    """The handler of TERM while a job runs: interrupts it, once, whatever it is in.

    A job that is done is left alone: its outcome must not change any more.
    """

    def __init__(self) -> None:
        self.has_come = False  #: whether there was a signal, also after the job's end
        self._is_due = True

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Raise TermException into the job, the first time."""
        self.has_come = True
        if self._is_due:
            self._is_due = False
            raise TermException(Signals(number).name)

    def install(self, numbers: Iterable[Signals]) -> None:
        """Be the handler of these signals from now on; main thread only."""
        for number in numbers:
            signal.signal(number, self)

    def job_is_done(self) -> None:
        """Let it be: what comes now is no concern of the job's."""
        self._is_due = False


class EndOfJob:
    """The ear of a job's process once its job is done: TERM asks it to leave."""

    def __init__(self, interruption: Interruption) -> None:
        """``interruption`` is the handler of TERM, but for the sleeps."""
        self._interruption = interruption
        self._was_told = False

    @property
    def asked(self) -> bool:
        """Whether it is to leave: TERM has come, be it to end the job."""
        return self._was_told or self._interruption.has_come

    def wait(self, seconds: float) -> None:
        """Sleep, at most until TERM."""
        waiter = Waiter()
        with SignalInbox([Signals.SIGTERM]) as inbox:
            if not self.asked:
                waiter.watch(inbox)
                waiter.wait(seconds)
                self._was_told = bool(inbox.drain())
        waiter.close()


@contextmanager
def interruptible(numbers: Sequence[Signals]) -> Iterator[Interruption]:
    """Have these signals interrupt what runs meanwhile; main thread only.

    The caller says when the job is done, at once when it is: leaving this takes a moment, too.
    """
    interruption = Interruption()
    former = {number: signal.getsignal(number) for number in numbers}
    try:
        interruption.install(numbers)
        yield interruption
    finally:
        interruption.job_is_done()
        for number, handler in former.items():
            signal.signal(number, handler)
