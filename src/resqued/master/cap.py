"""Who may start, and who must go next, from values alone (docs/processes.md)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

#: Seconds after which a worker that was told to leave and is still there must be in a job.
BUSY_AFTER = 1.0

#: A worker's exact queue list, as a set: two workers of equal lists do the same work.
QueueSet = frozenset[str]


class Phase(Enum):
    """How far a live worker is, as the master knows it."""

    GRANTED = "granted"  #: its listener may have forked it, and has not said so yet
    STARTING = "starting"  #: forked; not known to work yet
    READY = "ready"  #: works
    TOLD = "told"  #: was told to leave when its job is done


@dataclass(frozen=True, slots=True)
class Live:
    """One worker that counts: forked and not reported gone by the kernel, or granted."""

    generation: int
    slot: int
    queues: QueueSet
    phase: Phase
    told_at: float = 0.0  #: when it was told to leave, on the master's clock


@dataclass(frozen=True, slots=True)
class Plan:
    """What the owner asks for: the queues of each of its slots.

    A slot may be a hole: its pool was scaled down, and it wants no worker any more.
    """

    generation: int
    slots: tuple[QueueSet | None, ...]

    @property
    def asked_for(self) -> Counter[QueueSet]:
        """How many workers each list is to have."""
        return Counter(queues for queues in self.slots if queues is not None)

    def has_place_for(self, worker: Live) -> bool:
        """Whether the worker is in a slot of this plan that wants one."""
        return worker.generation == self.generation and self.slots[worker.slot] is not None


def grants(live: Iterable[Live], plan: Plan, asking: Sequence[int]) -> list[int]:
    """Return which of the owner's slots may start now, in the order in which they asked.

    Afterwards the live workers of all generations are at most the plan's total, and those of any
    started list at most what the plan asks for that list.
    """
    asked_for = plan.asked_for
    alive = Counter(worker.queues for worker in live)
    room = asked_for.total() - alive.total()
    granted = []
    for slot in asking:
        queues = plan.slots[slot]
        if queues is not None and room > 0 and alive[queues] < asked_for[queues]:
            granted.append(slot)
            alive[queues] += 1
            room -= 1
    return granted


def leaving(live: Iterable[Live], plan: Plan, now: float) -> Iterator[Live]:
    """Yield the workers without a place in the plan to be told to leave now, as far as may be.

    At most a tenth of the plan, and at least one worker, is missing at any time because of this,
    in all and per queue list. First those that do not work yet, whom nobody will miss, then those
    whose list the plan no longer has, then those whose list has too many, then any.
    """
    known = list(live)
    others = [w for w in known if not plan.has_place_for(w) and w.phase is not Phase.TOLD]
    yield from (worker for worker in others if not _is_serving(worker, now))
    asked_for = plan.asked_for
    alive = Counter(worker.queues for worker in known)
    serving = Counter(worker.queues for worker in known if _is_serving(worker, now))

    def urgency(worker: Live) -> int:
        if not asked_for[worker.queues]:
            return 0
        return 1 if alive[worker.queues] > asked_for[worker.queues] else 2

    # One look for all of them: a pool of thousands may be scaled to nothing.
    for worker in sorted((w for w in others if _is_serving(w, now)), key=urgency):
        if serving.total() - 1 < _floor(asked_for.total()):
            return
        if serving[worker.queues] - 1 >= _floor(asked_for[worker.queues]):
            serving[worker.queues] -= 1
            yield worker


def _is_serving(worker: Live, now: float) -> bool:
    """Nothing needs to know who is idle: a told worker that stays is finishing a job."""
    if worker.phase is Phase.TOLD:
        return now - worker.told_at >= BUSY_AFTER
    return worker.phase is Phase.READY


def _floor(count: int) -> int:
    return count - max(1, count // 10)
