"""One generation as the master knows it: a listener, and the workers counted as alive."""

from dataclasses import replace
from enum import Enum
from signal import Signals

from resqued.figures import NO_FIGURES
from resqued.ipc.channel import Channel
from resqued.ipc.messages import PoolSlots, Scaled, Seen
from resqued.master.cap import Live, Phase, Plan
from resqued.master.places import Places
from resqued.process.watch import ProcessWatch

#: Seconds that a listener which was told to leave while it loaded gets before it is killed: the
#: application's code may hang there, where no handler of ours acts.
BOOTING_MOMENT = 1.0
#: Seconds of work after which a worker's start was no failure, however it ends.
PROOF_OF_LIFE = 1.0


class Stage(Enum):
    """How far a generation is."""

    BOOTING = "booting"  #: its listener loads the files and the application, or its canary does
    PROVED = "proved"  #: works, or could: its listener asks for workers
    LEAVING = "leaving"  #: its listener was told to stop, or stops because it cannot start
    GONE = "gone"  #: its listener has ended; workers may have outlived it


class Worker:
    """A live worker, from its grant on; pid and watch come when it has been forked."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.pid: int | None = None
        self.watch: ProcessWatch | None = None
        self.ready_at: float | None = None  #: on the master's clock

    def watched(self, watch: ProcessWatch) -> None:
        """Note how its end will be known."""
        self.watch = watch
        if self.live.phase is Phase.GRANTED:
            self.live = replace(self.live, phase=Phase.STARTING)

    def ready(self, now: float) -> None:
        """Note that it works."""
        if self.live.phase is Phase.STARTING:
            self.live = replace(self.live, phase=Phase.READY)
            self.ready_at = now

    def told(self, now: float) -> None:
        """Note that it was told to leave, or will be as soon as it has been forked."""
        self.live = replace(self.live, phase=Phase.TOLD, told_at=now)

    def has_proved_itself(self, now: float, since: float = 0.0) -> bool:
        """Whether it has begun to work, ``since`` then, long enough ago for a good start."""
        if self.ready_at is None or self.ready_at < since:
            return False
        return now - self.ready_at >= PROOF_OF_LIFE


class Generation:
    """One listener and its workers, by slot."""

    def __init__(self, number: int, pid: int, channel: Channel, now: float) -> None:
        self.number = number
        self.pid = pid
        self.channel = channel
        self.stage = Stage.BOOTING
        self.started_at = now
        self.kill_at: float | None = None  #: when a listener that does not leave is killed
        self.has_failed = False  #: whether it could not start
        self.told_by = Signals.SIGQUIT  #: how its workers are told to leave
        self.plan: Plan | None = None
        self.places = Places()  #: what the plan comes from
        self.version: str | None = None  #: of the resqued that its listener runs
        self.app_version: str | None = None  #: of the application, if that has said so
        self.seen: Seen | None = None  #: what its listener has said last of its workers
        self.figures = NO_FIGURES  #: what its listener has counted, as far as it has said
        self.boot_timeout: float | None = None  #: seconds, if its files say so
        self.stop_timeout = 15.0  #: seconds; until the files have been read
        self.asking: dict[int, None] = {}  #: slots that wait for a grant, oldest first
        self.workers: dict[int, Worker] = {}
        self.failed_starts = 0  #: workers in a row that did not get to work, or not for long
        self.failed_at = now  #: when the last of them ended
        self.told_elsewhere = 0  #: what its listener last heard of workers elsewhere
        self.heard_at = now  #: when its listener last answered
        self.is_silent = False  #: whether it has been reported that it does not answer

    @property
    def has_listener(self) -> bool:
        """Whether its listener's process is still there."""
        return self.stage is not Stage.GONE

    @property
    def is_complete(self) -> bool:
        """Whether every configured worker works."""
        return self.plan is not None and self.at_work == self.plan.asked_for.total()

    @property
    def at_work(self) -> int:
        """How many of the configured workers work."""
        return sum(
            worker.live.phase is Phase.READY and not self.is_surplus(worker)
            for worker in self.workers.values()
        )

    def is_surplus(self, worker: Worker) -> bool:
        """Whether a worker of this generation is one too many, since its pool was scaled."""
        return self.plan is not None and not self.plan.has_place_for(worker.live)

    @property
    def has_untold_workers(self) -> bool:
        """Whether somebody still has to be told to leave."""
        return any(worker.live.phase is not Phase.TOLD for worker in self.workers.values())

    def loaded(
        self,
        slots: tuple[tuple[str, ...], ...],
        boot_timeout: float | None,
        stop_timeout: float,
        version: str | None = None,
        pools: tuple[PoolSlots, ...] | None = None,
    ) -> None:
        """Note what its configuration asks for, and which resqued its listener runs."""
        self.version = version
        self.has_places(Places.loaded(slots, pools))
        self.boot_timeout = boot_timeout
        self.stop_timeout = stop_timeout

    def has_places(self, places: Places) -> None:
        """Note which slots there are; a hole that has asked for a worker wants none any more."""
        self.places = places
        self.plan = places.plan(self.number)
        for slot in places.holes:
            self.asking.pop(slot, None)

    def asked_to_scale(self, pool: str, size: int) -> None:
        """Note another size of a pool; its slots change when its listener has answered."""
        self.places = self.places.asked(pool, size)

    def scaled(self, message: Scaled) -> None:
        """Note the slots that its listener has now."""
        if self.plan is not None:
            self.has_places(self.places.scaled(message))

    def leave(self, now: float, told_by: Signals = Signals.SIGQUIT) -> None:
        """Note that its listener, and by it every worker, was told to stop."""
        self.told_by = told_by
        if self.stage is Stage.BOOTING:
            self.kill_at = now + BOOTING_MOMENT
            self.heard_at = now  # while it loaded it was asked nothing
        self.stage = Stage.LEAVING
        self.asking.clear()
        self.tell_all(now)

    def failed(self, now: float) -> None:
        """Note that it cannot start; its listener leaves by itself, or is told to."""
        self.has_failed = True
        self.leave(now)

    def tell_all(self, now: float) -> None:
        """Note that all its workers were told to leave."""
        for worker in self.workers.values():
            if worker.live.phase is not Phase.TOLD:
                worker.told(now)

    def ask(self, slot: int) -> None:
        """Note that a slot waits for a grant."""
        if self.plan is None or not 0 <= slot < len(self.plan.slots):
            return
        if self.plan.slots[slot] is not None:
            self.asking[slot] = None

    def grant(self, slot: int) -> None:
        """Count the slot's worker as alive from now on."""
        del self.asking[slot]
        live = Live(self.number, slot, frozenset(self.places.queues[slot]), Phase.GRANTED)
        self.workers[slot] = Worker(live)

    def has_open_grant(self, slot: int) -> bool:
        """Whether the slot was granted and its worker not reported yet."""
        worker = self.workers.get(slot)
        return worker is not None and worker.pid is None

    def give_back(self, slot: int) -> None:
        """Take a grant back that was not used."""
        if self.has_open_grant(slot):
            del self.workers[slot]

    def worker_started(self, slot: int, pid: int) -> None:
        """Note that the granted worker was forked; it is still to be watched."""
        self.workers[slot].pid = pid

    def worker_ready(self, slot: int, now: float) -> None:
        """Note that the slot's worker works; it may have ended in the meantime."""
        worker = self.workers.get(slot)
        if worker is not None:
            worker.ready(now)

    def worker_ended(self, slot: int, now: float) -> None:
        """Count the slot's worker no longer, and see whether its start was a failure."""
        # What began before a failure and goes on has nothing to say about what is started now.
        if any(w.has_proved_itself(now, self.failed_at) for w in self.workers.values()):
            self.failed_starts = 0
        ended = self.workers.pop(slot)
        if ended.live.phase is not Phase.TOLD and not ended.has_proved_itself(now):
            self.failed_starts += 1
            self.failed_at = now

    def signal_told(self) -> None:
        """Tell those that were told to leave once more, directly.

        Their listener may have ended, or hang, before it had passed the order on.
        """
        for worker in self.workers.values():
            if worker.live.phase is Phase.TOLD and worker.watch is not None:
                worker.watch.send(self.told_by)

    def listener_ended(self) -> None:
        """Note that the listener is gone.

        A worker that was not watched yet had not been let through its gate, and ends with its
        listener: such a grant is void.
        """
        self.stage = Stage.GONE
        self.channel.close()
        self.asking.clear()
        self.workers = {s: w for s, w in self.workers.items() if w.watch is not None}
        self.signal_told()
