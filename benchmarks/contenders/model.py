"""What a contender is: how its workers are started, fed and found."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from signal import Signals


class Kind(enum.Enum):
    """What is measured against what."""

    PER_JOB = "a process for each job"
    SHARED = "many jobs in one process"


#: How many jobs a broker hands to a worker ahead, at most, and one more: Celery's are four.
_AHEAD = 5
#: ... for each thread of a worker that has several: Dramatiq's are two, with what they work at.
_AHEAD_OF_THREAD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to work jobs.

    In ``command`` and ``files``, ``{workers}`` stands for how many there are to be.
    """

    name: str  #: in the results and for --only
    title: str  #: in tables
    kind: Kind
    command: tuple[str, ...]  #: the first word is a program of this interpreter's environment
    sender: str  #: the module that enqueues
    key: str  #: the list that the jobs wait in
    depth: int  #: how far below the process that is started its workers are
    guess: float  #: jobs a second of two workers, about; only the first round goes by it
    threads: int = 1  #: how many jobs a worker works at once
    files: Mapping[str, str] = field(default_factory=dict)  #: written where it is started
    reload: Signals | None = None  #: what has it load its code anew, if anything does
    is_reference: bool = False  #: not a job library: what the others are measured by

    def at_once(self, workers: int) -> int:
        """Return how many jobs so many workers work at once."""
        return workers * self.threads

    def to_hold(self, workers: int) -> int:
        """Return how many jobs are surely enough to give each of so many workers its own."""
        return workers * max(_AHEAD, _AHEAD_OF_THREAD * self.threads)
