"""Failure records, as Ruby Resque's dashboard reads them."""

from dataclasses import dataclass
from types import TracebackType

from resque import times
from resque.errors import DecodeError, text_of
from resque.payload import Payload
from resque.ruby_json import encode_json

#: Frames kept; a job that ran into the recursion limit has a thousand equal ones.
_MAX_FRAMES = 200


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, in the words of the record."""

    exception: str
    error: str
    backtrace: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: BaseException, *, below: str) -> "Failure":
        """Describe an exception; its backtrace ends above the frames of the file ``below``."""
        return cls(_class_name(error), text_of(error), tuple(_frames(error.__traceback__, below)))


def encode(failure: Failure, element: bytes, queue: str, worker_id: str, now: float) -> bytes:
    """Return the record of a job that lay in its queue as ``element``."""
    fields = {
        "failed_at": encode_json(times.failed_at(now)),
        "payload": _payload(element),
        "exception": encode_json(clean(failure.exception)),
        "error": encode_json(clean(failure.error)),
        "backtrace": encode_json([clean(line) for line in failure.backtrace]),
        "worker": encode_json(clean(worker_id)),
        "queue": encode_json(clean(queue)),
    }
    return b"{" + b",".join(b'"%s":%s' % (k.encode(), v) for k, v in fields.items()) + b"}"


def _payload(element: bytes) -> bytes:
    """Return the element as it was if it is a job, else its text as a JSON string."""
    try:
        return Payload.decode(element).raw
    except DecodeError:
        return encode_json(element.decode("utf-8", "replace"))


def _class_name(error: BaseException) -> str:
    kind = type(error)
    name = getattr(kind, "resque_name", kind.__qualname__)
    return name if kind.__module__ == "builtins" or "::" in name else f"{kind.__module__}.{name}"


def _frames(trace: TracebackType | None, below: str) -> list[str]:
    """Return the frames, innermost first, as ``file:line:in `function'``."""
    frames: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == below:
            frames.clear()
        else:
            frames.append(f"{code.co_filename}:{trace.tb_lineno}:in `{code.co_qualname}'")
        trace = trace.tb_next
    return frames[::-1][:_MAX_FRAMES]


def clean(text: str) -> str:
    """Make text writable as UTF-8: a lone surrogate is shown as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()
