"""Every message between master and listener, and its line on the socket.

A line is a JSON object with ``v``, the protocol's version as "major.minor", ``type``, and the
message's fields. A newer minor version may add types and fields, which an older reader passes
over, so a master and the listener of the next deploy understand each other.
"""

import json
import typing
from dataclasses import asdict, dataclass

from resqued.errors import ResquedError
from resqued.figures import Figures
from resqued.typed import from_json

#: Changes when an older reader would misunderstand a line.
MAJOR = 1
#: Changes when a type or a field is added that an older reader can pass over.
MINOR = 2


class MalformedMessageError(ResquedError):
    """Raised for a line that is no message of this protocol."""

    def __init__(self, line: bytes, reason: str) -> None:
        super().__init__(f"{reason}: {line[:200]!r}")


class ForeignMessageError(ResquedError):
    """Raised for a line of another major version, of which nothing can be understood."""

    def __init__(self, major: int) -> None:
        super().__init__(f"protocol {major}, this process speaks {MAJOR}")
        self.major = major


@dataclass(frozen=True, slots=True)
class Boot:
    """Master to a new listener, first of all: what it needs to know to start."""

    generation: int
    file_limit: int  #: how many open files a worker may have, whatever the master allows itself
    paths: tuple[str, ...]  #: the config files as the command line named them
    folder: str  #: the working directory, which those paths are relative to
    log_path: str | None  #: None: standard output
    log_format: str = "text"  #: or json; one that is not known is text


@dataclass(frozen=True, slots=True)
class Grant:
    """Master to listener: the worker of this slot may be started now."""

    slot: int


@dataclass(frozen=True, slots=True)
class Watched:
    """Master to listener: the kernel tells me of this pid's end; reap it when you like."""

    pid: int


@dataclass(frozen=True, slots=True)
class Retire:
    """Master to listener: have this slot's worker leave when its job is done.

    The slot asks again afterwards, and waits: another generation may have its place.
    """

    slot: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Master to listener: are you there? Answered by Pong."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Master to listener: how many workers of other generations are alive, for its title."""

    workers: int


@dataclass(frozen=True, slots=True)
class Kill:
    """Master to listener: kill what still runs (SIGKILL); the time to stop is over."""


@dataclass(frozen=True, slots=True)
class Look:
    """Master to listener: somebody wants to know what your workers do. Answered by Seen."""

    number: int  #: comes back in the answer
    wants_figures: bool = False  #: whether Counted is to come before that


@dataclass(frozen=True, slots=True)
class ReopenLog:
    """Master to listener: see whether the log file was moved, before your next line."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Master to listener: this pool is to have so many workers from now on. Answered by Scaled."""

    pool: str
    size: int


@dataclass(frozen=True, slots=True)
class PoolSlots:
    """One pool of the config files, and its slots."""

    name: str
    size: int  #: by the files
    slots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Listener to master: the config files have been read and ask for these workers."""

    workers: tuple[tuple[str, ...], ...]  #: the queues of each slot, in order
    boot_timeout: float | None  #: seconds; None: the files do not say
    stop_timeout: float  #: seconds
    version: str | None = None  #: of the installed resqued; None: one that does not know Look
    pools: tuple[PoolSlots, ...] | None = None  #: None: one that does not know Scale


@dataclass(frozen=True, slots=True)
class BootFailed:
    """Listener to master: this generation cannot run, and why."""

    reason: str
    is_config_unreadable: bool  #: the files themselves; otherwise the application's code


@dataclass(frozen=True, slots=True)
class Proved:
    """Listener to master: everything is loaded, and a canary has got through its hooks."""

    app_version: str | None


@dataclass(frozen=True, slots=True)
class Pong:
    """Listener to master: my loop turns."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Listener to master: this slot wants to start a worker. Answered by Grant, some time."""

    slot: int


@dataclass(frozen=True, slots=True)
class Started:
    """Listener to master: the granted worker has been forked. Answered by Watched."""

    slot: int
    pid: int


@dataclass(frozen=True, slots=True)
class NotStarted:
    """Listener to master: the grant was not used; the slot asks again when it can."""

    slot: int


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """Listener to master: this worker was built, its hooks ran, and it works from now on."""

    slot: int
    pid: int


@dataclass(frozen=True, slots=True)
class Scaled:
    """Listener to master: a pool has another size now, so these are the slots.

    The number of a slot means the same queues of the same pool for ever.
    """

    pool: str
    size: int
    workers: tuple[tuple[str, ...] | None, ...]  #: the queues of each slot; None: wants no worker
    slots: tuple[int, ...]  #: the pool's, those included that want no worker


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSight:
    """What a listener sees of one slot; times in seconds."""

    slot: int
    pid: int  #: its worker's; 0: there is none
    age: float | None  #: since its worker was forked
    reports_jobs: bool  #: whether its worker tells of its jobs, so that none told of means none
    job: str | None  #: the name of the job in hand
    job_age: float | None
    jobs_done: int  #: by this worker
    restarts: int  #: workers that have ended here
    last_end: str | None  #: why the last of them has
    backoff: float | None  #: until the next may start; None: that is not what it waits for


@dataclass(frozen=True, slots=True)
class QueueServer:
    """On which server a worker's jobs are, as it has said itself."""

    url: str  #: with its password
    namespace: str
    failures: str  #: the backend that has the failure records; empty: none that can be read


@dataclass(frozen=True, slots=True)
class Seen:
    """Listener to master: what the workers do."""

    number: int  #: which Look this answers
    slots: tuple[SlotSight, ...]
    server: QueueServer | None = None  #: of one of its workers, if any has told


@dataclass(frozen=True, slots=True)
class Counted:
    """Listener to master: all that was counted since this listener began; also its last word."""

    figures: Figures


Message = (
    Boot
    | Grant
    | Watched
    | Retire
    | Ping
    | Elsewhere
    | Kill
    | Look
    | ReopenLog
    | Scale
    | Loaded
    | BootFailed
    | Proved
    | Pong
    | Ask
    | Started
    | NotStarted
    | WorkerReady
    | Seen
    | Counted
    | Scaled
)

_TYPES: dict[str, type[Message]] = {cls.__name__: cls for cls in typing.get_args(Message)}


def encode(message: Message) -> bytes:
    """Return the message's line, newline included."""
    content = {"v": f"{MAJOR}.{MINOR}", "type": type(message).__name__, **asdict(message)}
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def parse(line: bytes) -> Message | None:
    """Return the message of one line; None for a type that a newer minor version has added.

    Raises MalformedMessageError and ForeignMessageError.
    """
    try:
        content = json.loads(line)
        major = int(content["v"].partition(".")[0])
        kind = _TYPES.get(content["type"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MalformedMessageError(line, "not a message") from error
    if major != MAJOR:
        raise ForeignMessageError(major)
    if kind is None:
        return None
    try:
        return from_json(kind, content)
    except (KeyError, TypeError, OverflowError) as error:
        raise MalformedMessageError(line, f"a wrong {kind.__name__}") from error
