"""What an ``after_exit`` hook learns of a worker that has ended."""

from dataclasses import dataclass

from resqued.process.reaper import ExitStatus


@dataclass(frozen=True, slots=True)
class WorkerSummary:
    """One worker's life, from its fork to its end."""

    queues: tuple[str, ...]
    alive_time_sec: float
    process_status: ExitStatus
