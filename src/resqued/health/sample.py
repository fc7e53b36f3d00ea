"""What one scrape has found: the master's word, the kernel's of memory, the server's of queues."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from resqued.backlog.model import Backlog, BacklogError
from resqued.backlog.place import read_place
from resqued.backlog.reader import BacklogReader
from resqued.clock import Clock
from resqued.control import client
from resqued.control.status import PoolFigures, PoolStatus, read_figures, read_pool
from resqued.errors import ResquedError
from resqued.ipc.messages import QueueServer
from resqued.process.memory import MeasureError, measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Everything, as far as it could be found out."""

    status: PoolStatus | None = None  #: None: the master does not answer
    figures: PoolFigures | None = None
    private: dict[str, int] | None = None  #: bytes that nobody else has, by role; None: not told
    backlog: Backlog | None = None  #: None: the server is away
    seconds: float = 0.0  #: that it took


class Sampler:
    """Takes samples, one at a time, for any number of threads."""

    def __init__(self, control: str, clock: Clock) -> None:
        """``control`` is the path of the master's socket."""
        self._control = control
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: Future[Sample] | None = None  #: the one that is being taken
        self._place: QueueServer | None = None
        self._reader = BacklogReader(None, clock)

    def take(self) -> Sample:
        """Look at everything; raises nothing, whatever is away.

        Whoever comes while a sample is being taken gets that one: a look at a master that hangs
        takes seconds, and to wait for one after another would take longer than who asks waits.
        """
        with self._lock:
            others = self._under_way
            if others is None:
                own = self._under_way = Future()
        if others is not None:
            return others.result()
        try:
            sample = self._look()
        except BaseException as error:
            self._has_ended()
            own.set_exception(error)
            raise
        self._has_ended()
        own.set_result(sample)
        return sample

    def _has_ended(self) -> None:
        with self._lock:
            self._under_way = None

    def _look(self) -> Sample:
        began_at = self._clock.now()
        try:
            answer = self._ask("status", figures=True)
            status, figures = read_pool(answer), read_figures(answer)
            self._turn_to(read_place(self._ask("server")))
        except ResquedError:
            return Sample(seconds=self._clock.now() - began_at)
        private, backlog = _private(status), self._backlog()
        return Sample(
            status=status,
            figures=figures,
            private=private,
            backlog=backlog,
            seconds=self._clock.now() - began_at,
        )

    def _turn_to(self, place: QueueServer | None) -> None:
        """Look at that server from now on, if a worker has told of another one than before.

        Where none is there to tell, in a paused pool say, the jobs are where they were.
        """
        if place not in (None, self._place):
            self._reader.close()
            self._place, self._reader = place, BacklogReader(place, self._clock)

    def _backlog(self) -> Backlog | None:
        try:
            return self._reader.read()
        except BacklogError:
            return None

    def _ask(self, verb: str, **fields: object) -> dict[str, Any]:
        return client.ask(self._control, verb, self._clock, **fields)


def _private(status: PoolStatus) -> dict[str, int] | None:
    """Add up the private memory of the processes of each role; None where it cannot be read."""
    pids_of: dict[str, list[int | None]] = {
        "master": [status.master.pid],
        "listener": [generation.listener for generation in status.generations],
        "worker": [worker.pid for each in status.generations for worker in each.workers],
    }
    try:
        return {role: sum(map(_private_of, pids)) for role, pids in pids_of.items()}
    except MeasureError:
        return None


def _private_of(pid: int | None) -> int:
    memory = None if pid is None else measure(pid)
    return 0 if memory is None else memory.private
