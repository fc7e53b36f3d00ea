"""The slots of one generation: their queues, which of them want a worker, and their pools."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from resqued.ipc.messages import PoolSlots, Scaled
from resqued.master.cap import Plan


@dataclass(frozen=True, slots=True)
class PoolPlaces:
    """A pool of the config files, by its name, and its slots."""

    name: str
    configured: int  #: its size by the files
    size: int  #: the size that was asked for last; its listener may have to hear of it yet
    slots: tuple[int, ...]  #: holes included


@dataclass(frozen=True, slots=True)
class Places:
    """All slots that a generation has, or has had: a number means the same queues for ever."""

    queues: tuple[tuple[str, ...], ...] = ()
    holes: tuple[int, ...] = ()  #: slots that want no worker any more
    pools: tuple[PoolPlaces, ...] | None = None  #: None: its listener knows no way to scale one

    @classmethod
    def loaded(
        cls, queues: tuple[tuple[str, ...], ...], pools: Iterable[PoolSlots] | None
    ) -> "Places":
        """Return what the files ask for."""
        if pools is None:
            return cls(queues)
        found = (PoolPlaces(pool.name, pool.size, pool.size, pool.slots) for pool in pools)
        return cls(queues, (), tuple(found))

    def plan(self, generation: int) -> Plan:
        """Return what the cap has to know."""
        holes = frozenset(self.holes)
        slots = enumerate(self.queues)
        return Plan(
            generation,
            tuple(None if slot in holes else frozenset(queues) for slot, queues in slots),
        )

    def asked(self, pool: str, size: int) -> "Places":
        """Return them with another size that was asked for; no slot changes by that."""
        changed = (
            replace(each, size=size) if each.name == pool else each for each in self.pools or ()
        )
        return replace(self, pools=tuple(changed))

    def scaled(self, message: Scaled) -> "Places":
        """Return them as their listener has changed them; no slot is ever forgotten."""
        workers = message.workers + (None,) * (len(self.queues) - len(message.workers))
        known = dict(enumerate(self.queues))
        changed = (
            replace(each, slots=message.slots) if each.name == message.pool else each
            for each in self.pools or ()
        )
        return Places(
            queues=tuple(known.get(slot, queues or ()) for slot, queues in enumerate(workers)),
            holes=tuple(slot for slot, queues in enumerate(workers) if queues is None),
            pools=tuple(changed),
        )

    @property
    def pool_names(self) -> dict[int, str]:
        """The name of each slot's pool, as far as it has one and that is known."""
        return {slot: pool.name for pool in self.pools or () for slot in pool.slots}
