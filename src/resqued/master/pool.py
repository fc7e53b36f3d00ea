"""Act on what the cap says: hand out grants, have former workers leave."""

from signal import Signals

from resqued.clock import Clock
from resqued.ipc import messages
from resqued.master import cap
from resqued.master.cap import Live, Phase
from resqued.master.generation import Generation
from resqued.master.generations import Generations


class Pool:
    """The workers of all generations, as the master steers them."""

    def __init__(self, generations: Generations, clock: Clock) -> None:
        self._generations = generations
        self._clock = clock

    @property
    def next_look_in(self) -> float | None:
        """Seconds until a worker that was told to leave counts as busy; None: none will."""
        now = self._clock.now()
        told = (w.told_at for w in self._generations.live() if w.phase is Phase.TOLD)
        ahead = (told_at + cap.BUSY_AFTER - now for told_at in told)
        return min((seconds for seconds in ahead if seconds > 0), default=None)

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
        """Tell as many workers without a place in the owner to leave as the floor allows."""
        owner = self._generations.owner
        if owner is None or owner.plan is None:
            return
        now = self._clock.now()
        for leaving in cap.leaving(self._generations.live(), owner.plan, now):
            self._tell_to_leave(leaving, now)

    def restart(self, live: Live) -> None:
        """Tell one of the owner's workers to leave when its job is done; its slot asks again.

        The floor does not count for it: whoever asks for that knows what is missing then.
        """
        self._tell_to_leave(live, self._clock.now())

    def scale(self, generation: Generation, name: str, size: int) -> None:
        """Have a pool of the config files get another size.

        Who is one too many is told to leave by ``retire``, when the listener has said who that is.
        """
        generation.asked_to_scale(name, size)
        generation.channel.send(messages.Scale(name, size))

    def signal_orphans(self, number: Signals) -> None:
        """Have the workers whose listener is gone leave by a signal; nobody else can."""
        for generation in self._generations:
            if not generation.has_listener:
                generation.tell_all(self._clock.now())
                for worker in generation.workers.values():
                    if worker.watch is not None:
                        worker.watch.send(number)

    def _tell_to_leave(self, leaving: Live, now: float) -> None:
        """Through its listener, which then expects its end, or directly if that cannot act."""
        generation, worker = self._generations.worker_of(leaving)
        worker.told(now)
        if generation.has_listener:
            generation.channel.send(messages.Retire(leaving.slot))
        if worker.watch is not None and (generation.is_silent or not generation.has_listener):
            worker.watch.send(Signals.SIGQUIT)

    def _tell_elsewhere(self, owner: Generation) -> None:
        elsewhere = sum(generation is not owner for generation, _ in self._generations.workers())
        if elsewhere != owner.told_elsewhere:
            owner.told_elsewhere = elsewhere
            owner.channel.send(messages.Elsewhere(elsewhere))
