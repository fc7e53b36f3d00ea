"""The clock: the only place under resqued that asks the system for the time."""

import time
from typing import Protocol


class Clock(Protocol):
    """A source of time; tests pass one that they turn by hand."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back, of no meaning but their difference."""
        ...


class MonotonicClock:
    """The system's monotonic clock, the same for every process of this boot."""

    def now(self) -> float:
        """Return seconds since an arbitrary point, unaffected by changes of the wall clock."""
        return time.monotonic()
