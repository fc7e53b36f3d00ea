"""What a contender is: how its workers are started, fed and found."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from signal import Signals


class Kind(enum.Enum):
    """What is measured against what."""

    PER_JOB = "a process for each job"
    SHARED = "many jobs in one process"


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
    files: Mapping[str, str] = field(default_factory=dict)  #: written where it is started
    reload: Signals | None = None  #: what has it load its code anew, if anything does
    is_reference: bool = False  #: not a job library: what the others are measured by
