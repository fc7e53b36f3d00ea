"""Pool arithmetic: which worker of a pool serves which queues."""

from collections.abc import Callable
from typing import TypeAlias

from resqued.config.model import PoolSpec, QueueSpec, WorkerSpec

#: Puts a list into another order, in place.
Shuffle: TypeAlias = Callable[[list[str]], None]

#: What a worker serves that was given no queue: all there are.
EVERY_QUEUE = "*"


def at_random(items: list[str]) -> None:
    """Put a list into an order that nobody can foretell."""
    # Imported where it is wanted: whoever has random loaded pays 0.1 ms for it in every fork.
    import random  # noqa: PLC0415

    random.shuffle(items)


def expand(pool: PoolSpec, shuffle: Shuffle) -> tuple[WorkerSpec, ...]:
    """Return the pool's workers, those with the most queues first.

    ``shuffle`` is called once for each worker of a pool that asks for it.
    """
    return tuple(
        WorkerSpec(
            queues=queue_list(_queues_of(number, pool), shuffle if pool.shuffle_queues else None),
            interval=pool.interval,
            pool=pool.name,
            on_worker_death=pool.on_worker_death,
            max_deaths=pool.max_deaths,
            limits=pool.limits,
        )
        for number in range(1, pool.size + 1)
    )


def concurrency(queue: QueueSpec, size: int) -> int:
    """Return how many workers of a pool of this size serve the queue."""
    if queue.count is not None:
        return min(queue.count, size)
    if queue.percent is not None:
        return min(max(1, size * queue.percent // 100), size)
    return size


def queue_list(names: list[str], shuffle: Shuffle | None) -> tuple[str, ...]:
    """Return the list that a worker with these queues works through, in a new order if asked."""
    queues = names or [EVERY_QUEUE]
    if shuffle is not None:
        shuffle(queues)
    return tuple(queues)


def _queues_of(number: int, pool: PoolSpec) -> list[str]:
    return [queue.name for queue in pool.queues if concurrency(queue, pool.size) >= number]
