"""Looks at a daemon's processes every few milliseconds, and finds what must never be.

A look takes some time, in which a worker may go and its successor come. So what looks wrong
counts only if all who were counted are still there afterwards: then they were there together.
"""

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from tests.chaos.sizes import OVERLAP

#: Seconds between two looks.
PERIOD = 0.004
#: Seconds after which too few workers are a breach; building one takes longer in such a schedule.
DIP = 0.06
#: Seconds in which a job whose worker was killed must be gone.
STRAY = 1.0


class Kind(Enum):
    """What a process is, by its title and its parent."""

    UNTITLED = "untitled"  #: just forked: a worker, or a canary
    LISTENER = "listener"
    CANARY = "canary"
    STARTING = "starting"  #: a worker before it works
    WORKER = "worker"
    JOB = "job"
    PROBE = "probe"  #: whether the installed program could take over from the master
    STRANGER = "stranger"


_LISTENER = re.compile(r"resqued-\S+ listener #(\d+) \S+(?: \[v(\d+)\])?")
_CHAOS = re.compile(r"chaos worker (\d+) (\S+)")
_WAITING = re.compile(r"resque-\S+ Waiting for (\S+)")


@dataclass(eq=False)
class Seen:
    """One process, held by descriptors that are its own whatever becomes of its pid."""

    pid: int
    ppid: int
    since: float
    kind: Kind = Kind.UNTITLED
    version: int | None = None  #: of the file
    generation: int | None = None
    queues: frozenset[str] | None = None
    title: str = ""
    counted_at: float | None = None  #: when it was first counted as a worker
    orphaned_at: float | None = None  #: when it was first seen below the master itself
    files: dict[str, int] = field(default_factory=dict)

    def read(self, name: str) -> bytes:
        """Return one of the process's files in /proc; nothing if it has ended."""
        try:
            if name not in self.files:
                path = f"/proc/{self.pid}/task/{self.pid}/children" if name == "children" else ""
                self.files[name] = os.open(path or f"/proc/{self.pid}/{name}", os.O_RDONLY)
            return os.pread(self.files[name], 65536, 0)
        except OSError:
            return b""

    @property
    def is_alive(self) -> bool:
        """Whether it is there, and no zombie."""
        state = self.read("stat").rpartition(b") ")[2][:1]
        return state not in {b"", b"Z", b"X"}

    @property
    def children(self) -> list[int]:
        """The pids of its children."""
        return [int(pid) for pid in self.read("children").split()]

    def close(self) -> None:
        """Let go of it."""
        for descriptor in self.files.values():
            os.close(descriptor)
        self.files.clear()


#: What a file of this version asks for, in this generation; None: it is not known which that is.
Plans = Callable[[int, int | None], tuple[frozenset[str], ...]]


