"""What the jobs of every contender do."""

import os
import time

#: The one queue, by its contender's own idea of a name.
QUEUE = "bench"
#: Seconds that a job holds its worker at most, and between two looks at who else has come.
_PATIENCE = 60.0
_PERIOD = 0.05


def noop() -> None:
    """Do nothing: the cost of a job is then its worker's alone."""


def note(sent: int, path: str) -> None:
    """Append when the job was sent and when it was started, both by the machine's one clock."""
    started = time.monotonic_ns()
    append(path, f"{sent} {started}\n")


def hold(path: str, count: int) -> None:
    """Append when the job was started, and keep the worker until ``count`` jobs have done so.

    No worker can take two of these jobs at once, so that many workers work when they all are there.
    """
    append(path, f"{time.monotonic_ns()}\n")
    deadline = time.monotonic() + _PATIENCE
    while count_lines(path) < count and time.monotonic() < deadline:
        time.sleep(_PERIOD)


def append(path: str, line: str) -> None:
    """Append by one write, which others cannot cut in two."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def count_lines(path: str) -> int:
    """Return how many lines the file has, 0 if it is not there yet."""
    try:
        with open(path, "rb") as notes:
            return notes.read().count(b"\n")
    except FileNotFoundError:
        return 0


#: By the names that producers and workers use.
ALL = {"noop": noop, "note": note, "hold": hold}
