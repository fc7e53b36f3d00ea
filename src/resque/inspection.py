"""What can be read on the server, whoever wrote it.

Nothing here refuses anything: what is malformed is shown as text, and said to be malformed. Bytes
that are no UTF-8 are shown as backslash escapes.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from resque import times
from resque.errors import DecodeError
from resque.payload import Payload, decode_json
from resque.ruby_json import encode_json


def shown(raw: bytes) -> str:
    """Return bytes as text that can be printed or written anywhere."""
    return raw.decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Element:
    """What lies in a queue."""

    raw: bytes
    value: Any  #: what the JSON says; None if it is none
    payload: Payload | None  #: the job; None if it is none
    problem: str | None  #: why it is no job

    @classmethod
    def of(cls, raw: bytes) -> "Element":
        """Read anything."""
        try:
            value = decode_json(raw)
        except DecodeError as error:
            return cls(raw, None, None, error.problem)
        try:
            return cls(raw, value, Payload.decode(raw), None)
        except DecodeError as error:
            return cls(raw, value, None, error.problem)

    @property
    def is_malformed(self) -> bool:
        """Whether no worker could perform it."""
        return self.payload is None

    @property
    def text(self) -> str:
        """It as it is."""
        return shown(self.raw)


@dataclass(frozen=True, slots=True)
class QueueSample:
    """A queue's size, and its first elements."""

    size: int
    elements: tuple[Element, ...]


class WorkerState(Enum):
    """What a worker does."""

    IDLE = "idle"  #: it waits for a job
    WORKING = "working"  #: it has one


@dataclass(frozen=True, slots=True)
class JobInHand:
    """A worker's record of its job; a field that is missing or no text is None."""

    queue: str | None
    run_at: str | None
    element: Element | None  #: the job
    raw: bytes  #: the record

    @classmethod
    def of(cls, raw: bytes) -> "JobInHand | None":
        """Read a record; None for one that is empty, or an empty object: no job."""
        try:
            record = decode_json(raw) if raw else {}
        except DecodeError:
            record = None
        if record == {}:
            return None
        fields = record if isinstance(record, dict) else {}
        payload = fields.get("payload")
        element = None if payload is None else Element.of(encode_json(payload))
        return cls(_text(fields.get("queue")), _text(fields.get("run_at")), element, raw)

    @property
    def payload(self) -> Payload | None:
        """The job itself; None if it cannot be read."""
        return None if self.element is None else self.element.payload

    @property
    def is_malformed(self) -> bool:
        """Whether it does not say which job it is, or where that lay."""
        return self.queue is None or self.payload is None


@dataclass(frozen=True, slots=True)
class WorkerEntries:
    """All that the server has about one worker, as it is there; None for what is not."""

    id: bytes
    record: bytes | None = None
    started: bytes | None = None
    heartbeat: bytes | None = None
    processed: bytes | None = None
    failed: bytes | None = None


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker as the server knows it."""

    id: str
    host: str
    pid: int | None  #: None if that part of the id is no number, as some implementations have it
    queues: tuple[str, ...]  #: patterns, in their order
    started: str | None  #: as written by the worker
    heartbeat: str | None  #: as written by the worker
    heartbeat_at: float | None  #: the same in seconds of the epoch
    processed: int
    failed: int
    job: JobInHand | None
    problems: tuple[str, ...]  #: what is malformed

    @classmethod
    def of(cls, entries: WorkerEntries) -> "WorkerInfo":
        """Read what anybody may have written."""
        host, pid, queues = _parts(shown(entries.id))
        beat = entries.heartbeat
        heartbeat_at = None if beat is None else times.read_heartbeat(beat)
        job = None if entries.record is None else JobInHand.of(entries.record)
        problems = (
            ("its id is not host:pid:queues", not host or not queues),
            ("its pid is no number", pid is None),
            ("its heartbeat is no time", beat is not None and heartbeat_at is None),
            ("its record is not that of a job", job is not None and job.is_malformed),
        )
        return cls(
            id=shown(entries.id),
            host=host,
            pid=pid,
            queues=queues,
            started=None if entries.started is None else shown(entries.started),
            heartbeat=None if beat is None else shown(beat),
            heartbeat_at=heartbeat_at,
            processed=count(entries.processed),
            failed=count(entries.failed),
            job=job,
            problems=tuple(problem for problem, is_there in problems if is_there),
        )

    @property
    def is_malformed(self) -> bool:
        """Whether something about it is not as Ruby Resque would have written it."""
        return bool(self.problems)

    @property
    def state(self) -> WorkerState:
        """Whether it has a job."""
        return WorkerState.IDLE if self.job is None else WorkerState.WORKING


@dataclass(frozen=True, slots=True)
class Info:
    """The sums."""

    pending: int  #: jobs in all queues
    processed: int  #: jobs ever performed
    failed: int  #: failure records
    queues: int
    workers: int
    working: int  #: workers that have a job
    server: str
    namespace: str


def count(raw: bytes | None) -> int:
    """Return what a counter says; what is no number counts as nothing, as in Ruby."""
    try:
        return int(raw or 0)
    except ValueError:
        return 0


def _parts(worker_id: str) -> tuple[str, int | None, tuple[str, ...]]:
    """Split an id as Ruby does: a queue may hold colons."""
    host, pid, queues, *_ = [*worker_id.split(":", 2), "", ""]
    is_number = pid.isascii() and pid.isdigit() and len(pid) < 20
    return host, int(pid) if is_number else None, tuple(queues.split(",")) if queues else ()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
