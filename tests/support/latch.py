"""A gate between processes: what stands behind it waits until another process opens it."""

import os
import select

from tests.support.waiting import PATIENCE


class Latch:
    """A pipe that forked processes share; made before the fork."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()

    def open(self) -> None:
        """Let one ``wait`` through, now or later, in whatever process."""
        os.write(self._writer, b".")

    def wait(self, seconds: float = PATIENCE) -> None:
        """Wait to be let through; raises AssertionError if nobody does so in time."""
        ready, _, _ = select.select([self._reader], [], [], seconds)
        assert ready, f"nobody opened the latch within {seconds} s"
        os.read(self._reader, 1)

    def pass_through(self) -> bool:
        """Go through if it is open, without waiting; tell whether it was."""
        ready, _, _ = select.select([self._reader], [], [], 0)
        return bool(ready) and os.read(self._reader, 1) == b"."

    def close(self) -> None:
        """Close this process's ends."""
        os.close(self._reader)
        os.close(self._writer)
