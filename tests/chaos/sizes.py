"""How large the pool of each generation may be, as far as whoever scales it can know."""

from collections.abc import Callable
from math import inf

#: Seconds for which a former size still counts: a grant may be on its way to the listener.
OVERLAP = 1.0


class Sizes:
    """Written by a schedule, and read by its watcher in another thread."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        #: Of each generation that was scaled, its sizes, and until when they count.
        self._scaled: dict[int, dict[int, float]] = {}
        self._asked: int | None = None  #: what was asked for last, while there is no answer
        self._doubtful: frozenset[int] = frozenset()  #: what has got no answer at all

    def ask(self, size: int) -> None:
        """Note that some generation may have this size from now on."""
        self._asked = size

    def accepted(self, generation: int, was: int) -> None:
        """Note that this one has it, in place of the size that it had before."""
        assert self._asked is not None
        former = {was: 0.0, **self._scaled.get(generation, {})}
        until = self._now() + OVERLAP
        sizes = {size: until if end == inf or size == was else end for size, end in former.items()}
        self._scaled = {**self._scaled, generation: {**sizes, self._asked: inf}}
        self._asked = None

    def refused(self) -> None:
        """Note that none has it."""
        self._asked = None

    def unanswered(self) -> None:
        """Note that nobody knows whether any has it."""
        assert self._asked is not None
        self._doubtful |= {self._asked}
        self._asked = None

    def most(self, configured: int, generation: int | None) -> int:
        """Return how many workers a generation's pool may have; None: it is not known which.

        ``configured`` is what its file says.
        """
        now = self._now()
        asked = self._asked  # before what it becomes once it is accepted
        scaled = self._scaled
        told = list(scaled.values()) if generation is None else [scaled.get(generation, {})]
        possible = {size for sizes in told for size, until in sizes.items() if until > now}
        if generation not in scaled:
            possible.add(configured)
        if asked is not None:
            possible.add(asked)
        return max(possible | self._doubtful)
