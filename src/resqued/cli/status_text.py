"""The status of a pool as a text for people; all that the application named is escaped."""

from collections.abc import Iterator, Mapping, Sequence

from resqued import wording
from resqued.cli.columns import to_left, to_right, width_of
from resqued.config.display import one_line
from resqued.control.status import (
    GenerationStatus,
    PoolStatus,
    WorkerState,
    WorkerStatus,
)
from resqued.process.memory import Memory
from resqued.wording import LONGEST, duration

_HEADERS = ("PID", "QUEUES", "STATE", "AGE", "JOBS", "PRIVATE", "SHARED", "ENDS")
_STATE = 2
#: Which columns are numbers, and stand to the right.
_RIGHT = (0, 3, 4, 5, 6)
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


def as_text(status: PoolStatus, memory: Mapping[int, Memory], *, coloured: bool) -> str:
    """Return the lines; ``memory`` is by pid, and may lack some."""
    return "\n".join(_lines(status, memory, coloured=coloured))


def _lines(status: PoolStatus, memory: Mapping[int, Memory], *, coloured: bool) -> Iterator[str]:
    master = status.master
    mode = _painted(master.mode, _GREEN if master.mode == "working" else _YELLOW, coloured)
    yield (
        f"{wording.who(master)}: {mode}, {wording.files(master)}"
        f"{wording.private_size(memory.get(master.pid))}"
    )
    for generation in status.generations:
        yield ""
        yield _painted(wording.heading(generation, memory), _BOLD, coloured)
        if generation.is_silent or generation.is_stale:
            yield _painted(wording.silence(generation), _RED, coloured)
        for line in wording.scaled(generation):
            yield _painted(line, _YELLOW, coloured)
        yield from _table(generation, memory, coloured=coloured)
    yield from _notes(status, coloured=coloured)


def _table(
    generation: GenerationStatus, memory: Mapping[int, Memory], *, coloured: bool
) -> Iterator[str]:
    if not generation.workers:
        return
    rows = [_HEADERS, *(_row(worker, memory) for worker in generation.workers)]
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    colours = [_BOLD, *(_COLOURS.get(worker.state, "") for worker in generation.workers)]
    for row, colour in zip(rows, colours, strict=True):
        cells = [
            to_right(cell, width) if number in _RIGHT else to_left(cell, width)
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
        one_line(",".join(worker.queues), LONGEST),
        wording.state(worker),
        "-" if worker.age is None else duration(worker.age),
        "-" if worker.jobs_done is None else str(worker.jobs_done),
        "-" if found is None else wording.megabytes(found.private),
        "-" if found is None else wording.megabytes(found.shared),
        wording.ends(worker),
    )


def _notes(status: PoolStatus, *, coloured: bool) -> Iterator[str]:
    ends, reload = status.listener_ends, status.reload
    if ends.count or reload is not None:
        yield ""
    if ends.count:
        yield _painted(wording.listener_ends(ends), _RED, coloured)
    if ends.backoff:
        yield f"The next listener may start in {duration(ends.backoff)}"
    if reload is not None:
        line = f"Last {wording.reload_line(reload)}"
        yield _painted(line, _RED if reload.outcome == "failed" else "", coloured)


def _painted(text: str, colour: str, coloured: bool) -> str:  # noqa: FBT001 - its own word says it
    return f"\x1b[{colour}m{text}\x1b[0m" if coloured and colour else text
