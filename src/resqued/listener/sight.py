"""What can be seen of a slot from outside, as its listener tells the master."""

from resqued.config.display import one_line
from resqued.ipc.messages import SlotSight
from resqued.listener.slots import WorkerSlot

#: Characters of a reason that are told; its end says what is wrong.
_LONGEST = 200


def sight_of(slot: WorkerSlot) -> SlotSight:
    """Return what is the case in a slot at this moment; a canary is not seen."""
    process = slot.process if slot.is_occupied else None
    job = process.job if process is not None else None
    begun = process.gate.board.begun if process is not None else 0
    return SlotSight(
        slot=slot.number,
        pid=0 if process is None else process.pid,
        age=None if process is None else slot.seconds_since(process.started_at),
        reports_jobs=process is not None and (begun > 0 or process.announces),
        job=None if job is None else job.name,
        job_age=None if job is None else slot.seconds_since(job.since),
        jobs_done=max(0, begun - (job is not None)),
        restarts=slot.restarts,
        last_end=None if slot.last_end is None else _last_line(slot.last_end.reason),
        backoff=slot.due_in or None,
    )


def _last_line(reason: str) -> str:
    """Return the line of a reason that says most: a traceback ends with what was raised."""
    lines = reason.strip().splitlines()
    return one_line(lines[-1], _LONGEST) if lines else ""
