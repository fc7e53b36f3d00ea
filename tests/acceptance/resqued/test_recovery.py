"""What becomes of the jobs of the default workers that are killed under the daemon."""

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from resque.client import Resque
from resqued.exit_codes import ExitCode
from resqued.worker.death import WorkerDeath
from tests.support import processes
from tests.support.client import client_of
from tests.support.daemon import Daemon
from tests.support.processes import Process
from tests.support.server import DurableServer, ValkeyServer

#: The application: what its jobs have begun, and in which process.
JOBS = """
import os, pathlib, signal, time
import resque

def note(*words):
    with open("begun", "a") as file:
        file.write(" ".join(map(str, words)) + "\\n")

@resque.job(queue="q", name="Wait")
class Wait:
    @staticmethod
    def perform(number):
        note(number, os.getpid(), os.getppid())
        while not os.path.exists("finish"):
            time.sleep(0.01)
        pathlib.Path(f"done-{number}").touch()

    @staticmethod
    def on_failure_note(error, number):
        pathlib.Path("told").write_text(f"{type(error).__name__} {number}")

@resque.job(queue="q", name="Poison")
def poison():
    note("poison", os.getpid(), os.getppid())
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)
"""

#: A job that will not be interrupted.
STUBBORN = """
@resque.job(queue="q", name="Stubborn")
def stubborn(number):
    note(number, os.getpid(), os.getppid())
    while True:
        try:
            time.sleep(60)
        except resque.TermException:
            note("interrupted", os.getpid(), os.getppid())
"""

#: The pool by its name: others may run beside it.
PIDFILE = ("--pidfile", "resqued.pid")
#: Seconds from a worker's death until its job is seen to.
SOON = 1.0


class Pool:
    """A daemon with real workers for the queue ``q``, and the server that they work with."""

    def __init__(self, daemon: Daemon, server: ValkeyServer, client: Resque) -> None:
        self.daemon = daemon
        self.server = server
        self.client = client

    def start(self, count: int, options: str = "", *arguments: str) -> None:
        """Start, and wait until all workers wait for jobs."""
        self.daemon.write("myapp.py", JOBS + STUBBORN)
        self.daemon.start(
            f"import myapp\nworker_pool({count}, 'q', interval=0.05{options})\n",
            *arguments,
            environment={"REDIS_URL": self.server.url},
        )
        self.daemon.wait_for_workers(count)

    def begun(self, name: str, times: int = 1) -> list[tuple[Process, Process]]:
        """Wait until jobs have begun ``times`` times; return the job's and the worker's process."""

        def pids() -> list[tuple[int, int]]:
            lines = [line.split() for line in self.daemon.read("begun").splitlines()]
            return [(int(job), int(worker)) for what, job, worker in lines if what == name]

        self.daemon.wait_until(lambda: len(pids()) >= times, f"{name} begun {times} times")
        found = [(processes.find(job), processes.find(worker)) for job, worker in pids()]
        return [(job, worker) for job, worker in found if job and worker]

    def failures(self) -> list[dict[str, Any]]:
        """Return the failure records."""
        keys = self.client.keys
        return [json.loads(r) for r in self.client.server.call("LRANGE", keys.failed, 0, -1)]

    def traces(self, worker: Process) -> list[str]:
        """Return the keys that speak of a worker, and its entries in the others."""
        call, keys = self.client.server.call, self.client.keys
        ids = [*call("KEYS", "*"), *call("SMEMBERS", keys.workers), *call("HKEYS", keys.heartbeats)]
        return [i.decode() for i in ids if f":{worker.pid}:".encode() in i]


@pytest.fixture
def pool(daemon: Daemon, clean_valkey: ValkeyServer) -> Iterator[Pool]:
    """The pool; its server is the run's."""
    with client_of(clean_valkey.url) as client:
        yield Pool(daemon, clean_valkey, client)


@pytest.fixture
def lasting_pool(daemon: Daemon) -> Iterator[Pool]:
    """The pool with a server that may go away and come back."""
    with DurableServer() as server, client_of(server.url) as client:
        yield Pool(daemon, server, client)


