"""How a worker shows: to other workers and dashboards, and to ps."""

import json
import os
import re
import time
from datetime import datetime
from pathlib import Path

import pytest

import resque
from resque.clock import SystemClock
from resque.worker import liveness
from tests.support.latch import Latch

VERSION = re.escape(resque.__version__)


def test_a_registered_worker(start_worker, store):
    """The set, the start in local time, a heartbeat in the server's time; no record while idle."""
    before = int(time.time())
    worker = start_worker("high", "low")
    worker.wait_until_idle()
    assert store.traces(worker) == ["worker:ID:started", "workers", "workers:heartbeat"]
    assert store.worker_ids() == [worker.id]
    assert worker.id.endswith(f":{worker.pid}:high,low")
    started = store.call("GET", store.keys.worker_started(worker.id)).decode()
    at = datetime.strptime(started, "%Y-%m-%d %H:%M:%S %z")
    heartbeat = store.call("HGET", store.keys.heartbeats, worker.id).decode()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", heartbeat)
    for moment in (at, datetime.fromisoformat(heartbeat)):
        assert before <= moment.timestamp() <= time.time()


def test_the_id_leaves_negations_out(start_worker, store):
    """As Ruby has it, or its parser would take them for queues."""
    worker = start_worker("*", "!low")
    worker.wait_until_idle()
    assert store.worker_ids() == [worker.id]
    assert worker.id.endswith(f":{worker.pid}:*")


def test_the_heartbeat_goes_on(start_worker, held_job, application, store):
    """An idle worker writes it, and one with a job too."""
    worker = start_worker("q", interval=0.3, heartbeat_interval=0.05)
    for prepare in (worker.wait_until_idle, lambda: _begin(application, held_job)):
        prepare()
        store.call("HSET", store.keys.heartbeats, worker.id, "overwritten")
        worker.wait_until(
            lambda: store.call("HGET", store.keys.heartbeats, worker.id) != b"overwritten",
            "another heartbeat",
        )
    held_job.may_go_on.open()
    worker.leave()


def _begin(application, held_job):
    application.enqueue_to("q", "Held")
    held_job.has_begun.wait()


def test_the_record_of_a_running_job(start_worker, held_job, store):
    """Others see queue, time and payload, byte for byte, until the job is done."""
    element = b'{"class":"Held","args":[12345678901234567890,[],{}],"extra":{}}'
    store.push("q", element)
    before = int(time.time())
    worker = start_worker("q")
    held_job.has_begun.wait()
    record = store.record(worker)
    run_at = json.loads(record)["run_at"]
    assert record == b'{"queue":"q","run_at":"%s","payload":%s}' % (run_at.encode(), element)
    assert run_at.endswith("Z")
    assert before <= datetime.fromisoformat(run_at).timestamp() <= time.time()
    held_job.may_go_on.open()
    worker.wait_until_idle()
    assert "worker:ID" not in store.traces(worker)
    assert "stat:processed:ID" in store.traces(worker)


class StoppedClock(SystemClock):
    """A clock whose wall time stays at what it was in the beginning."""

    def __init__(self):
        self.time = super().epoch()

    def epoch(self):
        """Return that time."""
        return self.time


def test_titles(start_worker, held_job, application):
    """What ps shows in every state; a Ruby pruner looks for ``resque-<digit>``."""
    clock = StoppedClock()

    def prepare(worker):
        worker.clock = clock

    worker = start_worker("q", "low", interval=0.02, prepare=prepare)
    worker.wait_until_idle()
    assert re.fullmatch(rf"resque-{VERSION}: Waiting for q,low", worker.title)
    application.enqueue_to("q", "Held")
    held_job.has_begun.wait()
    title = worker.wait_for_title("Forked ")
    forked = re.fullmatch(rf"resque-{VERSION}: Forked (\d+) at (\d+)", title)
    job = worker.job
    processing = re.fullmatch(rf"resque-{VERSION}: Processing q since (\d+) \[Held\]", job.title)
    assert forked[1] == str(job.pid)
    assert forked[2] == processing[1] == str(int(clock.epoch()))
    held_job.may_go_on.open()
    worker.wait_until_idle()
    worker.leave()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="titles are read from /proc")
