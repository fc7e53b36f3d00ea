"""How long an idle worker sleeps between two looks at its queues."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Pauses that grow while there is nothing to do (Ruby's MIN_, MAX_ and BACKOFF_INTERVAL)."""

    least: float  #: seconds; what the pause goes back to with each job
    most: float  #: seconds
    step: float  #: seconds that each idle round adds


class Pace:
    """The pause of the next idle round, in seconds: always the same, or growing."""

    def __init__(self, interval: float, growth: Growth | None = None) -> None:
        self._growth = growth
        self._pause = interval if growth is None else growth.least

    def worked(self) -> None:
        """Note that there was a job."""
        if self._growth is not None:
            self._pause = self._growth.least

    def next_pause(self) -> float:
        """Return how long to sleep now that there was none; 0 with a fixed interval: leave."""
        if self._growth is not None:
            self._pause = min(self._pause + self._growth.step, self._growth.most)
        return self._pause

    @property
    def longest(self) -> float:
        """The longest pause, in seconds."""
        return self._pause if self._growth is None else self._growth.most

    @property
    def is_once(self) -> bool:
        """Whether the worker leaves when its queues are empty."""
        return self._growth is None and self._pause == 0
