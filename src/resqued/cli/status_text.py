"""The status of a pool as a text for people; all that the application named is escaped."""

from collections.abc import Iterator, Mapping, Sequence

from resqued.config.display import one_line
from resqued.control.status import (
    GenerationStatus,
    PoolStatus,
    ReloadStatus,
    WorkerState,
    WorkerStatus,
)
from resqued.process.memory import Memory

_MB = 2**20
_HEADERS = ("PID", "QUEUES", "STATE", "AGE", "JOBS", "PRIVATE", "SHARED", "ENDS")
_STATE = 2
#: Which columns are numbers, and stand to the right.
_RIGHT = (0, 3, 4, 5, 6)
#: Characters of queues, of a job's name and of a reason that are shown.
_LONGEST = 40
#: Escapes of a terminal (SGR): what is well, what is on its way, what is wrong, what is a heading.
_GREEN, _YELLOW, _RED, _BOLD = "32", "33", "31", "1"
_COLOURS = {
    WorkerState.IDLE.value: _GREEN,
    WorkerState.READY.value: _GREEN,
    WorkerState.BUSY.value: _GREEN,
    WorkerState.STARTING.value: _YELLOW,
    WorkerState.WAITING.value: _YELLOW,
    WorkerState.LEAVING.value: _YELLOW,
    WorkerState.BACKOFF.value: _RED,
}
_AT_WORK = (WorkerState.IDLE.value, WorkerState.READY.value, WorkerState.BUSY.value)


def as_text(status: PoolStatus, memory: Mapping[int, Memory], *, coloured: bool) -> str:
    """Return the lines; ``memory`` is by pid, and may lack some."""
    return "\n".join(_lines(status, memory, coloured=coloured))


def duration(seconds: float) -> str:
    """Return seconds as people say them, in no more than two units."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    for size, unit, smaller, smaller_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // smaller}{smaller_unit}"
    return f"{whole // 60}m{whole % 60}s" if whole >= 60 else f"{whole}s"


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


def _lines(status: PoolStatus, memory: Mapping[int, Memory], *, coloured: bool) -> Iterator[str]:
    master = status.master
    mode = _painted(master.mode, _GREEN if master.mode == "working" else _YELLOW, coloured)
    paths = one_line(" ".join(master.paths))
    yield (
        f"resqued {one_line(master.version)} (pid {master.pid}): {mode}, {paths}"
        f" in {one_line(master.folder)}{_sizes(memory.get(master.pid))}"
    )
    for generation in status.generations:
        yield ""
        yield _painted(_heading(generation, memory), _BOLD, coloured)
        if generation.is_silent or generation.is_stale:
            yield _painted(_silence(generation), _RED, coloured)
        for line in _scaled(generation):
            yield _painted(line, _YELLOW, coloured)
        yield from _table(generation, memory, coloured=coloured)
    yield from _notes(status, coloured=coloured)


def _heading(generation: GenerationStatus, memory: Mapping[int, Memory]) -> str:
    at_work = sum(w.state in _AT_WORK and not w.is_surplus for w in generation.workers)
    parts = [f"Generation {generation.number}: {generation.state} for {duration(generation.age)}"]
    if generation.configured is not None:
        parts.append(f"{at_work} of {generation.configured} workers at work")
    if generation.app_version is not None:
        parts.append(f"app {one_line(generation.app_version, _LONGEST)}")
    if generation.listener is not None:
        version = "" if generation.version is None else f", resqued {one_line(generation.version)}"
        sizes = _sizes(memory.get(generation.listener))
        parts.append(f"listener {generation.listener}{version}{sizes}")
    return "; ".join(parts)


def _silence(generation: GenerationStatus) -> str:
    how = "has not answered for long" if generation.is_silent else "did not answer now"
    return f"Its listener {how}: what its workers do is not known"


def _scaled(generation: GenerationStatus) -> Iterator[str]:
    """Yield a line for each pool that has another size than its files say."""
    for pool in generation.pools or ():
        if pool.size != pool.configured:
            sizes = f"from {pool.configured} to {pool.size}"
            yield f"Pool {one_line(pool.name, _LONGEST)} is scaled {sizes} until the next reload"


def _table(
    generation: GenerationStatus, memory: Mapping[int, Memory], *, coloured: bool
) -> Iterator[str]:
    if not generation.workers:
        return
    rows = [_HEADERS, *(_row(worker, memory) for worker in generation.workers)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    colours = [_BOLD, *(_COLOURS.get(worker.state, "") for worker in generation.workers)]
    for row, colour in zip(rows, colours, strict=True):
        cells = [
            cell.rjust(width) if number in _RIGHT else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        if colour:
            for number in range(len(cells)) if colour == _BOLD else (_STATE,):
                cells[number] = _painted(cells[number], colour, coloured)
        yield "  ".join(cells).rstrip()


def _row(worker: WorkerStatus, memory: Mapping[int, Memory]) -> Sequence[str]:
    found = memory.get(worker.pid) if worker.pid is not None else None
    return (
        str(worker.pid or "-"),
        one_line(",".join(worker.queues), _LONGEST),
        _state(worker),
        "-" if worker.age is None else duration(worker.age),
        "-" if worker.jobs_done is None else str(worker.jobs_done),
        "-" if found is None else _mb(found.private),
        "-" if found is None else _mb(found.shared),
        _ends(worker),
    )


def _state(worker: WorkerStatus) -> str:
    if worker.job is not None:
        job = one_line(worker.job, _LONGEST)
        since = "" if worker.job_age is None else f" for {duration(worker.job_age)}"
        return f"{worker.state}: {job}{since}"
    if worker.backoff is not None:
        return f"{worker.state}, {duration(worker.backoff)} left"
    return worker.state


def _ends(worker: WorkerStatus) -> str:
    if not worker.restarts:
        return "-"
    why = "" if worker.last_end is None else f": {one_line(worker.last_end, _LONGEST)}"
    return f"{worker.restarts}{why}"


def _notes(status: PoolStatus, *, coloured: bool) -> Iterator[str]:
    ends, reload = status.listener_ends, status.reload
    if ends.count or reload is not None:
        yield ""
    if ends.count:
        line = (
            f"{ends.count} listener{'s' * (ends.count > 1)} ended untold or could not start, last"
            f" that of generation {ends.generation}:"
            f" {one_line(ends.last_end or 'unknown', _LONGEST)}"
        )
        yield _painted(line, _RED, coloured)
    if ends.backoff:
        yield f"The next listener may start in {duration(ends.backoff)}"
    if reload is not None:
        line = f"Last {reload_line(reload)}"
        yield _painted(line, _RED if reload.outcome == "failed" else "", coloured)


def _painted(text: str, colour: str, coloured: bool) -> str:  # noqa: FBT001 - its own word says it
    return f"\x1b[{colour}m{text}\x1b[0m" if coloured and colour else text


def _reason(reload: ReloadStatus) -> str:
    """Return the last line of a reason: a traceback ends with what was raised."""
    lines = (reload.reason or "").strip().splitlines()
    return one_line(lines[-1], 200) if lines else "the reason is not known"


def _sizes(memory: Memory | None) -> str:
    return "" if memory is None else f", {_mb(memory.private)} private"


def _mb(size: int) -> str:
    return f"{size / _MB:.1f}M"
