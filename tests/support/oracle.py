"""What master, listeners and workers must never do, seen from outside (docs/processes.md).

It keeps books of its own from what passes over the sockets and what the kernel does, and asks the
code under test for nothing but who the owner is.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from signal import Signals

from resqued.ipc import messages
from resqued.master.app import Master
from resqued.master.commands import Mode
from tests.support.simulated import Process, Stage, World

#: Seconds after which a worker that was told to leave is known to be in a job.
BUSY_AFTER = 1.0

QueueSet = frozenset[str]


class Breach(AssertionError):  # noqa: N818 - it is what was found
    """Raised where a rule is broken."""


@dataclass(slots=True)
class Entry:
    """A worker that counts, in the oracle's books."""

    generation: int
    slot: int
    queues: frozenset[str]
    process: Process | None = None  #: once forked
    is_reported: bool = False  #: whether the master knows its pid
    is_ready: bool = False
    told_at: float | None = None

    def is_serving(self, now: float) -> bool:
        """Whether it works for all that the master can know."""
        if self.told_at is not None:
            return now - self.told_at >= BUSY_AFTER
        return self.is_ready


class Oracle:
    """Raises Breach as soon as a rule is broken."""

    def __init__(self, world: World, master: Master) -> None:
        self._world = world
        self._master = master
        self._books: dict[tuple[int, int], Entry] = {}
        self._proved: set[int] = set()
        self._gone: set[int] = set()  #: generations whose listener the master has lost, or stopped
        self._gone_before: set[int] = set()  #: the same at the last look
        self._untold_ends: Counter[int] = Counter()
        self._former_owner: int | None = None
        #: What the slots of a generation are since it was scaled, as the master has heard.
        self._slots: dict[int, list[QueueSet | None]] = {}
        self._known: dict[int, dict[int, QueueSet | None]] = {}  #: what each slot has ever been

    def master_says(self, generation: int, message: messages.Message) -> None:
        """Check what the master orders."""
        match message:
            case messages.Grant(slot):
                self._granted(generation, slot)
            case messages.Retire(slot):
                self._told(self._books[generation, slot])
            case messages.Scale(_, size):
                _require(generation == self._owner, "%d is scaled, and not the owner", generation)
                self._listener(generation).size = size
            case _:
                pass

    def master_hears(self, generation: int, message: messages.Message) -> None:
        """Note what the master learns."""
        match message:
            case messages.Proved():
                self._proved.add(generation)
            case messages.Started(slot, pid):
                entry = self._books[generation, slot]
                entry.is_reported = True
                if self._world.processes[pid].is_reaped:
                    del self._books[generation, slot]
            case messages.NotStarted(slot):
                entry = self._books[generation, slot]
                _require(entry.process is None, "a worker was given back that was forked")
                del self._books[generation, slot]
            case messages.WorkerReady(slot):
                if entry := self._books.get((generation, slot)):
                    entry.is_ready = True
            case messages.Scaled(_, _, workers):
                self._slots[generation] = _slots(workers)
            case _:
                pass

    def listener_says(self, listener: Process, message: messages.Message) -> None:
        """Check that what a listener says is true."""
        match message:
            case messages.Proved():
                canaries = [w for w in self._world.workers if w.parent is listener]
                ready = all(w.stage is Stage.WAITING or w.gate.lines for w in canaries)
                empty = listener.file is not None and not listener.file.lists
                _require(empty or (bool(canaries) and ready), "proved without a proof")
            case messages.Started(slot, pid):
                entry = self._books[listener.generation, slot]
                worker = self._world.processes[pid]
                _require(entry.process is None, "one grant was used twice")
                _require(worker.queues == entry.queues, "a worker of other queues was started")
                entry.process, worker.is_canary = worker, False
            case messages.Scaled():
                self._scaled(listener, message)
            case _:
                pass

    def is_surplus(self, worker: Process) -> bool:
        """Whether a worker of the owner's is in a slot that wants none any more."""
        owner = self._owner
        entries = (e for e in self._books.values() if e.process is worker)
        return any(e.generation == owner and self._plan()[e.slot] is None for e in entries)

    def _scaled(self, listener: Process, message: messages.Scaled) -> None:
        """As many slots of each list as the new size asks for, and none is ever another."""
        assert listener.file is not None
        number, file = listener.generation, listener.file
        slots, wanted = _slots(message.workers), _slots(file.scaled(message.size))
        _require(
            Counter(filter(None, slots)) == Counter(wanted), "scaled to %s, not %s", slots, wanted
        )
        singles = len(file.singles)
        _require(slots[:singles] == wanted[:singles], "a slot of no pool was changed")
        known = self._known.setdefault(number, dict(enumerate(_slots(file.lists))))
        _require(len(slots) >= len(known), "slots were forgotten")
        for slot, queues in enumerate(slots):
            former = known.setdefault(slot, queues)
            _require(queues in (None, former), "slot %d was %s, is %s", slot, former, queues)
        self._see_kept(listener, slots, Counter(wanted[singles:]))

    def _see_kept(
        self, listener: Process, slots: list[QueueSet | None], wanted: Counter[QueueSet]
    ) -> None:
        """Of those that work in a pool's slots, as many keep theirs as the new size has use for."""
        assert listener.file is not None
        first = len(listener.file.singles)
        # A listener takes a worker for alive that it has not reaped, whoever knows better.
        unsure = {p.queues for p in self._world.processes.values() if _is_unreaped(p, listener)}
        working = [
            entry
            for entry in self._books.values()
            if entry.generation == listener.generation and entry.slot >= first and _works(entry)
        ]
        for queues, count in wanted.items():
            fit = [entry for entry in working if entry.queues == queues]
            kept = sum(slots[entry.slot] is not None for entry in fit)
            _require(queues in unsure or kept == min(count, len(fit)), "%d of %s kept", kept, fit)

    def master_signals(self, process: Process, number: Signals) -> None:
        """Check whom the master signals, and note who has been told to leave by that."""
        if process.end is not None:
            self._listener_signalled(process, number)
            return
        entry = next(e for e in self._books.values() if e.process is process)
        if self._is_working:
            _require(number is Signals.SIGQUIT, "a worker got %s untold", number)
            if entry.told_at is None:
                self._told(entry)
        elif entry.told_at is None:
            entry.told_at = self._world.time

    def _listener_signalled(self, listener: Process, number: Signals) -> None:
        if number in {Signals.SIGKILL, Signals.SIGCONT}:
            return
        if not self._is_working:
            self._gone.add(listener.generation)
        for entry in self._books.values():
            if entry.generation == listener.generation and entry.told_at is None:
                _require(not self._is_working, "a listener was stopped that has workers: %s", entry)
                entry.told_at = self._world.time

    def master_notices(self, worker: Process) -> None:
        """Note that the kernel has told the master of a worker's end."""
        for key, entry in list(self._books.items()):
            if entry.process is worker:
                del self._books[key]
                if entry.told_at is None:
                    self._untold_ends[entry.generation] += 1

    def master_reaped(self, process: Process) -> None:
        """Note that a listener is gone, and with it what it was granted and did not report."""
        if process.end is None:
            return
        self._gone.add(process.generation)
        for key, entry in list(self._books.items()):
            if entry.generation == process.generation and not entry.is_reported:
                del self._books[key]

    # --- the rules ------------------------------------------------------------------------

    def _granted(self, generation: int, slot: int) -> None:
        """The cap, in the books and in truth."""
        plan = [queues for queues in self._plan() if queues is not None]
        queues = self._plan()[slot]
        assert queues is not None
        _require(
            generation == self._owner, "%d was granted a start, and is not the owner", generation
        )
        _require((generation, slot) not in self._books, "slot %d was granted twice", slot)
        self._books[generation, slot] = Entry(generation, slot, queues)
        booked = [entry.queues for entry in self._books.values()]
        forked = [w.queues for w in self._world.workers if not w.is_canary and not w.is_doomed]
        open_grants = [
            e.queues for e in self._books.values() if e.process is None and self._is_open(e)
        ]
        for live in (booked, [*forked, *open_grants]):
            _require(len(live) <= len(plan), "%d live, the owner asks for %d", len(live), len(plan))
            listed, wanted = live.count(queues), plan.count(queues)
            _require(listed <= wanted, "%d live for %s, not %d", listed, queues, wanted)

    def _is_open(self, entry: Entry) -> bool:
        return any(p.generation == entry.generation for p in self._world.listeners)

    def _told(self, entry: Entry) -> None:
        """The floor, and proof before anybody is told."""
        slots = self._plan()
        plan = [queues for queues in slots if queues is not None]
        now = self._world.time
        _require(self._is_working, "a worker was told in mode %s", self._mode)
        has_place = entry.generation == self._owner and slots[entry.slot] is not None
        _require(not has_place, "the owner's own worker was told to leave")
        _require(self._owner in self._proved, "a worker was told before the new generation proved")
        _require(entry.told_at is None, "a worker was told twice: %s", entry)
        if entry.is_serving(now):
            serving = [e.queues for e in self._books.values() if e.is_serving(now)]
            left, wanted = len(serving) - 1, len(plan)
            _require(left >= wanted - max(1, wanted // 10), "%d of %d left", left, wanted)
            left, wanted = serving.count(entry.queues) - 1, plan.count(entry.queues)
            _require(left >= wanted - max(1, wanted // 10), "%d of %d left on a list", left, wanted)
        entry.told_at = now

    def check(self) -> None:
        """Look at what only shows after a step."""
        owner = self._owner
        former = self._former_owner
        if owner != former and former is not None and self._is_working:
            if owner is not None and owner > former:
                _require(owner in self._proved, "%d owns and has not proved itself", owner)
            else:
                lost = former in self._gone or self._untold_ends[former] >= 3
                # A later one may have become the owner, and have died, since the last look: then
                # that which had taken over last owns again, not the one in between.
                died = self._gone - self._gone_before
                lost = lost or any(g > former for g in self._proved & died)
                _require(lost, "%d lost its right for nothing", former)
        self._former_owner, self._gone_before = owner, set(self._gone)
        for worker in self._world.workers:
            doomed = worker.is_doomed and worker.stage is Stage.WORKING
            _require(not doomed, "a worker works that nobody counts")

    @property
    def _mode(self) -> Mode:
        return self._master._commands._mode

    @property
    def _is_working(self) -> bool:
        return self._mode is Mode.WORKING

    @property
    def _owner(self) -> int | None:
        owner = self._master._generations.owner
        return owner.number if owner else None

    def _plan(self) -> list[QueueSet | None]:
        """Return what the owner's slots are: those of its file, or what its listener has said."""
        owner = self._owner
        assert owner is not None
        file = self._listener(owner).file
        assert file is not None
        return self._slots.get(owner) or _slots(file.lists)

    def _listener(self, generation: int) -> Process:
        for process in self._world.processes.values():
            if process.end is not None and process.generation == generation:
                return process
        raise Breach(f"there never was a generation {generation}")


def _works(entry: Entry) -> bool:
    """Whether a worker does its work, and was not told to leave, as its listener can know."""
    process = entry.process
    if process is None or not process.is_alive:
        return False
    return process.stage is Stage.WORKING and not process.is_told


def _is_unreaped(process: Process, listener: Process) -> bool:
    return process.parent is listener and not process.is_alive and not process.is_reaped


def _slots(lists: Sequence[Sequence[str] | None]) -> list[QueueSet | None]:
    return [None if queues is None else frozenset(queues) for queues in lists]


def _require(condition: bool, complaint: str, *facts: object) -> None:  # noqa: FBT001 - as assert
    if not condition:
        raise Breach(complaint % facts)
