"""What Python does around forks for the sake of other threads: done where there are some."""

import sys
from pathlib import Path

import pytest

from resque.client import Resque
from tests.support.client import client_of
from tests.support.daemon import Daemon
from tests.support.server import ValkeyServer

#: Says whether its process was forked with nothing made anew, after a line to a log of its own.
JOBS = """
import logging
import os
import threading

import resque

LOCK = threading._active_limbo_lock
HANDLER = logging.StreamHandler()
logging.getLogger("app").addHandler(HANDLER)

@resque.job(queue="q", name="Look")
def look(file):
    logging.getLogger("app").warning("a job speaks")
    with open(f"{file}.new", "w") as new:
        new.write("shared" if threading._active_limbo_lock is LOCK else "made anew")
    os.rename(f"{file}.new", file)

def hold():
    held = threading.Event()
    def run():
        with HANDLER.lock:
            held.set()
            threading.Event().wait()
    threading.Thread(target=run, daemon=True).start()
    held.wait()
"""


def looked(daemon: Daemon, client: Resque, number: int) -> str:
    """Return what a job says."""
    file = Path(daemon.folder, f"found-{number}")
    element = f'{{"class":"Look","args":["{file}"]}}'
    client.server.call("RPUSH", client.keys.queue("q"), element)
    daemon.wait_until(file.exists, "the job")
    return file.read_text()


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="its hooks were not looked at")
@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        pytest.param("", "shared", id="no thread"),
        pytest.param("\n@after_fork\ndef begin():\n    myapp.hold()\n", "made anew", id="a thread"),
    ],
)
def test_locks_are_made_anew_where_a_thread_may_hold_them(
    daemon: Daemon, clean_valkey: ValkeyServer, hook: str, expected: str
):
    """One that a worker's thread holds would keep each of its jobs from logging, for good."""
    daemon.write("myapp.py", JOBS)
    environment = {"REDIS_URL": clean_valkey.url}
    daemon.start(f"import myapp\nworker('q', interval=1)\n{hook}", environment=environment)
    daemon.wait_for_workers(1)

    with client_of(clean_valkey.url) as client:
        assert [looked(daemon, client, number) for number in range(3)] == [expected] * 3
    assert daemon.stop() == 0
    assert daemon.log.splitlines().count("a job speaks") == 3
