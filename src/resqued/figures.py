"""What is counted of a pool: values that add up, from worker to master.

Every count only grows, and begins at 0 with whoever counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, zip_longest
from math import inf
from typing import Final

#: Seconds up to which a run time belongs to each of the counts in ``JobTally.runs``.
BUCKETS: Final = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, inf)
#: Stands for the queue and the class of jobs that there was no room to count by name.
OTHERS: Final = "(other)"
#: Pairs of queue and class that are told apart; who names them is the application.
MOST_KINDS: Final = 1000

#: How a job may end: it was done; it has raised; its process or its worker was ended, or died.
#: ``resque`` says the same words, which tests/architecture sees to: it may not import them.
PERFORMED: Final = "performed"
FAILED: Final = "failed"
CUT_OFF: Final = "cut_off"
OUTCOMES: Final = (PERFORMED, FAILED, CUT_OFF)

#: Bytes of the names by which jobs are counted: those of a queue, and of a class.
MOST_OF_QUEUE: Final = 96
MOST_OF_JOB: Final = 192

NO_RUNS: Final = (0,) * len(BUCKETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTally:
    """The jobs of one class from one queue that have ended."""

    queue: str
    job: str  #: the class
    performed: int = 0
    failed: int = 0
    cut_off: int = 0
    seconds: float = 0.0  #: that all of them took together
    runs: tuple[int, ...] = NO_RUNS  #: how many took how long, by ``BUCKETS``, each job in one

    def plus(self, other: "JobTally") -> "JobTally":
        """Return both together, under the name of this one."""
        return JobTally(
            queue=self.queue,
            job=self.job,
            performed=self.performed + other.performed,
            failed=self.failed + other.failed,
            cut_off=self.cut_off + other.cut_off,
            seconds=self.seconds + other.seconds,
            runs=tuple(map(sum, zip_longest(self.runs, other.runs, fillvalue=0))),
        )


@dataclass(frozen=True, slots=True)
class EndTally:
    """The workers that have ended for one reason."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class ReloadTally:
    """The reloads that have ended in one way; the master counts them."""

    outcome: str
    count: int
    seconds: float  #: that they took together, from the order to the end


@dataclass(frozen=True, slots=True)
class Figures:
    """All that listeners count."""

    jobs: tuple[JobTally, ...] = ()
    ends: tuple[EndTally, ...] = ()

    def plus(self, *others: "Figures") -> "Figures":
        """Return all together, each class of a queue once; no more than ``MOST_KINDS`` of them."""
        everything = (self, *others)
        return Figures(
            _added_jobs(chain.from_iterable(each.jobs for each in everything)),
            _added_ends(chain.from_iterable(each.ends for each in everything)),
        )


NO_FIGURES: Final = Figures()


def cut_name(name: str, most: int) -> bytes:
    """Return as much of a name as it is counted by; a character at its end may be halved."""
    return name.encode(errors="replace")[:most]


def bucket_of(seconds: float) -> int:
    """Return which of the ``BUCKETS`` a run time belongs to."""
    for place, limit in enumerate(BUCKETS):
        if seconds <= limit:
            return place
    return len(BUCKETS) - 1  # a clock that has told nonsense


def _added_jobs(tallies: Iterable[JobTally]) -> tuple[JobTally, ...]:
    added: dict[tuple[str, str], JobTally] = {}
    for tally in tallies:
        kind = (tally.queue, tally.job)
        if kind not in added and len(added) >= MOST_KINDS - 1:
            kind = (OTHERS, OTHERS)
        empty = JobTally(queue=kind[0], job=kind[1])
        added[kind] = added.get(kind, empty).plus(tally)
    return tuple(added.values())


def _added_ends(tallies: Iterable[EndTally]) -> tuple[EndTally, ...]:
    added: dict[str, int] = {}
    for tally in tallies:
        added[tally.reason] = added.get(tally.reason, 0) + tally.count
    return tuple(EndTally(reason, count) for reason, count in added.items())
