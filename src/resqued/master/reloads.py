"""What became of each reload: for whoever asks, while it goes on and afterwards."""

from dataclasses import dataclass, replace
from enum import Enum

from resqued.clock import Clock
from resqued.figures import ReloadTally

#: So many are remembered; an older one is not known any more to who waits for it.
_REMEMBERED = 16


class Outcome(Enum):
    """How far a reload is, or how it has ended."""

    LOADING = "loading"  #: the new generation has not proved itself yet
    MOVING = "moving"  #: it has; workers move to it one by one
    DONE = "done"  #: it has taken over
    FAILED = "failed"  #: it could not start, or its workers could not
    ABANDONED = "abandoned"  #: another reload, a pause or a stop came before its end


_UNDER_WAY = (Outcome.LOADING, Outcome.MOVING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """One reload; moments are on the master's clock."""

    number: int  #: from 1, in the order in which they were asked for
    generation: int  #: the new one
    asked_at: float
    outcome: Outcome = Outcome.LOADING
    reason: str | None = None  #: why it has failed or was abandoned
    ended_at: float | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether its end is still to come."""
        return self.outcome in _UNDER_WAY


class Reloads:
    """The reloads of one master and those that it was before, the last of them at the end."""

    def __init__(
        self,
        clock: Clock,
        known: tuple[Reload, ...] = (),
        tallies: tuple[ReloadTally, ...] = (),
    ) -> None:
        self._clock = clock
        self.known = known
        self.tallies = tallies  #: of all that have ended

    @property
    def last(self) -> Reload | None:
        """The last one that was asked for."""
        return self.known[-1] if self.known else None

    @property
    def is_under_way(self) -> bool:
        """Whether the end of the last one is still to come."""
        return self.last is not None and self.last.is_under_way

    def by_number(self, number: int) -> Reload | None:
        """The one of that number, if it is remembered."""
        return next((reload for reload in self.known if reload.number == number), None)

    def has_failed(self, generation: int) -> bool:
        """Whether one that started that generation has failed, and tells why."""
        return any(r.generation == generation and r.outcome is Outcome.FAILED for r in self.known)

    def begin(self, generation: int) -> None:
        """Note that one was asked for, which starts that generation."""
        self.abandon("another reload was asked for")
        number = self.last.number + 1 if self.last else 1
        reload = Reload(number=number, generation=generation, asked_at=self._clock.now())
        self.known = (*self.known, reload)[-_REMEMBERED:]

    def proved(self, generation: int) -> None:
        """Note that the generation has proved itself."""
        self._move(generation, Outcome.MOVING)

    def done(self, generation: int) -> None:
        """Note that the generation has taken over."""
        self._move(generation, Outcome.DONE)

    def failed(self, generation: int, reason: str) -> None:
        """Note that the generation did not get so far, and why."""
        self._move(generation, Outcome.FAILED, reason)

    def abandon(self, reason: str) -> None:
        """Note that nothing comes of the one that is under way, if there is one."""
        if self.last is not None:
            self._move(self.last.generation, Outcome.ABANDONED, reason)

    def _move(self, generation: int, outcome: Outcome, reason: str | None = None) -> None:
        """Change the last reload, if it is that generation's and has not ended before."""
        last = self.last
        if last is None or last.generation != generation or not last.is_under_way:
            return  # the generation was started for another reason: the former one's end, say
        ended_at = None if outcome in _UNDER_WAY else self._clock.now()
        changed = replace(last, outcome=outcome, reason=reason, ended_at=ended_at)
        self.known = (*self.known[:-1], changed)
        if ended_at is not None:
            self._count(outcome.value, ended_at - last.asked_at)

    def _count(self, outcome: str, seconds: float) -> None:
        by_outcome = {tally.outcome: tally for tally in self.tallies}
        former = by_outcome.get(outcome, ReloadTally(outcome, 0, 0.0))
        by_outcome[outcome] = ReloadTally(outcome, former.count + 1, former.seconds + seconds)
        self.tallies = tuple(by_outcome.values())
