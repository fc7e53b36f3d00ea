"""Default workers under the daemon: told of jobs by the server, one of them for all."""

import os
import pathlib
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from resque.client import Resque
from tests.support.client import client_of
from tests.support.daemon import Daemon
from tests.support.monitor import Monitor
from tests.support.processes import Process
from tests.support.server import ValkeyServer

#: A job that leaves a file.
JOBS = """
import pathlib
import resque

@resque.job(queue="q", name="Touch")
def touch(number):
    pathlib.Path(f"done-{number}").touch()
"""
#: Seconds that no worker looks by itself.
INTERVAL = 600
#: Seconds within which a job must be done, whoever dies; its worker may be restarted meanwhile.
SOON = 5.0
COUNT = 6


class Pool:
    """A daemon with workers for ``q``, and the server that they work with."""

    def __init__(self, daemon: Daemon, server: ValkeyServer, client: Resque) -> None:
        self.daemon = daemon
        self.server = server
        self.client = client
        self._number = 0

    def start(self, config: str, count: int = COUNT) -> None:
        """Start, and wait until all workers wait for jobs, and the server is to tell of them."""
        self.daemon.write("myapp.py", JOBS)
        self.daemon.start(f"import myapp\n{config}", environment={"REDIS_URL": self.server.url})
        self.daemon.wait_for_workers(count)
        self.daemon.wait_until(lambda: self.watchers, "one who is told")

    @property
    def watchers(self) -> int:
        """How many connections the server tells of changes."""
        clients = self.client.server.call("CLIENT", "LIST").decode()
        return len(re.findall(r" flags=t ", clients))

    def push(self, queue: str = "q") -> pathlib.Path:
        """Push a job as anybody does; returns the file that it will leave."""
        self._number += 1
        element = f'{{"class":"Touch","args":[{self._number}]}}'
        self.client.server.call("RPUSH", self.client.keys.queue(queue), element)
        return self.daemon.folder / f"done-{self._number}"

    def work(self, queue: str = "q") -> None:
        """Push a job and wait for it; not as long as anything is waited for here."""
        file = self.push(queue)
        self.daemon.wait_until(file.exists, f"the job {self._number}", SOON)

    def leader(self) -> Process:
        """Return the worker that has the lock of the batons' file."""
        found: list[int] = []

        def has_it() -> bool:
            locks = pathlib.Path("/proc/locks").read_text().splitlines()
            holders = {int(line.split()[4]) for line in locks if "POSIX" in line}
            found[:] = [p.pid for p in self.daemon.tree().workers if p.pid in holders]
            return len(found) == 1

        self.daemon.wait_until(has_it, "one leader")
        return next(p for p in self.daemon.tree().workers if p.pid == found[0])


@pytest.fixture
def pool(daemon: Daemon) -> Iterator[Pool]:
    """A pool with a server of its own, which may be counted on to be quiet."""
    with ValkeyServer() as server, client_of(server.url) as client:
        yield Pool(daemon, server, client)


def test_jobs_begin_at_once(pool: Pool):
    """Each pool's, fixed queues or patterns, whether one works them or many."""
    pool.start(
        f"worker_pool({COUNT}, 'q', 'low', interval={INTERVAL})\n"
        f"worker('alone', interval={INTERVAL})\n"
        f"worker_pool(2, 'x*', interval={INTERVAL})\n",
        COUNT + 3,
    )
    for _ in range(COUNT + 2):
        pool.work()
    pool.work("low")
    pool.work("alone")
    pool.client.server.call("SADD", pool.client.keys.queues, "x1")
    pool.work("x1")
    assert pool.daemon.stop() == 0


def test_the_leader_is_killed(pool: Pool):
    """Idle or a moment after a push: the next one is told by the listener, and looks at once."""
    pool.start(f"worker_pool({COUNT}, 'q', interval={INTERVAL})\n")
    files: list[pathlib.Path] = []

    def is_accounted_for() -> bool:
        return _is_accounted_for(pool, files)

    for number in range(8):
        leader = pool.leader()
        files += [pool.push() for _ in range(number % 3)]
        os.kill(leader.pid, signal.SIGKILL)
        files.append(pool.push())
        began = time.monotonic()
        pool.daemon.wait_until(is_accounted_for, "each job's end", SOON)
        assert time.monotonic() - began < SOON
    assert pool.daemon.stop() == 0


def _is_accounted_for(pool: Pool, files: list[pathlib.Path]) -> bool:
    """Tell whether each job has left its file, or a record as it was in the hands of one killed."""
    made = sum(file.exists() for file in files)
    return made + pool.client.failure_count() >= len(files)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_leader_is_stopped(pool: Pool):
    """The others look at each interval until it goes on."""
    pool.start("worker_pool(3, 'q', interval=1)\n", 3)
    leader = pool.leader()
    os.kill(leader.pid, signal.SIGSTOP)
    for _ in range(3):
        pool.work()
    os.kill(leader.pid, signal.SIGCONT)
    pool.work()
    assert pool.daemon.stop() == 0


def test_the_leader_is_told_to_leave_or_stops(pool: Pool):
    """By each way there is to leave, pause included, the watch goes on."""
    pool.start(f"worker_pool(3, 'q', interval={INTERVAL})\n", 3)
    for number in (signal.SIGQUIT, signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
        os.kill(pool.leader().pid, number)
        for _ in range(3):
            pool.work()
    pool.daemon.signal(signal.SIGCONT)
    pool.work()
    assert pool.daemon.stop() == 0


def test_a_leader_dies_without_a_listener(pool: Pool):
    """Those who wait find out by themselves, after an interval."""
    pool.start("worker_pool(3, 'q', interval=1)\n", 3)
    (listener,) = pool.daemon.tree().listeners
    orphans = {worker.pid for worker in pool.daemon.tree().workers}
    os.kill(listener.pid, signal.SIGSTOP)
    leader = pool.leader()
    os.kill(leader.pid, signal.SIGKILL)
    pool.work()
    assert pool.leader().pid in orphans - {leader.pid}
    os.kill(listener.pid, signal.SIGCONT)
    pool.daemon.wait_for_workers(3)
    pool.work()
    assert pool.daemon.stop() == 0


def test_a_reload(pool: Pool):
    """The workers of the next generation have a baton of their own."""
    pool.start(f"worker_pool(3, 'q', interval={INTERVAL})\n", 3)
    old = {worker.pid for worker in pool.daemon.tree().workers}
    pool.daemon.signal(signal.SIGHUP)
    while not old.isdisjoint(p.pid for p in pool.daemon.tree().workers):
        pool.work()
    for _ in range(4):
        pool.work()
    assert pool.daemon.stop() == 0


def test_what_is_said_for_each_job(pool: Pool):
    """As much as one worker alone would, whatever their number."""
    pool.start(f"worker_pool({COUNT}, 'q', interval={INTERVAL})\n")
    for _ in range(2 * COUNT):
        pool.work()
    jobs = 20
    with Monitor(pool.server.port) as monitor:
        for _ in range(jobs):
            pool.work()
        pool.client.server.call("ECHO", "the end")
        said = [words for words in monitor.read_until("the end") if words[0] != "lua"]
    counts = Counter(words[0] for words in said)
    assert counts.pop("RPUSH") == jobs
    assert counts.total() <= 8 * jobs, counts
    assert pool.daemon.stop() == 0
