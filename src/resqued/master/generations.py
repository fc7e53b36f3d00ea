"""The generations the master knows: each a listener, and the workers counted as alive."""

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum

from resqued.ipc.channel import Channel
from resqued.master.cap import Live, Phase, Plan
from resqued.process.watch import ProcessWatch


class Stage(Enum):
    """How far a generation is."""

    BOOTING = "booting"  #: its listener loads the files and the application
    RUNNING = "running"  #: loaded; its listener asks for workers
    FAILED = "failed"  #: it could not load; its listener leaves by itself
    LEAVING = "leaving"  #: its listener was told to stop
    GONE = "gone"  #: its listener has ended; workers may have outlived it


class Worker:
    """A live worker, from its grant on; pid and watch come when it has been forked."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.watch: ProcessWatch | None = None

    def started(self, watch: ProcessWatch) -> None:
        """Note that it was forked, and how its end will be known."""
        self.watch = watch
        self.live = replace(self.live, phase=Phase.STARTING)

    def ready(self) -> None:
        """Note that it works."""
        if self.live.phase is Phase.STARTING:
            self.live = replace(self.live, phase=Phase.READY)

    def told(self, now: float) -> None:
        """Note that it was told to leave."""
        self.live = replace(self.live, phase=Phase.TOLD, told_at=now)


class Generation:
    """One listener and its workers, by slot."""

    def __init__(self, number: int, pid: int, channel: Channel) -> None:
        self.number = number
        self.pid = pid
        self.channel = channel
        self.stage = Stage.BOOTING
        self.plan: Plan | None = None
        self.stop_timeout = 15.0  #: seconds; until the files have been read
        self.asking: dict[int, None] = {}  #: slots that wait for a grant, oldest first
        self.workers: dict[int, Worker] = {}
        self.told_elsewhere = 0  #: what its listener last heard of workers elsewhere

    @property
    def has_listener(self) -> bool:
        """Whether its listener's process is still there."""
        return self.stage is not Stage.GONE

    def loaded(self, slots: tuple[tuple[str, ...], ...], stop_timeout: float) -> None:
        """Note what its configuration asks for."""
        self.plan = Plan(self.number, tuple(frozenset(queues) for queues in slots))
        self.stop_timeout = stop_timeout

    def running(self) -> None:
        """Note that everything is loaded."""
        if self.stage is Stage.BOOTING and self.plan is not None:
            self.stage = Stage.RUNNING

    def ask(self, slot: int) -> None:
        """Note that a slot waits for a grant."""
        if self.plan is not None and 0 <= slot < len(self.plan.slots):
            self.asking[slot] = None

    def grant(self, slot: int) -> None:
        """Count the slot's worker as alive from now on."""
        assert self.plan is not None
        del self.asking[slot]
        live = Live(self.number, slot, self.plan.slots[slot], Phase.GRANTED)
        self.workers[slot] = Worker(live)

    def has_open_grant(self, slot: int) -> bool:
        """Whether the slot was granted and its worker not reported yet."""
        worker = self.workers.get(slot)
        return worker is not None and worker.watch is None

    def worker_started(self, slot: int, watch: ProcessWatch) -> None:
        """Note that the granted worker was forked."""
        self.workers[slot].started(watch)

    def worker_ready(self, slot: int) -> None:
        """Note that the slot's worker works; it may have ended in the meantime."""
        worker = self.workers.get(slot)
        if worker is not None:
            worker.ready()

    def give_back(self, slot: int) -> None:
        """Take a grant back that was not used."""
        if self.has_open_grant(slot):
            del self.workers[slot]

    def listener_ended(self) -> None:
        """Note that the listener is gone.

        A worker that it had forked and not yet reported waits at its gate and leaves when it
        finds nobody there, so an open grant is void.
        """
        self.stage = Stage.GONE
        self.channel.close()
        self.asking.clear()
        for slot in list(self.workers):
            self.give_back(slot)


class Generations:
    """Every generation that still has a listener or a live worker, oldest first."""

    def __init__(self) -> None:
        self._all: list[Generation] = []
        self.last_number = 0

    def __iter__(self) -> Iterator[Generation]:
        return iter(self._all)

    def add(self, pid: int, channel: Channel) -> Generation:
        """Note a listener that was just started."""
        self.last_number += 1
        generation = Generation(self.last_number, pid, channel)
        self._all.append(generation)
        return generation

    def forget_empty(self) -> None:
        """Drop the generations of which no process is left."""
        self._all = [g for g in self._all if g.has_listener or g.workers]

    @property
    def is_empty(self) -> bool:
        """Whether no process of any generation is left."""
        return not self._all

    @property
    def stop_timeout(self) -> float:
        """Seconds that stopping may take: the longest that any of them asks for."""
        return max((generation.stop_timeout for generation in self._all), default=0.0)

    @property
    def with_listener(self) -> list[Generation]:
        """Those whose listener's process is there."""
        return [generation for generation in self._all if generation.has_listener]

    @property
    def current(self) -> Generation | None:
        """The newest that is meant to run; a new one is started only when there is none."""
        stages = (Stage.BOOTING, Stage.RUNNING, Stage.FAILED)
        return next((g for g in reversed(self._all) if g.stage in stages), None)

    @property
    def owner(self) -> Generation | None:
        """The newest that has loaded everything: it alone may start workers."""
        return next((g for g in reversed(self._all) if g.stage is Stage.RUNNING), None)

    def by_pid(self, pid: int) -> Generation | None:
        """The one whose listener is ``pid``."""
        return next((g for g in self.with_listener if g.pid == pid), None)

    def workers(self) -> Iterator[tuple[Generation, Worker]]:
        """Yield every live worker with its generation."""
        for generation in self._all:
            for worker in generation.workers.values():
                yield generation, worker

    def live(self) -> list[Live]:
        """Return what counts, as the cap wants it."""
        return [worker.live for _, worker in self.workers()]

    def worker_of(self, live: Live) -> Worker:
        """Return the worker of which ``live`` is the present value."""
        return next(worker for _, worker in self.workers() if worker.live is live)