class Watcher:
    """The thread that looks. ``breaches`` is what it has found."""

    def __init__(self, master: int, plans: Plans) -> None:
        """``plans`` returns what the file of a version asks for, as it may be scaled."""
        self._plans = plans
        self._seen: dict[int, Seen] = {master: Seen(master, 0, time.monotonic())}
        self._master = self._seen[master]
        #: When a worker of which file and generation has come. Their plan counts for a while after
        #: that: a grant may be on its way to a listener while another generation becomes the owner.
        self._starts: list[tuple[float, int, int | None]] = []
        self._floor: tuple[int, float] | None = None  #: workers that must be, and since when not
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._present: list[Seen] = []
        self.breaches: list[str] = []
        self.looks = 0
        self.longest_look = 0.0
        self.least: int | None = None  #: working at the worst moment while there is a floor
        self.overlaps = 0  #: looks at which a killed worker's job ran on beside a full pool

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._is_over.set()
        self._thread.join()
        for seen in self._seen.values():
            seen.close()

    def present(self, *kinds: Kind) -> list[Seen]:
        """Return who was there at the last look."""
        return [seen for seen in self._present if seen.kind in kinds]

    def expect_at_least(self, count: int | None) -> None:
        """From now on so many workers must work at any time; None: no matter how many."""
        self._floor = None if count is None else (count, 0.0)

    def _run(self) -> None:
        while not self._is_over.wait(PERIOD):
            before = time.monotonic()
            try:
                self._look(before)
            except Exception as error:  # noqa: BLE001 - a thread's errors reach nobody else
                self.breaches.append(f"the watcher failed: {error!r}")
                return
            self.looks += 1
            self.longest_look = max(self.longest_look, time.monotonic() - before)

    # --- one look -------------------------------------------------------------------------

    def _look(self, now: float) -> None:
        present = list(self._walk(now))
        there = {seen.pid for seen in present} | {self._master.pid}
        for pid in [pid for pid in self._seen if pid not in there]:
            self._seen.pop(pid).close()
        self._present = present
        self._check_cap(now)
        self._check_floor(now)
        self._check_strays(now)

    def _walk(self, now: float) -> Iterator[Seen]:
        """Yield every living process below the master, once."""
        queue, known = [(self._master, pid) for pid in self._master.children], set()
        while queue:
            parent, pid = queue.pop()
            if pid in known:
                continue
            known.add(pid)
            seen = self._seen.get(pid)
            if seen is None:
                seen = self._seen[pid] = Seen(pid, parent.pid, now)
            if not seen.is_alive:
                continue
            self._name(seen, parent, now)
            yield seen
            if seen.kind in {Kind.LISTENER, Kind.WORKER, Kind.STARTING}:
                queue += [(seen, child) for child in seen.children]

    def _name(self, seen: Seen, parent: Seen, now: float) -> None:
        """Find out what it is; once that is known for good, it costs nothing."""
        if parent is self._master and seen.ppid != parent.pid and seen.orphaned_at is None:
            seen.orphaned_at = now
        is_known = seen.kind is Kind.JOB or (seen.kind is Kind.WORKER and seen.queues is not None)
        # What was never seen below its parent may be a job that has no title of its own yet.
        if is_known and seen.ppid != self._master.pid:
            return
        title = seen.read("cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
        if title in {seen.title, ""}:  # none: it is just leaving
            return
        seen.title = title
        seen.kind = self._kind(seen, parent)
        if seen.kind in {Kind.STARTING, Kind.WORKER}:
            self._assign(seen)
        if seen.kind in {Kind.STARTING, Kind.WORKER} and seen.counted_at is None:
            seen.counted_at = now

    def _kind(self, seen: Seen, parent: Seen) -> Kind:
        title = seen.title
        if parent.kind in {Kind.WORKER, Kind.STARTING}:
            return Kind.JOB
        if listener := _LISTENER.match(title):
            if seen.ppid != self._master.pid:
                return Kind.UNTITLED
            seen.generation = int(listener[1])
            seen.version = int(listener[2]) if listener[2] else None
            return Kind.LISTENER
        if chaos := _CHAOS.match(title):
            seen.version, seen.queues = int(chaos[1]), frozenset(chaos[2].split(","))
            return Kind.WORKER
        if title.startswith("chaos job"):
            return Kind.JOB
        return self._kind_of_others(seen, parent)

    def _kind_of_others(self, seen: Seen, parent: Seen) -> Kind:
        title = seen.title
        if "resqued.cli.resume --probe" in title:
            return Kind.PROBE
        if title.startswith("resqued-") or "resqued.cli.listener" in title:
            return Kind.CANARY if " canary" in title else Kind.LISTENER
        if re.match(r"resque-\S+ Starting", title):
            return Kind.STARTING
        if title.startswith("resque-"):
            if ": Processing" in title:
                return Kind.JOB
            if waiting := _WAITING.match(title):
                seen.queues = frozenset(waiting[1].split(","))
            return Kind.WORKER
        return Kind.STRANGER

    def _assign(self, worker: Seen) -> None:
        """Note whose a worker is, as far as it has not said that itself."""
        listener = self._seen.get(worker.ppid)
        if listener is not None:
            worker.generation = worker.generation or listener.generation
            worker.version = listener.version if worker.version is None else worker.version

    # --- the rules ------------------------------------------------------------------------

    def _check_cap(self, now: float) -> None:
        live = self.present(Kind.STARTING, Kind.WORKER)
        new = [seen for seen in live if seen.counted_at == now]
        if not new:
            return
        self._starts += [
            (now, seen.version, seen.generation) for seen in new if seen.version is not None
        ]
        self._starts = [start for start in self._starts if now - start[0] <= OVERLAP]
        plans = [self._plans(*whose) for whose in {start[1:] for start in self._starts}]
        if any(seen.version is None for seen in new) or not plans:
            return  # its listener died before anybody saw which file it had read
        self._require_at_most(live, max(map(len, plans)), "workers in all")
        jobs = [s for s in self.present(Kind.JOB) if s.orphaned_at is not None]
        self.overlaps += len(live) + len(jobs) > max(map(len, plans))
        by_queues = Counter(seen.queues for seen in live)
        for queues in {seen.queues for seen in new if seen.queues is not None}:
            most = max(plan.count(queues) for plan in plans)
            if by_queues[queues] > most:
                listed = [seen for seen in live if seen.queues == queues]
                self._require_at_most(listed, most, f"workers for {','.join(sorted(queues))}")

    def _require_at_most(self, counted: list[Seen], most: int, what: str) -> None:
        if len(counted) > most:
            still = [seen for seen in counted if seen.is_alive]
            if len(still) > most:
                self._breach(f"{len(still)} {what}, at most {most}", still)

    def _check_floor(self, now: float) -> None:
        if self._floor is None:
            return
        least, missing_since = self._floor
        working = len(self.present(Kind.WORKER))
        self.least = working if self.least is None else min(self.least, working)
        if working >= least:
            self._floor = least, 0.0
        elif not missing_since:
            self._floor = least, now
        elif now - missing_since > DIP:
            self._breach(f"{working} workers work, at least {least} should", self._present)
            self._floor = None

    def _check_strays(self, now: float) -> None:
        for seen in self._present:
            if seen.kind is Kind.JOB and seen.orphaned_at and now - seen.orphaned_at > STRAY:
                self._breach("a job goes on without its worker", [seen])
                seen.orphaned_at = None
            if seen.kind is Kind.STRANGER and now - seen.since > STRAY:
                self._breach("a stranger", [seen])
                seen.since = now + 3600

    def _breach(self, what: str, who: list[Seen]) -> None:
        names = [
            f"{s.pid}<{s.ppid} {s.kind.value} v{s.version} {','.join(sorted(s.queues or ()))}"
            f" {s.title[:60]!r}"
            for s in who
        ]
        self.breaches.append("\n    ".join([what, *names]))
