"""What a pool's workers and their jobs may take, under the daemon, with a real server."""

import re
from collections.abc import Callable

import pytest

from resque.client import Resque
from tests.support.client import client_of
from tests.support.control import ask, workers_of
from tests.support.daemon import Daemon
from tests.support.inspection import Inspector
from tests.support.server import ValkeyServer

#: The application: jobs that note the pid of their worker.
JOBS = """
import os, time
import resque
from jobs import note

@resque.job(queue="q", name="Mark")
def mark(number):
    note("done", f"{number} {os.getppid()}")

@resque.job(queue="q", name="Own")
def own(number):
    note("own", f"{number} {os.getpid()}")

@resque.job(queue="q", name="Fail")
def fail(name):
    note("begun", f"{os.getpid()} {os.getppid()}")
    while not os.path.exists(name):
        time.sleep(0.01)
    raise RuntimeError("as asked")

@resque.job(queue="q", name="Stuck")
def stuck():
    note("begun", f"{os.getpid()} {os.getppid()}")
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass

@resque.job(queue="q", name="Clings")
class Clings:
    @staticmethod
    def perform():
        raise RuntimeError("as asked")

    @staticmethod
    def on_failure(error):
        if not os.path.exists("begun"):  # who sees to what it leaves runs it again
            stuck()
"""
LOAD = "@before_fork\ndef load(): import app\n"


@pytest.fixture
def start(daemon: Daemon, clean_valkey: ValkeyServer) -> Callable[[str], None]:
    """Start the daemon with the application, and with these lines of a config file."""

    def run(config: str) -> None:
        daemon.write("app.py", JOBS)
        daemon.start(LOAD + config, environment={"REDIS_URL": clean_valkey.url})

    return run


def test_a_pool_that_is_recycled(daemon: Daemon, client: Resque, start: Callable[[str], None]):
    """Each worker does its three jobs; the next comes at once, and there are never too many."""
    for number in range(10):
        client.enqueue_to("q", "Mark", number)
    start("worker_pool(2, 'q', interval=0.1, max_jobs=3)\n")
    inspector = Inspector(daemon, most=2)
    daemon.wait_until(
        lambda: inspector.look() and daemon.read("done").count("\n") == 10, "ten jobs"
    )
    numbers, pids = zip(*(line.split() for line in daemon.read("done").splitlines()), strict=True)
    assert sorted(map(int, numbers)) == list(range(10))
    assert len(set(pids)) >= 4
    assert max(map(pids.count, pids)) == 3
    assert client.failure_count() == 0

    daemon.wait_until(lambda: len(daemon.tree().waiting) == 2, "a whole pool")
    assert daemon.stop() == 0
    assert not re.search("WARNING|ERROR|Traceback|next start in", daemon.log)
    assert len(re.findall(r"leaves for a fresh one: 3 jobs done \(max_jobs\)", daemon.log)) >= 2
    assert client.worker_ids() == []


def test_jobs_that_share_a_process(daemon: Daemon, client: Resque, start: Callable[[str], None]):
    """As many as the pool says, and no more."""
    for number in range(10):
        client.enqueue_to("q", "Own", number)
    start("worker_pool(1, 'q', interval=0.1, jobs_per_fork=4)\n")
    daemon.wait_until(lambda: daemon.read("own").count("\n") == 10, "ten jobs")
    numbers, pids = zip(*(line.split() for line in daemon.read("own").splitlines()), strict=True)
    assert list(map(int, numbers)) == list(range(10))
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [4, 4, 2]
    assert daemon.stop() == 0


def test_a_job_that_takes_too_long(daemon: Daemon, client: Resque, start: Callable[[str], None]):
    """The pool's limit ends it; its worker stays and takes the next."""
    client.enqueue_to("q", "Stuck")
    client.enqueue_to("q", "Mark", 1)
    hook = "@after_fork\ndef hurry(worker): worker.term_timeout = 0.2\n"
    start(hook + "worker_pool(1, 'q', interval=0.1, timeout=0.5)\n")
    daemon.wait_until(lambda: daemon.read("done"), "the next job")
    worker = daemon.read("begun").split()[1]
    assert daemon.read("done").split() == ["1", worker]
    (failure,) = client.failures.page(0, 10)
    assert failure.exception == "JobTimeout"
    assert failure.error == "took more than 0.5 s (limit of the worker)"
    assert failure.backtrace[0].endswith("in `stuck'")
    assert daemon.stop() == 0


@pytest.mark.parametrize("name", ["Stuck", "Clings"])
def test_a_job_in_the_worker_s_own_process(
    daemon: Daemon, client: Resque, start: Callable[[str], None], name: str
):
    """The listener ends the worker from outside, and has its job recorded; another comes.

    Also where it is a hook for the job's failure that does not end.
    """
    client.enqueue_to("q", name)
    hook = "@after_fork\ndef no_fork(worker): worker.fork_per_job = False\n"
    options = "interval=0.1, timeout=0.5"
    start(f"stop_timeout(0.5)\n{hook}worker_pool(1, 'q', {options})\n")
    daemon.wait_until(lambda: daemon.read("begun"), "the job")
    stuck = int(daemon.read("begun").split()[0])
    client.enqueue_to("q", "Mark", 1)
    daemon.wait_until(lambda: daemon.read("done"), "the next job")

    daemon.wait_until(client.failure_count, "the failure record")
    (failure,) = client.failures.page(0, 10)
    assert failure.exception == "JobTimeout"
    assert failure.error == "took more than 0.5 s (limit of the worker)"
    assert stuck not in {process.pid for process in daemon.tree().processes}
    said = f"Worker {stuck} for q has had {name!r} for more than 0.5 s: "
    assert daemon.log.count(f"{said}SIGTERM") == daemon.log.count(f"{said}SIGKILL") == 1
    assert re.search(
        r"hread 0x.*\n(?:  File .*\n)*?  File \S+app.py\", line \d+ in stuck", daemon.log
    )
    assert "next start in" not in daemon.log
    assert daemon.stop() == 0


def test_a_job_that_has_ended_while_the_server_is_away(daemon: Daemon):
    """It has not taken too long, however long its failure waits to be written down."""
    hook = "@after_fork\ndef no_fork(worker): worker.fork_per_job = False\n"
    daemon.write("app.py", JOBS)
    with ValkeyServer() as server, client_of(server.url) as client:
        client.enqueue_to("q", "Fail", "go")
        config = f"{LOAD}{hook}worker_pool(1, 'q', interval=0.1, timeout=1.5)\n"
        daemon.start(config, "-p", "a.pid", environment={"REDIS_URL": server.url})
        daemon.wait_until(lambda: daemon.read("begun"), "the job")
        server.stop()
        daemon.write("go", "")
        daemon.wait_for_log("Trying again until the server is well")

        def job_age() -> float:
            (worker,) = workers_of(ask(daemon.folder / "a.sock", "status"))
            assert (worker["state"], worker["job"]) == ("busy", "Fail")
            return float(worker["job_age"])

        daemon.wait_until(lambda: job_age() > 3, "twice the limit")
        server.start()
        client.enqueue_to("q", "Own", 1)
        daemon.wait_until(lambda: daemon.read("own"), "the next job")

        (failure,) = client.failures.page(0, 10)
        assert (failure.exception, failure.error) == ("RuntimeError", "as asked")
        assert "has had 'Fail' for more than" not in daemon.log
        assert daemon.read("own").split()[1] == daemon.read("begun").split()[0]
        assert daemon.stop() == 0
