"""Something that is done again and again, beside all else."""

from collections.abc import Callable
from threading import Event


class Rounds:
    """Does something again and again in one thread, while others may hurry or end that."""

    def __init__(self, interval: float) -> None:
        """``interval`` is in seconds, from the end of one round to the next."""
        self._interval = interval
        self._wake = Event()
        self._is_over = False

    def run(self, step: Callable[[], object]) -> None:
        """Do ``step`` until ``end``; in a thread that has nothing else to do."""
        while not self._is_over:
            step()
            self._wake.wait(self._interval)
            self._wake.clear()

    def hurry(self) -> None:
        """Have the next round come now; from any thread."""
        self._wake.set()

    def end(self) -> None:
        """Have no other round come; from any thread."""
        self._is_over = True
        self._wake.set()
