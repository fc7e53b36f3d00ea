"""Go on when the server does not answer: wait, try again, and say so once."""

import logging
import math
from collections.abc import Callable
from enum import Enum
from typing import Protocol, TypeVar

from resque.clock import Clock
from resque.errors import (
    AuthenticationError,
    ProtocolError,
    ReplyError,
    ResqueError,
    ServerUnavailable,
    ServerVersionError,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

#: What time can mend: a restart, a failover, a server that is full or still loads its data.
PASSING = (ServerUnavailable, ProtocolError, ReplyError, AuthenticationError, ServerVersionError)
#: Seconds between the tries: the first and the longest pause.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 3.0
#: The same for who is to leave.
_LONGEST_LAST_PAUSE = 1.0
#: Seconds for which a worker that was told to leave goes on trying, with nothing in hand or forced.
LAST_TRIES = 5.0


class GaveUpError(ResqueError):
    """Raised when the server stays away for longer than there is time."""


class Ear(Protocol):
    """Where a process sleeps, and hears that it is to leave; a worker's is its ``Control``."""

    @property
    def asked(self) -> int:
        """Not 0 if it is to leave."""
        ...

    @property
    def is_forced(self) -> bool:
        """Whether it is to leave soon, whatever it has in hand."""
        ...

    def wait(self, seconds: float) -> None:
        """Sleep, at most until something is asked."""
        ...


class _Leaving(Enum):
    """Whether to go on; a later one replaces one before it."""

    NOT_ASKED = "not asked"  #: nobody wants it to leave
    PUT_OFF = "put off"  #: it is to leave, and has an outcome in hand
    SOON = "soon"  #: it tries on for some seconds


class Patience:
    """Repeats what can safely be repeated until the server has answered."""

    def __init__(
        self,
        control: Ear,
        clock: Clock,
        *,
        limit: float = math.inf,
        last_tries: float | None = None,
    ) -> None:
        """``limit`` is the seconds for which to try, ``last_tries`` those once told to leave."""
        self._control = control
        self._clock = clock
        self._limit = limit
        self._last_tries = LAST_TRIES if last_tries is None else last_tries
        self.was_needed = False  #: whether the server has been in trouble so far

    def insist(self, step: Callable[[], T]) -> T:
        """Return what ``step`` returns, however often it must be tried.

        ``step`` must be safe to repeat after its reply was lost. Raises GaveUpError when the try
        that was under way when the time was over has failed, too.
        """
        return self._insist(step, asked_means=_Leaving.SOON)

    def insist_on_outcome(self, step: Callable[[], T]) -> T:
        """Do the same for a step that tells the server what a job has come to.

        Asked to leave, it goes on: left behind, the job's record says that nobody has finished it,
        and whoever finds it has the job run again, or fail. It ends when leaving is forced.
        """
        return self._insist(step, asked_means=_Leaving.PUT_OFF)

    def _insist(self, step: Callable[[], T], *, asked_means: _Leaving) -> T:
        try:
            return step()
        except PASSING as error:
            self.was_needed = True
            fields = {"event": "server_unavailable", "reason": str(error)}
            log.warning("Trying again until the server is well: %s", error, extra=fields)
        result = self._repeat(step, asked_means)
        log.info("The server is well again", extra={"event": "server_recovered"})
        return result

    def _repeat(self, step: Callable[[], T], asked_means: _Leaving) -> T:
        pause = _FIRST_PAUSE
        give_up_at = self._clock.now() + self._limit
        before = _Leaving.NOT_ASKED
        while True:
            self._control.wait(pause)
            leaving = self._leaving(asked_means)
            if leaving is not before and leaving is _Leaving.PUT_OFF:
                _say_that_it_stays()
            if leaving is not before and leaving is _Leaving.SOON:
                give_up_at = min(give_up_at, self._clock.now() + self._last_tries)
            before = leaving
            try:
                return step()
            except PASSING as error:
                if self._clock.now() >= give_up_at:
                    raise GaveUpError(str(error)) from error
            most = _LONGEST_PAUSE if leaving is _Leaving.NOT_ASKED else _LONGEST_LAST_PAUSE
            pause = min(pause * 2, most)

    def _leaving(self, asked_means: _Leaving) -> _Leaving:
        if self._control.is_forced:
            return _Leaving.SOON
        return asked_means if self._control.asked else _Leaving.NOT_ASKED


def _say_that_it_stays() -> None:
    log.warning(
        "Staying until the server is well: a job has ended here, which it has yet to be told",
        extra={"event": "leaving_put_off"},
    )
