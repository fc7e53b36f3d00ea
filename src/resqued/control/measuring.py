"""The memory of the processes that a status names, as whoever asks for it measures it himself."""

from collections.abc import Iterator

from resqued.control.status import PoolStatus
from resqued.process.memory import MeasureError, Memory, measure


def memory_of(status: PoolStatus) -> dict[int, Memory]:
    """Measure all processes that a status names, by pid, as far as that can be done; in a client.

    It takes half a millisecond for each of them, most of it in the kernel.
    """
    found = {}
    for pid in _pids(status):
        try:
            memory = measure(pid)
        except MeasureError:
            continue  # no Linux, or a worker that has become another user's
        if memory is not None:
            found[pid] = memory
    return found


def _pids(status: PoolStatus) -> Iterator[int]:
    yield status.master.pid
    for generation in status.generations:
        for pid in (generation.listener, *(worker.pid for worker in generation.workers)):
            if pid:
                yield pid
