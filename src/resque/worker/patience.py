"""Go on when the server does not answer: wait, try again, and say so once."""

import logging
from collections.abc import Callable
from typing import TypeVar

from resque.clock import Clock
from resque.errors import (
    AuthenticationError,
    ProtocolError,
    ReplyError,
    ResqueError,
    ServerUnavailable,
    ServerVersionError,
)
from resque.worker.control import Control

log = logging.getLogger(__name__)

T = TypeVar("T")

#: What time can mend: a restart, a failover, a server that is full or still loads its data.
PASSING = (ServerUnavailable, ProtocolError, ReplyError, AuthenticationError, ServerVersionError)
#: Seconds between the tries: the first and the longest pause.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
#: Seconds for which a worker that was told to leave goes on trying.
_LAST_TRIES = 5.0


class GaveUpError(ResqueError):
    """Raised when the worker was told to leave and the server stays away."""


class Patience:
    """Repeats what can safely be repeated until the server has answered."""

    def __init__(self, control: Control, clock: Clock) -> None:
        self._control = control
        self._clock = clock

    def insist(self, step: Callable[[], T]) -> T:
        """Return what ``step`` returns, however often it must be tried.

        ``step`` must be safe to repeat after its reply was lost. Raises GaveUpError when the try
        that was under way 5 s after the worker was told to leave has failed, too.
        """
        try:
            return step()
        except PASSING as error:
            log.warning("Trying again until the server is well: %s", error)
        result = self._repeat(step)
        log.info("The server is well again")
        return result

    def _repeat(self, step: Callable[[], T]) -> T:
        pause = _FIRST_PAUSE
        give_up_at = None
        while True:
            self._control.wait(pause)
            if self._control.asked and give_up_at is None:
                give_up_at = self._clock.now() + _LAST_TRIES
            try:
                return step()
            except PASSING as error:
                if give_up_at is not None and self._clock.now() >= give_up_at:
                    raise GaveUpError(str(error)) from error
            pause = min(pause * 2, _LONGEST_PAUSE if give_up_at is None else 1.0)
