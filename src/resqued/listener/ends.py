"""What a worker's end is put down to: how it is counted, and how it is told."""

import logging
from dataclasses import dataclass
from enum import Enum

from resqued.listener.process import Process
from resqued.process.reaper import ExitStatus

log = logging.getLogger(__name__)


class EndKind(Enum):
    """Why a worker has ended, as it is counted."""

    TOLD = "told"  #: it was told to leave
    RECYCLED = "recycled"  #: it has left for a fresh one
    OVERDUE = "overdue"  #: it was ended, as its job took too long
    START_FAILED = "start_failed"  #: it could not be built
    KILLED = "killed"  #: by a signal
    EXITED = "exited"  #: by itself, whatever its status


@dataclass(frozen=True, slots=True)
class End:
    """The end of one worker."""

    kind: EndKind
    reason: str  #: the same in words; a traceback, if that is the reason


def end_of(process: Process, status: ExitStatus, *, was_told: bool, timeout: float | None) -> End:
    """Return why a worker has ended, of which the last words have been heard.

    ``was_told``: to leave, for whatever reason; ``timeout``: seconds that its jobs may take.
    """
    if process.overtime.is_terminated:
        return End(EndKind.OVERDUE, f"a job took more than {timeout:g} s")
    if was_told:
        return End(EndKind.TOLD, "told to leave")
    if process.recycled is not None:
        kind = EndKind.RECYCLED
    elif process.failure is not None:
        kind = EndKind.START_FAILED
    else:
        kind = EndKind.EXITED if status.signal is None else EndKind.KILLED
    return End(kind, process.recycled or process.failure or str(status))


def log_end(
    status: ExitStatus, queues: tuple[str, ...], *, expected: bool, pause: float, is_last: bool
) -> None:
    """Log a worker's end, with the seconds until the next may start, unless it is the last."""
    then = "" if expected or is_last else f"; next start in {pause:.0f} s"
    log.log(
        logging.INFO if expected else logging.WARNING,
        "Worker %d for %s ended: %s%s",
        status.pid,
        ",".join(queues),
        status,
        then,
        extra={
            "event": "worker_ended",
            "worker": status.pid,
            "queues": queues,
            "status": str(status),
            "expected": expected,
            "pause": pause,
        },
    )
