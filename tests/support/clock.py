"""A clock that stands still until a test turns it."""

import mmap
from struct import Struct

_NOW = Struct("d")


class HandTurnedClock:
    """Stands in for ``resqued.clock.MonotonicClock``; like that, it is one for all processes."""

    def __init__(self, now: float = 1_000.0) -> None:
        self._memory = mmap.mmap(-1, _NOW.size)
        _NOW.pack_into(self._memory, 0, now)

    def now(self) -> float:
        """Return the time that the test has set."""
        now: float = _NOW.unpack_from(self._memory)[0]
        return now

    def turn(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        assert seconds >= 0, "this clock never goes back either"
        _NOW.pack_into(self._memory, 0, self.now() + seconds)
