"""The example that supervises the workers of RQ."""

import pathlib
import signal

import pytest
import redis
import rq

from tests.support.daemon import Daemon
from tests.support.server import ValkeyServer

EXAMPLE = pathlib.Path(__file__).parents[3] / "examples" / "rq_pool.py"

JOBS = """
import os, time

def nap():
    open("begun", "w").close()
    while not os.path.exists("finish"):
        time.sleep(0.01)
    open("done", "w").close()
"""


@pytest.fixture
def queue(clean_valkey: ValkeyServer):
    """The queue that its workers work."""
    with redis.Redis.from_url(clean_valkey.url) as connection:
        yield rq.Queue("default", connection=connection)


def test_a_reload_lets_a_job_of_rq_finish(
    daemon: Daemon, queue: rq.Queue, clean_valkey: ValkeyServer
):
    """The old worker ends with its job; the other one is replaced at once."""
    daemon.write("rq_jobs.py", JOBS)
    daemon.start(EXAMPLE.read_text(), environment={"REDIS_URL": clean_valkey.url})
    daemon.wait_until(lambda: len(rq.Worker.all(connection=queue.connection)) == 2, "two workers")
    former = {worker.pid for worker in rq.Worker.all(connection=queue.connection)}
    queue.enqueue("rq_jobs.nap")
    daemon.wait_until((daemon.folder / "begun").exists, "the job")

    daemon.signal(signal.SIGHUP)
    present = daemon.wait_until(lambda: replaced(queue, former), "a new worker beside the busy one")
    assert len(present & former) == 1
    daemon.write("finish", "")
    daemon.wait_for_log("Generation 2 has taken over")

    assert (daemon.folder / "done").exists()
    # RQ does not unregister a worker that is told to leave while it still starts.
    daemon.wait_until(lambda: idle(queue) and not pids(queue) & former, "new workers only")
    assert daemon.stop() == 0
    assert pids(queue) == set()
    assert queue.failed_job_registry.count == 0


def replaced(queue: rq.Queue, former: set[int]) -> set[int]:
    """Return the workers once one of the former two has been replaced."""
    present = pids(queue)
    return present if len(present) == 2 and len(present & former) == 1 else set()


def idle(queue: rq.Queue) -> bool:
    """Tell whether there are two workers, and both wait for jobs."""
    workers = rq.Worker.all(connection=queue.connection)
    return [worker.get_state() for worker in workers] == ["idle", "idle"]


def pids(queue: rq.Queue) -> set[int]:
    """Return the pids of the workers that are registered."""
    return {worker.pid for worker in rq.Worker.all(connection=queue.connection) if worker.pid}
