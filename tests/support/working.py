"""A real worker in a forked process, to be looked at, signalled and waited for."""

import logging
import os
import pathlib
import select
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from signal import Signals

from resque.client import Resque
from resque.worker import Worker, liveness
from resqued.process.reaper import ExitStatus
from resqued.process.spawn import fork_child
from tests.support import processes, waiting
from tests.support.processes import Process

_STANDBY = "Standing by"


def do_nothing(_worker: Worker) -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is to be like."""

    queues: Sequence[str]
    interval: float = 60.0  #: so long that a test which passes never waits for its end
    term_timeout: float = 4.0
    heartbeat_interval: float = liveness.HEARTBEAT_INTERVAL
    prepare: Callable[[Worker], None] = do_nothing  #: runs in its process, before it works


class WorkerProcess:
    """The test's hold on one worker, whose log goes to a file of its own."""

    def __init__(self, order: Order, client: Resque, log: pathlib.Path) -> None:
        """Fork."""
        self._log = log
        self._client = client
        self._order = order
        self.pid = fork_child(self._body)
        self._pidfd = os.pidfd_open(self.pid)
        self._status: ExitStatus | None = None

    def _body(self) -> int:
        logging.basicConfig(filename=self._log, level=logging.DEBUG, force=True)
        worker = Worker(self._order.queues, self._client)
        worker.term_timeout = self._order.term_timeout
        worker.heartbeat_interval = self._order.heartbeat_interval
        self._order.prepare(worker)
        worker.work(self._order.interval)
        return 0

    @property
    def id(self) -> str:
        """The id under which it registers."""
        shown = ",".join(queue for queue in self._order.queues if not queue.startswith("!"))
        return f"{os.uname().nodename}:{self.pid}:{shown}"

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._log.read_text() if self._log.exists() else ""

    @property
    def title(self) -> str:
        """What ps shows for it, nothing once it has ended."""
        process = processes.find(self.pid)
        return process.title if process else ""

    @property
    def job(self) -> Process | None:
        """The process of its job, if it has one."""
        return next((p for p in self._children if _STANDBY not in p.title), None)

    @property
    def standby(self) -> Process | None:
        """The process that waits for its next job, if one does."""
        return next((p for p in self._children if _STANDBY in p.title), None)

    @property
    def _children(self) -> list[Process]:
        return processes.children(self.pid)

    def wait_for_title(self, start: str) -> str:
        """Wait until its title begins like this behind its version, and return the whole."""
        self.wait_until(lambda: self.title.partition(": ")[2].startswith(start), f"title {start}")
        return self.title

    def wait_until_idle(self) -> None:
        """Wait until it waits for jobs."""
        self.wait_for_title("Waiting for ")

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition; raises with the worker's log."""
        waiting.wait_until(condition, what, explain=lambda: f"{self.title}\n{self.log}")

    def signal(self, number: Signals) -> None:
        """Signal it; it has not been reaped, so the pid is its own."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = waiting.PATIENCE) -> int | None:
        """Wait for its end and return its exit status, None if a signal ended it."""
        ready, _, _ = select.select([self._pidfd], [], [], seconds)
        assert ready, f"the worker has not left within {seconds} s:\n{self.title}\n{self.log}"
        return self._reap().code

    def assert_stays(self, seconds: float) -> None:
        """See that it does not leave within this time."""
        ready, _, _ = select.select([self._pidfd], [], [], seconds)
        assert not ready, f"the worker has left: {self._reap()}\n{self.log}"

    def leave(self) -> None:
        """Have it leave by QUIT, which must go well."""
        self.signal(signal.SIGQUIT)
        assert self.wait() == 0, self.log

    def clean_up(self) -> None:
        """Leave neither it nor its job behind."""
        if self._status is None:
            below = self._children
            self.signal(signal.SIGKILL)
            self._reap()
            for process in below:
                waiting.wait_until(lambda p=process: not p.is_there, "the end of its processes")
        os.close(self._pidfd)

    def _reap(self) -> ExitStatus:
        if self._status is None:
            self._status = ExitStatus.from_wait(*os.waitpid(self.pid, 0))
        return self._status