def test_the_job_of_a_killed_worker_is_recorded_at_once(pool: Pool):
    """Within a second: the record, its hooks run; no child, no trace, and a worker in its place."""
    pool.start(1)
    pool.client.enqueue_to("q", "Wait", 7)
    ((job, worker),) = pool.begun("7")

    killed_at = time.monotonic()
    os.kill(worker.pid, signal.SIGKILL)
    pool.daemon.wait_until(pool.failures, "the failure record")
    pool.daemon.wait_until(lambda: not job.is_there, "the job's end")
    assert time.monotonic() - killed_at < SOON

    (failure,) = pool.failures()
    assert (failure["exception"], failure["error"], failure["worker"]) == (
        *("Resque::DirtyExit", "Job still being processed"),
        f"{os.uname().nodename}:{worker.pid}:q",
    )
    assert failure["payload"] == {"class": "Wait", "args": [7]}
    assert pool.daemon.read("told") == "DirtyExit 7"
    pool.daemon.wait_until(lambda: not pool.traces(worker), "the worker forgotten")
    (other,) = pool.daemon.wait_for_workers(1).workers
    assert other.pid != worker.pid
    assert not (pool.daemon.folder / "done-7").exists()
    assert pool.daemon.stop() == 0
    assert len(pool.failures()) == 1


def test_the_job_of_a_killed_worker_is_put_back(pool: Pool):
    """At the head of its queue, if the pool says so; another worker performs it."""
    pool.start(2, ', on_worker_death="requeue"')
    pool.client.enqueue_to("q", "Wait", 7)
    ((job, worker),) = pool.begun("7")

    killed_at = time.monotonic()
    os.kill(worker.pid, signal.SIGKILL)
    pool.begun("7", times=2)
    pool.daemon.wait_until(lambda: not job.is_there, "the first one's end")
    assert time.monotonic() - killed_at < SOON
    pool.daemon.write("finish", "")
    pool.daemon.wait_until((pool.daemon.folder / "done-7").exists, "the job done")

    assert pool.daemon.stop() == 0
    assert (pool.failures(), pool.client.size("q"), pool.traces(worker)) == ([], 0, [])


def test_a_job_that_kills_its_workers_is_put_aside(pool: Pool):
    """After as many deaths as the pool allows, with a record that says so."""
    pool.start(3, ', on_worker_death="requeue"')
    pool.client.enqueue_to("q", "Poison")
    pool.daemon.wait_until(pool.failures, "the failure record")

    (failure,) = pool.failures()
    assert (failure["exception"], failure["error"]) == (
        *("Resque::PoisonJob", "Job has killed 3 workers, and is not tried again"),
    )
    assert pool.client.size("q") == 0
    assert len(pool.daemon.read("begun").splitlines()) == 3
    pool.daemon.wait_for_workers(3)
    assert pool.daemon.stop() == 0
    assert pool.client.server.call("KEYS", "resque:deaths:*") == []


def test_a_server_that_is_away_holds_nobody_up(lasting_pool: Pool):
    """The listener goes on, its worker comes back, and the job is recorded with the server."""
    pool, daemon, server = lasting_pool, lasting_pool.daemon, lasting_pool.server
    pool.start(1)
    pool.client.enqueue_to("q", "Wait", 7)
    ((job, worker),) = pool.begun("7")
    server.stop()
    os.kill(worker.pid, signal.SIGKILL)
    recovering = daemon.wait_until(
        lambda: daemon.tree().titled(r"resqued-\S+ recovery"), "somebody who sees to it"
    )
    daemon.wait_until(lambda: len(daemon.tree().workers) == 1, "a worker in its place")
    assert daemon.tree().titled(r"resqued-\S+ recovery") == recovering
    assert not job.is_there

    daemon.signal(signal.SIGQUIT)
    daemon.wait_until(lambda: not daemon.tree().workers, "the workers' end")
    server.start()
    assert daemon.wait_for_exit() == 0
    daemon.wait_until_gone()
    assert [failure["exception"] for failure in pool.failures()] == ["Resque::DirtyExit"]
    assert pool.traces(worker) == []


