"""How far the master is on its way out; it never goes back."""

from enum import IntEnum
from signal import Signals

from resqued.clock import Clock

#: Seconds from the order to kill until listeners that did not obey are killed themselves.
LAST_MOMENT = 1.0


class Urgency(IntEnum):
    """What has been asked for; only a higher one replaces a lower."""

    NONE = 0  #: going on
    DRAIN = 1  #: QUIT: stop when the running jobs are done
    STOP = 2  #: TERM or INT: stop now
    KILL = 3  #: the time to stop is over, or a second TERM or INT came


class Shutdown:
    """The state machine of stopping: what was asked for, and when the next step is due."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.urgency = Urgency.NONE
        self._asked_at = 0.0

    @property
    def is_asked_for(self) -> bool:
        """Whether the master is to leave."""
        return self.urgency is not Urgency.NONE

    @property
    def signal(self) -> Signals:
        """What those below are told."""
        return Signals.SIGQUIT if self.urgency is Urgency.DRAIN else Signals.SIGTERM

    def ask(self, received: Signals) -> bool:
        """Take a QUIT, TERM or INT; True if that asks for more than before."""
        if received is Signals.SIGQUIT:
            return self._rise(Urgency.DRAIN)
        return self._rise(Urgency.STOP) or self._rise(Urgency.KILL)

    def escalate_if_due(self, stop_timeout: float) -> bool:
        """Tell, once, that ``stop_timeout`` seconds after TERM or INT have passed."""
        if self.urgency is not Urgency.STOP or self._elapsed < stop_timeout:
            return False
        return self._rise(Urgency.KILL)

    @property
    def must_kill_listeners(self) -> bool:
        """Whether even those that were told to kill their workers had their time."""
        return self.urgency is Urgency.KILL and self._elapsed >= LAST_MOMENT

    def wake_in(self, stop_timeout: float) -> float | None:
        """Return the seconds until one of the above may change; None: only by a signal."""
        moments = {
            Urgency.NONE: [],
            Urgency.DRAIN: [],
            Urgency.STOP: [stop_timeout],
            Urgency.KILL: [LAST_MOMENT],
        }[self.urgency]
        ahead = [moment - self._elapsed for moment in moments if moment > self._elapsed]
        return min(ahead, default=None)

    @property
    def _elapsed(self) -> float:
        return self._clock.now() - self._asked_at

    def _rise(self, urgency: Urgency) -> bool:
        if urgency <= self.urgency:
            return False
        self.urgency = urgency
        self._asked_at = self._clock.now()
        return True
