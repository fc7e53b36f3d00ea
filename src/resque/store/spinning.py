"""To look for a reply for a moment, before sleeping until it comes.

To be put to sleep and woken takes a process longer than a server on the same host, or one close by,
takes to answer. So who waits looks again and again, and lets whoever else wants this processor have
it in between; but only while that pays.
"""

import os
from collections.abc import Callable

from resque.clock import Clock, SystemClock

#: Seconds to look for: what a server takes that answers a few others first.
LONGEST = 0.000_4
#: How many replies are slept for, at most, before the next try: of many workers on few processors,
#: or far from their server, nearly all.
MOST_LEFT_OUT = 63


class Spinning:
    """The looks of one connection, which learn from what became of the former ones."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Begin by looking; ``clock`` is the system's unless given."""
        self._now = (clock or SystemClock()).now
        self._to_leave_out = 0
        self._after_next = 1  #: how many are left out when a look was in vain once more

    def look(self, receive: Callable[[], bytes | None]) -> bytes | None:
        """Return what ``receive`` does, once that is not None; None: sleep until it comes.

        Raises what ``receive`` raises. Takes no longer than ``LONGEST``, and what others take that
        want the processor.
        """
        if self._to_leave_out > 0:
            self._to_leave_out -= 1
            return None
        until = self._now() + LONGEST
        while (data := receive()) is None:
            if self._now() >= until:
                self._to_leave_out = self._after_next
                self._after_next = min(2 * self._after_next + 1, MOST_LEFT_OUT)
                return None
            os.sched_yield()
        self._after_next = 1
        return data
