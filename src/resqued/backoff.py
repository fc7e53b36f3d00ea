"""How long to wait before what ended early is started again."""

from resqued.clock import Clock

#: Seconds; who lives longer than this was no failed start.
LONG_ENOUGH = 16.0


class Backoff:
    """The pauses before a new start: 1, 2, 4, 8, 16 s after one early end after another.

    A life of more than 16 s, or an end that was asked for, sets the next pause back to none.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_at = clock.now()
        self._pause = 0.0
        self._not_before = clock.now()

    def started(self) -> None:
        """Note that a start was made now."""
        self._started_at = self._clock.now()

    def ended(self, *, expected: bool, started_at: float | None = None) -> None:
        """Note that what was started has ended now: the last, or what ``started_at`` tells."""
        now = self._clock.now()
        if started_at is None:
            started_at = self._started_at
        if expected or now - started_at > LONG_ENOUGH:
            self._pause = 0.0
        else:
            self._pause = min(LONG_ENOUGH, self._pause * 2 or 1.0)
        self._not_before = now + self._pause

    @property
    def due_in(self) -> float:
        """Seconds until the next start is allowed; 0 if it is allowed now."""
        return max(0.0, self._not_before - self._clock.now())
