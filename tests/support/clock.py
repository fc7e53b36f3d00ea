"""A clock that stands still until a test turns it."""


class HandTurnedClock:
    """Stands in for ``resqued.clock.MonotonicClock``."""

    def __init__(self, now: float = 1_000.0) -> None:
        self._now = now

    def now(self) -> float:
        """Return the time that the test has set."""
        return self._now

    def turn(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        assert seconds >= 0, "this clock never goes back either"
        self._now += seconds
