"""The generations the master knows, and which of them may start workers."""

from collections.abc import Iterable, Iterator

from resqued.ipc.channel import Channel
from resqued.master.cap import Live
from resqued.master.generation import Generation, Stage, Worker


class Generations:
    """Every generation that still has a listener or a live worker, oldest first.

    The owner is the one proved last: it alone may start workers. The fallback is the owner
    before it, which becomes the owner again if the new one fails before it has taken over.
    """

    def __init__(self, known: Iterable[Generation] = ()) -> None:
        self._all = list(known)
        self.last_number = 0
        self.owner: Generation | None = None
        self.fallback: Generation | None = None

    def __iter__(self) -> Iterator[Generation]:
        return iter(self._all)

    def add(self, pid: int, channel: Channel, now: float) -> Generation:
        """Note a listener that was just started."""
        self.last_number += 1
        generation = Generation(self.last_number, pid, channel, now)
        self._all.append(generation)
        return generation

    def skip(self) -> int:
        """Note that the next generation gets no listener; returns its number."""
        self.last_number += 1
        return self.last_number

    def proved(self, generation: Generation) -> None:
        """Make a generation that has proved itself the owner."""
        generation.stage = Stage.PROVED
        # An owner that has not taken over yet is nothing to fall back on, but what it had is.
        self.fallback, self.owner = self.fallback or self.owner, generation

    def disown(self) -> Generation | None:
        """Take the owner's right away; returns the new owner, if there is one to fall back on."""
        self.owner, self.fallback = self.fallback, None
        return self.owner

    def lost(self, generation: Generation) -> None:
        """Forget that a generation could own or be fallen back on: its listener stops."""
        if generation is self.owner:
            self.disown()
        elif generation is self.fallback:
            self.fallback = None

    def change_over(self) -> bool:
        """Give up the fallback once the owner is complete and alone; returns whether that is new.

        Until its last worker is replaced, a fallback keeps its listener.
        """
        if self.fallback is None or not self._has_all:
            return False
        self.fallback = None
        return True

    @property
    def is_settled(self) -> bool:
        """Whether the owner is complete and alone, and nothing is fallen back on."""
        return self.fallback is None and self._has_all

    @property
    def _has_all(self) -> bool:
        """Whether every worker of the owner works, and no other generation has any."""
        if self.owner is None or not self.owner.is_complete:
            return False
        return not any(g.workers for g in self._all if g is not self.owner)

    def superseded(self) -> list[Generation]:
        """Return those whose listener has nothing left to do but to see its workers go."""
        kept = (self.owner, self.fallback)
        return [
            generation
            for generation in self._all
            if generation.stage is Stage.PROVED
            and generation not in kept
            and not generation.has_untold_workers
        ]

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
    def answering(self) -> list[Generation]:
        """Those whose listener's loop is to answer: one that loads cannot."""
        return [g for g in self._all if g.stage in (Stage.PROVED, Stage.LEAVING)]

    @property
    def booting(self) -> Generation | None:
        """The one that is loading; there is never more than one."""
        return next((g for g in self._all if g.stage is Stage.BOOTING), None)

    @property
    def failing(self) -> bool:
        """Whether one that could not start has not gone yet; its end decides the backoff."""
        return any(g.has_failed for g in self.with_listener)

    def by_number(self, number: int | None) -> Generation | None:
        """The generation of that number, if it is known still."""
        return next((g for g in self._all if g.number == number), None)

    def by_pid(self, pid: int) -> Generation | None:
        """The one whose listener is ``pid``."""
        return next((g for g in self.with_listener if g.pid == pid), None)

    def workers(self) -> Iterator[tuple[Generation, Worker]]:
        """Yield every live worker with its generation."""
        for generation in self._all:
            for worker in generation.workers.values():
                yield generation, worker

    def unwatched(self) -> list[tuple[Generation, Worker]]:
        """Return the workers that have been forked and are not watched yet."""
        return [(g, w) for g, w in self.workers() if w.pid is not None and w.watch is None]

    def live(self) -> list[Live]:
        """Return what counts, as the cap wants it."""
        return [worker.live for _, worker in self.workers()]

    def worker_of(self, live: Live) -> tuple[Generation, Worker]:
        """Return the worker that ``live`` describes, and its generation."""
        generation = next(g for g in self._all if g.number == live.generation)
        return generation, generation.workers[live.slot]
