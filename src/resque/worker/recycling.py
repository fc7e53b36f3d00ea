"""When a worker has done enough, and leaves for a fresh one."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass

from resque.clock import Clock
from resqued.process.memory import MeasureError, measure

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recycling:
    """After what a worker leaves; None: never for that."""

    max_jobs: int | None = None
    max_age: float | None = None  #: seconds
    max_memory: int | None = None  #: bytes of private memory
    jitter: float = 0.1  #: how far a worker's own limits may be from these, as a share of them


class Wear:
    """What one worker has done, measured by limits of its own.

    Each limit is drawn once, near the one asked for, so that workers which were started together
    do not leave together.
    """

    def __init__(
        self,
        limits: Recycling,
        clock: Clock,
        memory: Callable[[], int | None] | None = None,
        draw: Callable[[float, float], float] | None = None,
    ) -> None:
        """``memory`` returns bytes, and ``draw`` a number between two; for tests."""
        draw = draw or _draw
        least, most = 1 - limits.jitter, 1 + limits.jitter
        self._clock = clock
        self._memory = memory or private_memory
        self._begun_at = clock.now()
        self._jobs = 0
        self._bytes = 0
        jobs, size = limits.max_jobs, limits.max_memory
        self._max_jobs = None if jobs is None else max(1, round(jobs * draw(least, most)))
        self._max_memory = None if size is None else round(size * draw(least, most))
        self._max_age = None if limits.max_age is None else limits.max_age * draw(least, most)

    def jobs_done(self, count: int) -> None:
        """Count jobs, and measure the memory, if that matters."""
        self._jobs += count
        if self._max_memory is not None:
            self._bytes = self._memory() or 0

    @property
    def jobs_left(self) -> float:
        """How many jobs it may still take; infinite if that does not matter."""
        return float("inf") if self._max_jobs is None else self._max_jobs - self._jobs

    @property
    def age_left(self) -> float:
        """Seconds until the worker is too old; infinite if it never is."""
        if self._max_age is None:
            return float("inf")
        return max(0.0, self._begun_at + self._max_age - self._clock.now())

    @property
    def spent(self) -> str | None:
        """Why the worker should leave, for the log; None: it should not."""
        if self._max_jobs is not None and self._jobs >= self._max_jobs:
            return f"{self._jobs} jobs done (max_jobs)"
        if self._max_memory is not None and self._bytes >= self._max_memory:
            return f"{self._bytes / 2**20:.1f} MB of private memory (max_memory)"
        if self.age_left == 0:
            return f"{self._clock.now() - self._begun_at:.0f} s old (max_age)"
        return None


def _draw(least: float, most: float) -> float:
    """Return a number between two, another one in every fork.

    Without ``random``, which costs whoever has it imported 0.1 ms in every fork.
    """
    return least + (most - least) * int.from_bytes(os.urandom(4)) / 2**32


def private_memory() -> int | None:
    """Return the bytes that only this process uses; None if the kernel does not tell.

    Not the resident size: that has what a forked worker shares with its listener, too.
    """
    try:
        memory = measure()
    except MeasureError as error:
        fields = {"event": "memory_unmeasured", "reason": str(error)}
        log.warning("The memory of this worker cannot be measured: %s", error, extra=fields)
        return None
    return memory.private if memory else None
