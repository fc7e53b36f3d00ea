"""What a retry writes: the job into its queue again, and into its record that it was retried."""

from dataclasses import dataclass

from resque.errors import NotRequeueableError
from resque.failure.entry import FailureEntry
from resque.failure.raw_object import RawObject
from resque.store.failures import Retry


@dataclass(frozen=True, slots=True)
class Requeued:
    """What became of the records that were to be requeued."""

    requeued: int = 0
    skipped: int = 0  #: were retried before
    refused: int = 0  #: hold no job that could be run
    gone: int = 0  #: were changed or removed meanwhile by others

    def __add__(self, other: "Requeued") -> "Requeued":
        return Requeued(
            self.requeued + other.requeued,
            self.skipped + other.skipped,
            self.refused + other.refused,
            self.gone + other.gone,
        )


def retry_of(entry: FailureEntry, retried_at: str) -> Retry:
    """Return the retry of a record; raises NotRequeueableError if there is no job in it."""
    record = _parse(entry.raw)
    return Retry(
        index=entry.index,
        record=entry.raw,
        retried=record.with_last("retried_at", retried_at),
        queue=_queue(record, entry.where.queue),
        element=_element(record),
    )


def _parse(raw: bytes) -> RawObject:
    try:
        return RawObject.parse(raw)
    except ValueError as error:
        raise NotRequeueableError(f"the record cannot be read: {error}") from None


def _queue(record: RawObject, otherwise: str | None) -> str:
    queue = record.get("queue")
    if queue is None:
        queue = otherwise
    if not isinstance(queue, str) or not queue:
        raise NotRequeueableError("the record does not say in which queue the job was")
    if not queue.isascii() and any("\ud800" <= c <= "\udfff" for c in queue):
        raise NotRequeueableError("the name of the job's queue is not Unicode")
    return queue


def _element(record: RawObject) -> bytes:
    """Return class and arguments only, as Ruby pushes them, in the bytes of the record."""
    payload = record.get("payload")
    if isinstance(payload, str):
        raise NotRequeueableError("what lay in the queue was no job")
    text = record.raw("payload")
    if not isinstance(payload, dict) or text is None:
        raise NotRequeueableError("the record holds no job")
    job = _parse(text)
    name, args = job.raw("class"), job.raw("args") or b"null"
    if name is None or not isinstance(job.get("class"), str):
        raise NotRequeueableError("the job has no class name")
    if job.get("args") is None:
        args = b"[]"
    elif not isinstance(job.get("args"), list):
        args = b"[" + args + b"]"
    return b'{"class":' + name + b',"args":' + args + b"}"