def test_a_worker_killed_while_the_daemon_stops(pool: Pool):
    """The listener sees to that, too, before it leaves."""
    pool.start(1)
    pool.client.enqueue_to("q", "Wait", 7)
    ((_, worker),) = pool.begun("7")
    pool.daemon.signal(signal.SIGQUIT)
    pool.daemon.wait_until(
        lambda: any("[shutdown]" in p.title for p in pool.daemon.tree().listeners), "a stop"
    )
    os.kill(worker.pid, signal.SIGKILL)
    assert pool.daemon.wait_for_exit() == 0
    assert [failure["exception"] for failure in pool.failures()] == ["Resque::DirtyExit"]
    assert pool.client.worker_ids() == []


def test_a_worker_killed_by_a_second_term(pool: Pool):
    """Its job goes back as well, by a process that may outlive the daemon for a moment."""
    pool.start(1, ', on_worker_death="requeue"')
    pool.client.enqueue_to("q", "Stubborn", 7)
    ((job, worker),) = pool.begun("7")
    pool.daemon.signal(signal.SIGTERM)
    pool.begun("interrupted")
    pool.daemon.signal(signal.SIGTERM)
    assert pool.daemon.wait_for_exit() == 0
    pool.daemon.wait_until_gone()
    assert (pool.client.size("q"), pool.failures(), pool.traces(worker)) == (1, [], [])
    assert not job.is_there


def test_a_factory_of_ones_own(pool: Pool):
    """It has no way with dead workers unless it says so; then it is told whose job it is."""
    pool.start(1)
    pool.daemon.write(
        "resqued.py",
        """
import myapp
from resque.worker import Worker
def build(queues):
    return Worker(queues)
def recover(death):
    with open("dead", "w") as file:
        print(death, file=file)
build.recover = recover
worker_factory(build)
worker("q", "r", interval=0.05, max_deaths=5)
""",
    )
    pool.daemon.signal(signal.SIGHUP)
    pool.daemon.wait_until(
        lambda: pool.daemon.tree().titled(r"resque-\S+ Waiting for q,r"), "the new worker"
    )
    (worker,) = pool.daemon.wait_for_workers(1).workers
    os.kill(worker.pid, signal.SIGKILL)
    name = f"{os.uname().nodename}:{worker.pid}:q,r"
    expected = f"{WorkerDeath(worker.pid, name, ('q', 'r'), 'fail', 5)}\n"
    pool.daemon.wait_until(lambda: pool.daemon.read("dead") == expected, "the news of its death")
    pool.daemon.wait_for_workers(1)
    assert pool.daemon.stop() == 0


@pytest.mark.parametrize("policy", ["fail", "requeue"])
def test_a_reload_while_the_server_is_away(lasting_pool: Pool, policy: str):
    """A job that ends meanwhile has its worker stay until that is known: it is done once."""
    pool = lasting_pool
    pool.daemon.customize("resque.worker.patience", LAST_TRIES=0.2)
    pool.start(2, f', on_worker_death="{policy}"', *PIDFILE)
    pool.client.enqueue_to("q", "Wait", 7)
    ((_, worker),) = pool.begun("7")
    (idle,) = (other for other in pool.daemon.tree().workers if other.pid != worker.pid)
    pool.server.stop()
    pool.daemon.write("finish", "")
    reload = pool.daemon.run("reload", "--wait", "--timeout", "1", *PIDFILE)
    assert reload.returncode == ExitCode.STILL_RUNNING
    pool.daemon.wait_for_log("Listener #2 .* runs")
    pool.daemon.wait_for_log("Staying until the server is well")
    pool.daemon.wait_until(lambda: not idle.is_there, "the end of the one that has nothing in hand")

    pool.server.start()
    pool.daemon.wait_until(lambda: not worker.is_there, "the end of the worker")
    new = pool.daemon.wait_for_workers(2)
    assert len(new.workers_of(2)) == 2
    assert len(pool.daemon.read("begun").splitlines()) == 1
    assert (pool.client.size("q"), pool.failures(), pool.traces(worker)) == (0, [], [])
    assert pool.client.info().processed == 1
    assert pool.daemon.stop() == 0
