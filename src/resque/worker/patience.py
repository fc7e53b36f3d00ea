"""Go on when the server does not answer: wait, try again, and say so once."""

import logging
import math
from collections.abc import Callable
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
#: Seconds for which a worker that was told to leave goes on trying.
_LAST_TRIES = 5.0


class GaveUpError(ResqueError):
    """Raised when the server stays away for longer than there is time."""


class Ear(Protocol):
    """Where a process sleeps, and hears that it is to leave; a worker's is its ``Control``."""

    @property
    def asked(self) -> int:
        """Not 0 if it is to leave."""
        ...

    def wait(self, seconds: float) -> None:
        """Sleep, at most until something is asked."""
        ...


class Patience:
    """Repeats what can safely be repeated until the server has answered."""

    def __init__(
        self,
        control: Ear,
        clock: Clock,
        *,
        limit: float = math.inf,
        last_tries: float = _LAST_TRIES,
    ) -> None:
        """``limit`` is the seconds for which to try, ``last_tries`` those once told to leave."""
        self._control = control
        self._clock = clock
        self._limit = limit
        self._last_tries = last_tries

    def insist(self, step: Callable[[], T]) -> T:
        """Return what ``step`` returns, however often it must be tried.

        ``step`` must be safe to repeat after its reply was lost. Raises GaveUpError when the try
        that was under way when the time was over has failed, too.
        """
        try:
            return step()
        except PASSING as error:
            fields = {"event": "server_unavailable", "reason": str(error)}
            log.warning("Trying again until the server is well: %s", error, extra=fields)
        result = self._repeat(step)
        log.info("The server is well again", extra={"event": "server_recovered"})
        return result

    def _repeat(self, step: Callable[[], T]) -> T:
        pause = _FIRST_PAUSE
        give_up_at = self._clock.now() + self._limit
        is_leaving = False
        while True:
            self._control.wait(pause)
            if self._control.asked and not is_leaving:
                is_leaving = True
                give_up_at = min(give_up_at, self._clock.now() + self._last_tries)
            try:
                return step()
            except PASSING as error:
                if self._clock.now() >= give_up_at:
                    raise GaveUpError(str(error)) from error
            pause = min(pause * 2, 1.0 if is_leaving else _LONGEST_PAUSE)
