"""The memory of some processes, as a table and as JSON."""

import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields

from resqued.cli.columns import to_left, to_right, width_of
from resqued.process.memory import Memory

_MB = 2**20
_HEADERS = ("MB", "PSS", "owned", "shared")
#: Whose memory is compared with that of workers which would share nothing.
_SHARING = ("listener", "worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One process and its memory."""

    role: str  #: one word: master, listener, worker, ...
    name: str  #: the role, and which one of those it is
    pid: int
    memory: Memory


@dataclass(frozen=True, slots=True)
class Footprint:
    """All processes of a pool that were measured together."""

    processes: Sequence[Measured]

    @property
    def workers(self) -> list[Memory]:
        """The memory of each worker."""
        return [each.memory for each in self.processes if each.role == "worker"]

    @property
    def unshared(self) -> int:
        """Bytes that the workers would own if they shared nothing."""
        return sum(memory.rss for memory in self.workers)

    @property
    def taken(self) -> int:
        """Bytes that the workers, and the listeners that they share with, really take."""
        return sum(each.memory.pss for each in self.processes if each.role in _SHARING)


def as_json(footprint: Footprint) -> str:
    """Return everything in bytes, as one JSON document."""
    workers = footprint.workers
    content: dict[str, object] = {
        "processes": [
            {"role": each.role, "name": each.name, "pid": each.pid, **_sizes(each.memory)}
            for each in footprint.processes
        ],
        "workers": {
            "count": len(workers),
            "sum": _sizes(_combined(workers, sum)),
            "median": _sizes(_combined(workers, statistics.median)) if workers else None,
            "unshared": footprint.unshared,
            "taken_with_listeners": footprint.taken,
        },
    }
    return json.dumps(content, indent=2)


def as_text(footprint: Footprint) -> str:
    """Return a table in MB, and a line that says what sharing saves."""
    rows = [(each.name, *_cells(each.memory)) for each in footprint.processes]
    workers = footprint.workers
    if len(workers) > 1:
        rows.append((f"all {len(workers)} workers", *_cells(_combined(workers, sum))))
        rows.append(("median worker", *_cells(_combined(workers, statistics.median))))
    lines = list(_aligned([_HEADERS, *rows]))
    if workers:
        lines.append(_verdict(footprint))
    return "\n".join(lines)


def _verdict(footprint: Footprint) -> str:
    saved = footprint.unshared - footprint.taken
    return (
        f"If they shared nothing, the workers would own {_mb(footprint.unshared)} MB; with their"
        f" listener they take {_mb(footprint.taken)} MB (PSS): sharing saves"
        f" {_mb(saved) + ' MB' if saved > 0 else 'nothing, with so few workers'}."
    )


def _sizes(memory: Memory) -> dict[str, int]:
    sizes = asdict(memory)
    return {"owned" if name == "private" else name: size for name, size in sizes.items()}


def _combined(memories: Sequence[Memory], how: Callable[[list[int]], float]) -> Memory:
    """Return a memory whose every size is the sum of these, or whatever else ``how`` makes."""
    return Memory(
        **{
            field.name: int(how([getattr(memory, field.name) for memory in memories]))
            for field in fields(Memory)
        }
    )


def _cells(memory: Memory) -> tuple[str, str, str]:
    return _mb(memory.pss), _mb(memory.private), _mb(memory.shared)


def _mb(size: int) -> str:
    return f"{size / _MB:.1f}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a line for each row: names to the left, numbers to the right."""
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    for name, *numbers in rows:
        cells = [to_right(number, width) for number, width in zip(numbers, widths[1:], strict=True)]
        yield "  ".join([to_left(name, widths[0]), *cells])
