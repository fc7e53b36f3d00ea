"""The watch over the workers: from the news that one was forked to its end."""

import logging
from collections.abc import Iterable

from resqued.clock import Clock
from resqued.ipc import messages
from resqued.master.generation import Generation, Worker
from resqued.master.generations import Generations
from resqued.process import limits
from resqued.process.waiter import Source, Waiter
from resqued.process.watch import ProcessWatch

log = logging.getLogger(__name__)

#: Seconds between tries to watch a worker when there is no descriptor left for it.
_WATCH_PAUSE = 1.0


class Watching:
    """Has the kernel report the end of every worker of all generations."""

    def __init__(self, generations: Generations, waiter: Waiter, clock: Clock) -> None:
        self._generations = generations
        self._waiter = waiter
        self._clock = clock

    @property
    def next_try_in(self) -> float | None:
        """Seconds until ``watch_missing`` may have more luck; None: all are watched."""
        return _WATCH_PAUSE if self._generations.unwatched() else None

    def started(self, generation: Generation, slot: int, pid: int) -> None:
        """Watch the worker that a listener has forked for a grant."""
        if generation.has_open_grant(slot):
            generation.worker_started(slot, pid)
            self._watch(generation, generation.workers[slot], logging.ERROR)
        else:
            log.error(
                "Listener #%d started worker %d untold",
                generation.number,
                pid,
                extra={"event": "worker_untold", "generation": generation.number, "worker": pid},
            )

    def watch_missing(self, *, may_take_last: bool) -> None:
        """Watch those workers that could not be watched when they were started.

        ``may_take_last``: also by the descriptors that are kept for what must go on. A master that
        is leaving has nothing else to do, and a worker that nobody watches would never be reaped.
        """
        for generation, worker in self._generations.unwatched():
            self._watch(generation, worker, logging.DEBUG, may_take_last=may_take_last)

    def resume(self) -> None:
        """Go on with the watches that were taken over from before an exec."""
        for _, worker in self._generations.workers():
            if worker.watch is not None:
                self._waiter.watch(worker.watch)

    def notice_ends(self, ready: Iterable[Source]) -> None:
        """Count the workers no longer whose end the kernel has reported."""
        ended = {id(source) for source in ready}
        for generation, worker in list(self._generations.workers()):
            if worker.watch is not None and id(worker.watch) in ended:
                self._waiter.forget(worker.watch)
                worker.watch.close()
                generation.worker_ended(worker.live.slot, self._clock.now())

    def _watch(
        self, generation: Generation, worker: Worker, level: int, *, may_take_last: bool = False
    ) -> None:
        """Watch a new worker before its listener may reap it, so that no end is missed.

        Until that succeeds it waits at its gate, and counts; ``level`` is for saying so.
        """
        assert worker.pid is not None
        try:
            watch = _watch_process(worker.pid, may_take_last=may_take_last)
        except ProcessLookupError:  # somebody else's code has waited for it
            del generation.workers[worker.live.slot]
        except OSError as error:
            log.log(
                level,
                "Cannot watch worker %d, trying again: %s",
                worker.pid,
                error,
                extra={
                    "event": "worker_watch_failed",
                    "generation": generation.number,
                    "worker": worker.pid,
                    "reason": str(error),
                },
            )
            return
        else:
            self._waiter.watch(watch)
            worker.watched(watch)
        generation.channel.send(messages.Watched(worker.pid))


def _watch_process(pid: int, *, may_take_last: bool) -> ProcessWatch:
    """Open a watch; by one of the last descriptors only if it may. Raises OSError."""
    watch = ProcessWatch(pid)
    if may_take_last:
        return watch
    try:
        limits.refuse_last_files(watch.fileno())
    except OSError:
        watch.close()
        raise
    return watch
