"""What became of each number: from the jobs' own notes, the failure records and the kills."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from resque.errors import DirtyExit, PruneDeadWorkerDirtyExit

#: Bytes of notes that may have come between a worker's end and the look at the file's size.
_SLACK = 4096
#: The exception in the record of a job that has cost several workers their lives.
_POISON = "Resque::PoisonJob"
#: What the records of jobs say whose worker has died: the exception, or the error's text.
_PRUNED = PruneDeadWorkerDirtyExit.resque_name
_STILL_PROCESSED = str(DirtyExit())


class Outcome(Enum):
    """What became of one number."""

    PERFORMED = "performed once"
    PERFORMED_AND_FAILED = "performed, and recorded as failed"
    RAISED = "failed by design, and recorded"
    CUT_OFF = "cut off, and recorded as failed"
    NOT_BEGUN = "recorded as failed before it began"
    BEREFT = "recorded as failed, as its worker had died"
    QUARANTINED = "quarantined as poison"
    PUT_BACK_TOO = "recorded as failed, and put back all the same"
    AGAIN = "cut off by a kill, performed again"
    TWICE = "performed again, as a kill explains"
    UNSENT = "perhaps never enqueued, and not seen"
    LOST = "LOST"
    UNEXPLAINED = "PERFORMED AGAIN WITHOUT A REASON"


#: What must not be.
FAULTS = (Outcome.LOST, Outcome.UNEXPLAINED)


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker, or a job's process, killed: the size of the notes before and after is when."""

    pid: int
    before: int
    after: int


@dataclass(slots=True)
class Attempt:
    """One performance of a number, told by its process."""

    pid: int
    worker: int
    place: int  #: of its start in the notes
    is_done: bool = False


@dataclass(slots=True)
class Story:
    """All that is known of one number."""

    attempts: list[Attempt] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)  #: one for each failure record
    dead_workers: list[int] = field(default_factory=list)  #: who had it, as records say


class Account:
    """The stories of all numbers."""

    def __init__(self, kills: Iterable[Kill], *, may_repeat: bool) -> None:
        """``may_repeat``: a job whose worker was killed is performed again."""
        self._kills: dict[int, list[Kill]] = {}
        for kill in kills:
            self._kills.setdefault(kill.pid, []).append(kill)
        self._may_repeat = may_repeat
        self._stories: dict[int, Story] = {}

    def read_notes(self, notes: bytes) -> None:
        """Take in the file that the jobs have written."""
        place = 0
        for line in notes.splitlines(keepends=True):
            kind, number, pid, *worker = line.split()
            attempts = self.story(int(number)).attempts
            if kind == b"start":
                attempts.append(Attempt(int(pid), int(worker[0]), place))
            else:
                own = next(a for a in reversed(attempts) if a.pid == int(pid))
                own.is_done = True
            place += len(line)

    def add_failure(self, number: int, exception: str, error: str, worker: int) -> None:
        """Take in one failure record, written for this worker's job."""
        story = self.story(number)
        story.exceptions.append(exception)
        if exception == _PRUNED or error == _STILL_PROCESSED:
            story.dead_workers.append(worker)

    def story(self, number: int) -> Story:
        """Return what is known of a number."""
        return self._stories.setdefault(number, Story())

    def outcomes(self, numbers: Iterable[int], uncertain: set[int]) -> Mapping[int, Outcome]:
        """Return what became of each; ``uncertain`` are those perhaps never enqueued."""
        return {n: self._outcome(self.story(n), is_certain=n not in uncertain) for n in numbers}

    @property
    def exceptions(self) -> Counter[str]:
        """How many failure records name which exception."""
        return Counter(name for story in self._stories.values() for name in story.exceptions)

    @property
    def repeated_records(self) -> list[int]:
        """The numbers with more than one failure record."""
        return sorted(n for n, story in self._stories.items() if len(story.exceptions) > 1)

    def _outcome(self, story: Story, *, is_certain: bool) -> Outcome:
        if len(story.attempts) > 1 and not self._is_explained(story.attempts):
            return Outcome.UNEXPLAINED
        done = sum(attempt.is_done for attempt in story.attempts)
        if done == 0:
            return _unperformed(story, is_certain=is_certain)
        if done > 1:
            return Outcome.TWICE
        if story.dead_workers and story.attempts[-1].worker not in story.dead_workers:
            return Outcome.PUT_BACK_TOO
        if story.exceptions:
            return Outcome.PERFORMED_AND_FAILED
        return Outcome.PERFORMED if len(story.attempts) == 1 else Outcome.AGAIN

    def _is_explained(self, attempts: list[Attempt]) -> bool:
        """Whether all but the last, or their workers, were killed before the next one began."""
        return self._may_repeat and all(
            any(
                kill.before <= later.place and attempt.place < kill.after + _SLACK
                for pid in (attempt.worker, attempt.pid)
                for kill in self._kills.get(pid, ())
            )
            for attempt, later in pairwise(attempts)
        )


def _unperformed(story: Story, *, is_certain: bool) -> Outcome:
    if "RuntimeError" in story.exceptions:
        return Outcome.RAISED
    if _POISON in story.exceptions:
        return Outcome.QUARANTINED
    if story.dead_workers:
        return Outcome.BEREFT
    if story.exceptions:
        return Outcome.CUT_OFF if story.attempts else Outcome.NOT_BEGUN
    if story.attempts or is_certain:
        return Outcome.LOST
    return Outcome.UNSENT