def test_the_title_of_a_busy_worker(start_worker, held_job, application, note):
    """Of short jobs it does not tell, and names no process that is gone, of a long one before."""

    @application.job(queue="q", name="Look")
    def look():
        note(Path(f"/proc/{os.getppid()}/cmdline").read_text().strip("\0"))

    for name in ("Look", "Held", "Look", "Look"):
        application.enqueue_to("q", name)
    worker = start_worker("q", interval=0.02)
    worker.wait_for_title("Forked ")
    held_job.may_go_on.open()
    worker.wait_until_idle()
    worker.leave()

    assert [line.partition(": ")[2] for line in note.lines()] == ["Working for q"] * 3


def test_the_first_title(start_worker, latch, monkeypatch):
    """It stands before the worker registers, for pruners that look meanwhile."""
    registers, may_register = latch(), latch()
    original = liveness.Liveness.register

    def register(self):
        registers.open()
        may_register.wait()
        original(self)

    monkeypatch.setattr(liveness.Liveness, "register", register)
    worker = start_worker("q")
    registers.wait()
    assert re.fullmatch(rf"resque-{VERSION}: Starting", worker.title)
    may_register.open()
    worker.wait_until_idle()


def test_a_class_name_in_a_title(start_worker, application, latch):
    """Whatever a payload's class holds, the title is one printable line."""
    has_begun, may_go_on = latch(), latch()

    @application.job(queue="q", name="a\nb\x1b[31m" + "x" * 300)
    def perform():
        has_begun.open()
        may_go_on.wait()

    perform.enqueue()
    worker = start_worker("q")
    has_begun.wait()
    title = worker.job.title
    assert re.fullmatch(rf"resque-{VERSION}: Processing q since \d+ \[a\?b\?\[31mx+", title)
    may_go_on.open()
    worker.leave()


# --- a record left under the same id


@pytest.fixture
def start_after_death(start_worker, store):
    """Start a worker under the id of one that died with this record."""

    def start(record, latch: Latch | None = None):
        def prepare(worker):
            keys = store.keys
            store.call("SADD", keys.workers, worker.id)
            store.call("SET", keys.worker(worker.id), record)
            store.call("SET", keys.worker_stat("processed", worker.id), 41)

        return start_worker("q", interval=0, prepare=prepare)

    return start


@pytest.mark.parametrize(
    "element", [b'{"class":"X","args":[12345678901234567890,{}]}', b'{"class":"X","n":[]}']
)
def test_the_job_of_a_dead_worker(start_after_death, store, element):
    """A job that was recorded under this id is failed as Ruby does it, uncounted."""
    record = b'{"queue":"old","run_at":"2026-11-23T18:39:53Z","payload":' + element + b"}"
    worker = start_after_death(record)
    assert worker.wait() == 0
    (failure,) = store.failures()
    assert (failure["exception"], failure["error"]) == (
        "Resque::DirtyExit",
        "Job still being processed",
    )
    assert (failure["queue"], failure["worker"], failure["backtrace"]) == ("old", worker.id, [])
    (raw,) = store.call("LRANGE", store.keys.failed, 0, -1)
    assert b'"payload":' + element + b"," in raw
    assert store.stats()[1] == 0
    assert store.stats()[0] == 0
    assert store.traces(worker) == []


def test_the_bad_element_of_a_dead_worker(start_after_death, store):
    """What was no job is failed, too."""
    worker = start_after_death(b'{"queue":"old","run_at":"x","payload":"no json"}')
    assert worker.wait() == 0
    (failure,) = store.failures()
    assert failure["payload"] == '"no json"'
