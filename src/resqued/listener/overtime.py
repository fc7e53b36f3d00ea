"""A job that takes too long: what is done to its worker, and when. Pure: others do it."""

from enum import Enum

from resqued.clock import Clock
from resqued.process import stack
from resqued.worker.board import JobInHand


class Stage(Enum):
    """How far it is with a worker and its time limit."""

    IN_TIME = "in time"  #: no job takes too long, as far as has been seen
    ASKED = "asked"  #: one does; the worker is asked for its stack
    TERMINATED = "terminated"  #: it still did; the worker gets TERM
    KILLED = "killed"  #: the worker did not leave; it gets KILL, again if need be


class Overtime:
    """One worker's, for a job in its own process, where nobody but its listener can end it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.stage = Stage.IN_TIME
        self.job: JobInHand | None = None  #: the one that takes too long
        self._next_at = 0.0  #: when the next stage is due

    @property
    def is_terminated(self) -> bool:
        """Whether the worker has been told to leave for that, whatever it does since."""
        return self.stage in (Stage.TERMINATED, Stage.KILLED)

    def due_in(self, job: JobInHand | None, limit: float) -> float:
        """Return the seconds until ``step`` may have a next stage, while ``job`` is in hand."""
        now = self._clock.now()
        if self.is_terminated or (self.stage is Stage.ASKED and job == self.job):
            return max(0.0, self._next_at - now)
        # Without a job it is the time that one which begins just now has.
        return max(0.0, (now if job is None else job.since) + limit - now)

    def step(self, job: JobInHand | None, limit: float, stop_timeout: float) -> Stage | None:
        """Return the next stage if it is due, for the caller to act on; None: it is not.

        A job that came to its end before TERM is forgotten. ``stop_timeout`` is the seconds from
        TERM to KILL.
        """
        if self.stage is Stage.ASKED and job != self.job:
            self.stage = Stage.IN_TIME
        now = self._clock.now()
        if self.stage is Stage.IN_TIME:
            if job is None or now < job.since + limit:
                return None
            self.job = job
            return self._enter(Stage.ASKED, stack.PATIENCE)
        if now < self._next_at:
            return None
        return self._enter(Stage.KILLED if self.is_terminated else Stage.TERMINATED, stop_timeout)

    def _enter(self, stage: Stage, seconds: float) -> Stage:
        self.stage = stage
        self._next_at = self._clock.now() + seconds
        return stage
