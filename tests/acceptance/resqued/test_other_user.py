"""Workers that ``after_fork`` makes another user's, as a daemon that root starts may have."""

import json
import os
import signal

import pytest

from resque.client import Resque
from tests.support.daemon import Daemon
from tests.support.server import ValkeyServer

CONFIG = """
import os, resque

@resque.job(queue="q", name="Who")
def who():
    resque.enqueue_to("answers", "Answer", os.getuid(), os.getppid())

@after_fork
def drop():
    os.setgid(65534)
    os.setuid(65534)

worker_pool(2, "q", interval=0.05)
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root alone may become another user")


def test_they_work_and_are_replaced(daemon: Daemon, client: Resque, clean_valkey: ValkeyServer):
    """Their jobs run as that user; a reload and a stop reach them."""
    daemon.start(CONFIG, environment={"REDIS_URL": clean_valkey.url})
    former = daemon.wait_for_workers(2).workers

    client.enqueue_to("q", "Who")
    daemon.wait_until(lambda: client.size("answers") == 1, "the job's answer")
    (answer,) = client.server.call("LRANGE", client.keys.queue("answers"), 0, -1)
    user, worker = json.loads(answer)["args"]
    assert user == 65534
    assert worker in [each.pid for each in former]

    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: not any(each.is_there for each in former), "the former ones' end")
    daemon.wait_for_workers(2)
    assert daemon.stop() == 0


def test_they_leave_with_master_and_listener(
    daemon: Daemon, client: Resque, clean_valkey: ValkeyServer
):
    """Whatever ends those two, and although they may not look at themselves any more."""
    daemon.start(CONFIG, environment={"REDIS_URL": clean_valkey.url})
    tree = daemon.wait_for_workers(2)

    for process in (*tree.listeners, *tree.masters):
        daemon.signal_process(process, signal.SIGKILL)

    daemon.wait_until(lambda: not any(each.is_there for each in tree.workers), "the workers' end")
    daemon.wait_until(lambda: client.worker_ids() == [], "their unregistration")
