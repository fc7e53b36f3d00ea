"""What a status says, in words for people; all that the application named is escaped."""

from collections.abc import Iterator, Mapping

from resqued.config.display import one_line
from resqued.control.status import (
    GenerationStatus,
    ListenerEnds,
    MasterStatus,
    ReloadStatus,
    WorkerState,
    WorkerStatus,
)
from resqued.process.memory import Memory

#: Characters of queues, of a job's name and of a reason that are shown.
LONGEST = 40
_MB = 2**20
#: How long a size holds that a pool was scaled to. A generation that is replaced says nothing.
_SCALED = {
    "owner": "is scaled {sizes} until the next reload",
    "fallback": "is scaled {sizes} until the next reload",
    "orphaned": "was scaled {sizes} until its listener ended",
}
_AT_WORK = (WorkerState.IDLE.value, WorkerState.READY.value, WorkerState.BUSY.value)


def duration(seconds: float) -> str:
    """Return seconds as people say them, in no more than two units."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    for size, unit, smaller, smaller_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // smaller}{smaller_unit}"
    return f"{whole // 60}m{whole % 60}s" if whole >= 60 else f"{whole}s"


def who(master: MasterStatus) -> str:
    """Return which master it is."""
    return f"resqued {one_line(master.version)} (pid {master.pid})"


def files(master: MasterStatus) -> str:
    """Return which config files it has been started with."""
    return f"{one_line(' '.join(master.paths))} in {one_line(master.folder)}"


def heading(generation: GenerationStatus, memory: Mapping[int, Memory]) -> str:
    """Return a line about a generation as a whole; ``memory`` is by pid, and may lack some."""
    parts = [f"Generation {generation.number}: {generation.state} for {duration(generation.age)}"]
    if generation.configured is not None:
        parts.append(f"{at_work(generation)} of {generation.configured} workers at work")
    if generation.app_version is not None:
        parts.append(f"app {one_line(generation.app_version, LONGEST)}")
    if generation.listener is not None:
        version = "" if generation.version is None else f", resqued {one_line(generation.version)}"
        size = private_size(memory.get(generation.listener))
        parts.append(f"listener {generation.listener}{version}{size}")
    return "; ".join(parts)


def silence(generation: GenerationStatus) -> str:
    """Return what is not known of a generation that is silent or stale, and why."""
    if generation.is_silent:
        return (
            "Its listener has not answered for long: what its workers do is not known, and those"
            " that end are not replaced"
        )
    return "Its listener did not answer now: what its workers do is not known"


def scaled(generation: GenerationStatus) -> Iterator[str]:
    """Yield a line for each pool that has another size than its files say, and how long for."""
    how = _SCALED.get(generation.state)
    for pool in generation.pools or ():
        if pool.size != pool.configured and how is not None:
            sizes = f"from {pool.configured} to {pool.size}"
            yield f"Pool {one_line(pool.name, LONGEST)} {how.format(sizes=sizes)}"


def listener_ends(ends: ListenerEnds) -> str:
    """Return how many listeners have ended untold, if any have, and how the last one has."""
    return (
        f"{ends.count} listener{'s' * (ends.count > 1)} ended untold or could not start, last"
        f" that of generation {ends.generation}: {one_line(ends.last_end or 'unknown', LONGEST)}"
    )


def reload_line(reload: ReloadStatus) -> str:
    """Return in one line what became of a reload."""
    what = {
        "loading": f"generation {reload.generation} loads",
        "moving": f"workers move to generation {reload.generation}",
        "done": f"generation {reload.generation} has taken over after {duration(reload.took or 0)}",
        "failed": f"failed: {_reason(reload)}",
        "abandoned": f"abandoned: {_reason(reload)}",
    }.get(reload.outcome, reload.outcome)
    return f"reload {reload.number}, {duration(reload.age)} ago: {what}"


def state(worker: WorkerStatus) -> str:
    """Return what is the case in a worker's place, its job with it."""
    if worker.job is not None:
        job = one_line(worker.job, LONGEST)
        since = "" if worker.job_age is None else f" for {duration(worker.job_age)}"
        return f"{worker.state}: {job}{since}"
    if worker.backoff is not None:
        return f"{worker.state}, {duration(worker.backoff)} left"
    return worker.state


def ends(worker: WorkerStatus) -> str:
    """Return how many workers have ended in a place, and why the last one has."""
    if not worker.restarts:
        return "-"
    why = "" if worker.last_end is None else f": {one_line(worker.last_end, LONGEST)}"
    return f"{worker.restarts}{why}"


def at_work(generation: GenerationStatus) -> int:
    """Return how many of its workers work, or wait for a job; not those that are too many."""
    return sum(worker.state in _AT_WORK and not worker.is_surplus for worker in generation.workers)


def private_size(memory: Memory | None) -> str:
    """Return what a process has for itself, as the end of a line; nothing if it is not known."""
    return "" if memory is None else f", {megabytes(memory.private)} private"


def megabytes(size: int) -> str:
    """Return bytes in units of 2**20, called M."""
    return f"{size / _MB:.1f}M"


def several_lines(text: str) -> str:
    """Return a text, a traceback say, with nothing in it that moves the cursor but by its lines."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def _reason(reload: ReloadStatus) -> str:
    """Return the last line of a reason: a traceback ends with what was raised."""
    lines = (reload.reason or "").strip().splitlines()
    return one_line(lines[-1], 200) if lines else "the reason is not known"
