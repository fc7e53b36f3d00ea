"""What each process of a running pool is, told by its title and its parent's part."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from resqued.config.display import one_line

#: Characters of a title that are shown.
_LONGEST = 60
_OF_RESQUED = re.compile(r"resqued-\S+ (\w+)(?: (#\d+))?")
_OF_WORKER = re.compile(r"resque-\d\S*:? ")
#: What the title of a process of the daemon's own may say that it is, besides a listener.
_OWN = ("canary", "recovery", "guard", "health")


@dataclass(frozen=True, slots=True)
class Part:
    """What a process is in its pool."""

    role: str  #: master, listener, worker, job, canary, recovery, guard, health, or other
    name: str  #: for people, one line: the role, and which one of those it is


MASTER = Part("master", "master")


def parts(
    master: int, parents: Iterable[tuple[int, int]], titles: Mapping[int, str]
) -> Iterator[tuple[int, Part]]:
    """Yield the part of each pid, from pairs of pid and parent, parents before their children."""
    roles = {master: MASTER.role}
    for pid, parent in parents:
        part = _part(pid, titles.get(pid, ""), roles.get(parent, "other"))
        roles[pid] = part.role
        yield pid, part


def _part(pid: int, title: str, parent: str) -> Part:
    said = _OF_RESQUED.match(title)
    if said and said[1] == "listener" and said[2] and parent == "master":
        return Part("listener", f"listener {said[2]}")
    role = said[1] if said and said[1] in _OWN else _below(parent, title)
    told = _OF_WORKER.sub("", title, count=1)
    if role == "other":
        program, *arguments = told.split(" ")
        told = " ".join([os.path.basename(program), *arguments])
    return Part(role, one_line(f"{role} {pid}: {told}", _LONGEST))


def _below(parent: str, title: str) -> str:
    """Tell what a process is that does not say so itself."""
    if parent == "listener":
        return "worker"
    if parent == "master" and _OF_WORKER.match(title):
        return "worker"  # its listener is dead
    return "job" if parent in ("worker", "job") else "other"
