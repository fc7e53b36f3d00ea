"""Signals that reach into a running job: the one place where a handler does more than wake."""

import os
from collections.abc import Collection
from signal import Signals
from types import FrameType

from resque.errors import TermException
from resqued.process.signals import SignalInbox
from resqued.process.waiter import Waiter


class Interruption:
    """A signal handler that interrupts a running job, once, whatever that is in.

    Installed once, in the worker: its jobs' processes inherit it, and for each job it costs no
    system call. Between jobs it only notes what has come, in a worker that has them in processes of
    their own no more than that. A job that is done is left alone: its outcome must not change.
    """

    def __init__(self) -> None:
        self._came: set[int] = set()
        self.owner = (
            os.getpid()
        )  #: pid of the process that ``_came`` is of; only a rehearsal sets it
        self._meant: Collection[int] = ()  #: the signals that interrupt this job
        self._is_due = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Raise TermException into the job, the first time."""
        self._forget_the_parents()
        self._came.add(number)
        if self._is_due and number in self._meant:
            self._is_due = False
            raise TermException(Signals(number).name)

    @property
    def has_come(self) -> bool:
        """Whether this process was told to end its job, be it before or after that."""
        self._forget_the_parents()
        return not self._came.isdisjoint(self._meant)

    def forget(self, number: Signals) -> None:
        """Forget a signal that came while there was no job for it to end."""
        self._came.discard(number)

    def job_begins(self, meant: Collection[Signals]) -> None:
        """Interrupt what runs from now on; raises TermException at once if it is too late."""
        self._forget_the_parents()
        self._meant = meant
        self._is_due = True  # before the look: what comes in between must not be lost
        for came in self._came.intersection(meant):
            self._is_due = False
            raise TermException(Signals(came).name)

    def _forget_the_parents(self) -> None:
        """What has come to the worker before the fork is the worker's to see to."""
        if self.owner != os.getpid():
            self.owner, self._came = os.getpid(), set()

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

    @property
    def is_forced(self) -> bool:
        """Likewise: its worker knows no gentler way."""
        return self.asked

    def wait(self, seconds: float) -> None:
        """Sleep, at most until TERM."""
        waiter = Waiter()
        with SignalInbox([Signals.SIGTERM]) as inbox:
            if not self.asked:
                waiter.watch(inbox)
                waiter.wait(seconds)
                self._was_told = bool(inbox.drain())
        waiter.close()
