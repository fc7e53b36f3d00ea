"""Act on what the cap says: hand out grants, have former workers leave, notice who is gone."""

import logging
from collections.abc import Iterable
from signal import Signals

from resqued.clock import Clock
from resqued.ipc import messages
from resqued.master import cap
from resqued.master.cap import Live, Phase
from resqued.master.generations import Generation, Generations
from resqued.process.waiter import Source, Waiter

log = logging.getLogger(__name__)


class Pool:
    """The workers of all generations, as the master steers them."""

    def __init__(self, generations: Generations, waiter: Waiter, clock: Clock) -> None:
        self._generations = generations
        self._waiter = waiter
        self._clock = clock

    @property
    def next_look_in(self) -> float | None:
        """Seconds until a worker that was told to leave counts as busy; None: none was."""
        told = any(live.phase is Phase.TOLD for live in self._generations.live())
        return cap.BUSY_AFTER if told else None

    def notice_ends(self, ready: Iterable[Source]) -> None:
        """Count the workers no longer whose end the kernel has reported."""
        ended = {id(source) for source in ready}
        for generation, worker in list(self._generations.workers()):
            if worker.watch is not None and id(worker.watch) in ended:
                self._waiter.forget(worker.watch)
                worker.watch.close()
                del generation.workers[worker.live.slot]

    def grant(self) -> None:
        """Let the owner start what the cap has room for."""
        owner = self._generations.owner
        if owner is None or owner.plan is None:
            return
        # A slot may ask again a moment before the kernel tells us of its former worker's end.
        asking = [slot for slot in owner.asking if slot not in owner.workers]
        if asking:
            for slot in cap.grants(self._generations.live(), owner.plan, asking):
                owner.grant(slot)
                owner.channel.send(messages.Grant(slot))
        self._tell_elsewhere(owner)

    def retire(self) -> None:
        """Tell as many workers of former generations to leave as the floor allows."""
        owner = self._generations.owner
        if owner is None or owner.plan is None:
            return
        now = self._clock.now()
        while leaving := cap.next_to_leave(self._generations.live(), owner.plan, now):
            self._tell_to_leave(leaving, now)

    def signal_orphans(self, number: Signals) -> None:
        """Signal the workers whose listener is gone; nobody else can."""
        for generation, worker in self._generations.workers():
            if not generation.has_listener and worker.watch is not None:
                worker.watch.send(number)

    def _tell_to_leave(self, leaving: Live, now: float) -> None:
        worker = self._generations.worker_of(leaving)
        assert worker.watch is not None, "only a granted slot has no process yet"
        log.info("Worker %d, generation %d, is to leave", worker.watch.pid, leaving.generation)
        worker.told(now)
        worker.watch.send(Signals.SIGQUIT)

    def _tell_elsewhere(self, owner: Generation) -> None:
        elsewhere = sum(generation is not owner for generation, _ in self._generations.workers())
        if elsewhere != owner.told_elsewhere:
            owner.told_elsewhere = elsewhere
            owner.channel.send(messages.Elsewhere(elsewhere))
