"""What each signal asks of a worker, and the one place where a worker sleeps."""

from collections.abc import Sequence
from enum import IntEnum
from signal import Signals
from types import TracebackType
from typing import Self

from resque.worker.interruption import Interruption
from resqued.process import signals
from resqued.process.signals import HANDLED, SignalInbox
from resqued.process.waiter import Source, Waiter


class Asked(IntEnum):
    """What the worker was told; only more replaces less."""

    NOTHING = 0  #: go on
    FINISH = 1  #: QUIT: leave when the job in hand is done
    LEAVE = 2  #: TERM, INT: end the job in hand and leave


#: What may interrupt a job: in the worker's own process, or, TERM alone, in a process of its own.
_INTERRUPTING = (Signals.SIGTERM, Signals.SIGINT, Signals.SIGUSR1)


class Control:
    """The worker's ear; a context manager that installs its handlers meanwhile.

    The signals that ask nothing are handled too, so that none of them ends the worker.
    """

    def __init__(self, *, graceful_term: bool = False, wanted: Sequence[Signals] = HANDLED) -> None:
        """With ``graceful_term`` TERM asks what QUIT does; of ``wanted`` signals alone it hears."""
        self.asked = Asked.NOTHING
        self.is_paused = False  #: by USR2, until CONT
        self._must_end_job = False
        self._meaning = {
            Signals.SIGQUIT: Asked.FINISH,
            Signals.SIGTERM: Asked.FINISH if graceful_term else Asked.LEAVE,
            Signals.SIGINT: Asked.LEAVE,
        }
        #: The signals that end a job which runs in this very process.
        self.interrupting = tuple(
            number for number in _INTERRUPTING if self._meaning.get(number) is not Asked.FINISH
        )
        self.interruption = Interruption()
        self._inbox = SignalInbox(wanted, dict.fromkeys(_INTERRUPTING, self.interruption))
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

    @property
    def is_forced(self) -> bool:
        """Whether the worker is to leave soon, whatever it has in hand."""
        return self.asked is Asked.LEAVE

    @property
    def job_must_end(self) -> bool:
        """Whether the job in hand is to be ended: the worker leaves, or got USR1."""
        return self._must_end_job or self.is_forced

    def put_handlers_back(self) -> None:
        """Undo what a job has done to the handlers of those signals, in this very process."""
        signals.put_back(dict.fromkeys(_INTERRUPTING, self.interruption))

    def job_begins(self) -> None:
        """Forget a USR1 that came while there was no job to end."""
        self._must_end_job = False
        self.interruption.forget(Signals.SIGUSR1)

    def wait_for(self, source: Source, seconds: float | None) -> None:
        """Do the same as ``wait``, but at most until ``source`` is readable."""
        self._waiter.watch(source)
        try:
            self.wait(seconds)
        finally:
            self._waiter.forget(source)

    def wait_for_turn(self, source: Source, seconds: float | None) -> None:
        """Do the same for a source on which others sleep as well; one of them is woken."""
        self._waiter.watch_shared(source)
        try:
            self.wait(seconds)
        finally:
            self._waiter.forget_shared(source)

    def doze(self, seconds: float) -> None:
        """Sleep until a signal comes, the end of a child among them, and nothing else, or so long.

        Does less than ``wait``, for whoever has just forked.
        """
        self._inbox.doze(seconds)
        self.look()

    def wait(self, seconds: float | None) -> None:
        """Sleep until a signal comes, the end of a child among them, or the time is over."""
        self._waiter.wait(seconds)
        self.look()

    def look(self) -> None:
        """Take in the signals that have come, without sleeping."""
        received = self._inbox.drain()
        if not received:
            return
        for number in received:
            self.asked = max(self.asked, self._meaning.get(number, Asked.NOTHING))
        if Signals.SIGUSR1 in received:
            self._must_end_job = True
        # Pending together they have no order (signal(7)); then the worker goes on.
        if Signals.SIGUSR2 in received:
            self.is_paused = True
        if Signals.SIGCONT in received:
            self.is_paused = False
