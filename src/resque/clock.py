"""The clock: the only place under resque that asks the system for the time."""

import time
from typing import Protocol


class Clock(Protocol):
    """A source of time; tests pass one that they turn by hand."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back, of no meaning but their difference."""
        ...

    def epoch(self) -> float:
        """Return seconds since 1970, for what is written down."""
        ...


class SystemClock:
    """The system's clocks."""

    def now(self) -> float:
        """Return the monotonic clock."""
        return time.monotonic()

    def epoch(self) -> float:
        """Return the wall clock."""
        return time.time()
