"""Which slots of a pool stay when it gets another size; pure but for the marks on the slots."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from resqued.config.model import Config, PoolSpec, WorkerSpec
from resqued.config.pools import at_random, expand
from resqued.ipc.messages import PoolSlots, Scaled
from resqued.listener.slots import SlotState, WorkerSlot

#: Which of several slots with the same queues is kept: who works has the application warm, and
#: who leaves already comes last.
_ORDER = (
    SlotState.WORKING,
    SlotState.STARTING,
    SlotState.ASKING,
    SlotState.IDLE,
    SlotState.CLOSED,
    SlotState.STOPPING,
)


def pools_of(config: Config) -> tuple[PoolSlots, ...]:
    """Return the pools of a configuration, and which of its workers are whose, by their places."""
    slots: dict[str | None, list[int]] = defaultdict(list)
    for slot, spec in enumerate(config.workers):
        slots[spec.pool].append(slot)
    return tuple(PoolSlots(p.name, p.size, tuple(slots[p.name])) for p in config.pools)


def resize(pool: PoolSpec, size: int, slots: Iterable[WorkerSlot]) -> list[WorkerSpec]:
    """Mark which of ``slots`` want a worker with that many in the pool; the rest as ``fit``."""
    wanted = expand(replace(pool, size=size), at_random)
    return fit((slot for slot in slots if slot.spec.pool == pool.name), wanted)


def scaled(pool: str, size: int, slots: Sequence[WorkerSlot]) -> Scaled:
    """Return what the master is told of all slots of a listener when that pool was resized."""
    return Scaled(
        pool,
        size,
        tuple(slot.spec.queues if slot.is_wanted else None for slot in slots),
        tuple(slot.number for slot in slots if slot.spec.pool == pool),
    )


def fit(slots: Iterable[WorkerSlot], wanted: Sequence[WorkerSpec]) -> list[WorkerSpec]:
    """Mark which of a pool's slots want a worker from now on; returns what needs a new slot.

    A slot keeps its queues for ever: what the master has counted for it would be wrong otherwise.
    So as many as the new size has use for are kept or wanted again, and no other worker needs to
    leave. In whatever order, the same queues are the same work.
    """
    free: dict[frozenset[str], list[WorkerSlot]] = defaultdict(list)
    for slot in sorted(slots, key=_urgency, reverse=True):
        free[frozenset(slot.spec.queues)].append(slot)
    missing = []
    for spec in wanted:
        fitting = free[frozenset(spec.queues)]
        if fitting:
            fitting.pop().want()
        else:
            missing.append(spec)
    for unwanted in free.values():
        for slot in unwanted:
            slot.let_go()
    return missing


def _urgency(slot: WorkerSlot) -> tuple[int, bool, bool, int]:
    """Tell what comes first: of workers those with a job, whose end would have to be waited for."""
    process = slot.process
    has_job = process is not None and process.job is not None
    return _ORDER.index(slot.state), not has_job, not slot.is_wanted, slot.number
