"""Who descends from whom, read from /proc (Linux); elsewhere nobody has descendants."""

import os
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Descendant:
    """A process somewhere below another one, ended ones that nobody has reaped included."""

    pid: int
    parent: int


def descendants(pid: int) -> list[Descendant]:
    """Return all that descend from a process: each is followed by its own, oldest pid first.

    As of one look, which is not one moment: who comes or goes meanwhile may be missing.
    """
    return list(_below(pid, _children()))


def children(pid: int) -> list[int]:
    """Return the pids of a process's children."""
    return _children().get(pid, [])


def _below(pid: int, children: dict[int, list[int]]) -> Iterator[Descendant]:
    # Taken out, so that a pid given out anew during the look cannot make it go in circles.
    for child in children.pop(pid, []):
        yield Descendant(child, pid)
        yield from _below(child, children)


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for pid in sorted(int(name) for name in _listed("/proc") if name.isdigit()):
        parent = _parent(pid)
        if parent is not None:
            found.setdefault(parent, []).append(pid)
    return found


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []  # no /proc here


def _parent(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name, in parentheses, may hold anything (proc(5)).
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return None  # it is gone
