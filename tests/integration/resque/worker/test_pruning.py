"""How a worker clears away those that have died without a word (protocol, section 9)."""

import json
import os
import signal
import socket

import pytest

from resque import times
from resque.errors import PruneDeadWorkerDirtyExit
from resque.worker import pruning
from tests.support.forks import wait_for_end

HOST = socket.gethostname()
LONG_AGO = "2026-11-23T18:39:53+00:00"


@pytest.fixture
def leave_behind(store):
    """Write what a worker that was killed leaves on the server."""

    def leave(worker_id, *, beat=None, job="Lost", queue="old"):
        keys = store.keys
        store.call("SADD", keys.workers, worker_id)
        if beat is not None:
            store.call("HSET", keys.heartbeats, worker_id, beat)
        prefix = keys.worker("").encode()
        raw = worker_id if isinstance(worker_id, bytes) else worker_id.encode()
        if job is not None:
            payload = {"class": job, "args": [1]}
            record = {"queue": queue, "run_at": "2026-11-23T18:39:53Z", "payload": payload}
            store.call("SET", prefix + raw, json.dumps(record, separators=(",", ":")))
        store.call("SET", prefix + raw + b":started", "2026-11-23 18:39:53 +0000")

    return leave


@pytest.fixture
def gone():
    """The pid of a process that has ended."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    wait_for_end(pid)
    return pid


def prune(start_worker, *queues):
    """Have a worker start, look around, and leave; return it."""
    worker = start_worker(*(queues or ("q",)), interval=0)
    assert worker.wait() == 0
    return worker


def test_who_has_been_silent_for_long(start_worker, leave_behind, store):
    """Whatever its host and queues: its job is failed, its traces go."""
    leave_behind("other:1:x,y", beat=LONG_AGO)
    prune(start_worker)
    (failure,) = store.failures()
    assert failure["exception"] == "Resque::PruneDeadWorkerDirtyExit"
    assert failure["error"] == ("Worker other:1:x,y did not gracefully exit while processing Lost")
    assert (failure["worker"], failure["queue"]) == ("other:1:x,y", "old")
    assert failure["payload"] == {"class": "Lost", "args": [1]}
    assert failure["backtrace"] == []
    assert store.worker_ids() == []
    assert store.call("HGETALL", store.keys.heartbeats) == {}
    assert store.call("EXISTS", store.keys.worker("other:1:x,y")) == 0
    assert store.call("EXISTS", store.keys.worker_started("other:1:x,y")) == 0
    assert store.stats() == (0, 0)  # Ruby counts no such failure


def test_an_idle_one_leaves_no_failure(start_worker, leave_behind, store):
    """There was nothing in its hands."""
    leave_behind("other:1:x", beat=LONG_AGO, job=None)
    prune(start_worker)
    assert (store.failures(), store.worker_ids()) == ([], [])


def test_a_heartbeat_alone_is_enough(start_worker, store):
    """Whether it is registered or not."""
    store.call("HSET", store.keys.heartbeats, "other:1:x", LONG_AGO)
    prune(start_worker)
    assert store.call("HGETALL", store.keys.heartbeats) == {}


@pytest.mark.parametrize(
    "beat",
    [
        pytest.param(None, id="none"),
        pytest.param("2999-01-01T00:00:00+00:00", id="in the future"),
        pytest.param("no time at all", id="not a time"),
        pytest.param("", id="empty"),
        pytest.param("1795459193", id="a number"),
        pytest.param(b"\xff\xfe", id="not text"),
    ],
)
def test_of_whom_nothing_can_be_said(start_worker, leave_behind, store, beat):
    """They stay, and hurt nobody; Ruby's workers die of some of these."""
    leave_behind("other:1:x", beat=beat)
    prune(start_worker)
    assert store.worker_ids() == ["other:1:x"]
    assert store.failures() == []


def test_who_was_heard_of_lately(start_worker, leave_behind, store):
    """The limit is 300 s by the server's clock."""
    now = int(store.call("TIME")[0])
    leave_behind("late:1:x", beat=times.heartbeat(now - 290))
    leave_behind("gone:1:x", beat=times.heartbeat(now - 310))
    prune(start_worker)
    assert store.worker_ids() == ["late:1:x"]


# --- neighbours


def test_a_neighbour_without_a_process(start_worker, leave_behind, store, gone):
    """Of this host and these queues, whatever its heartbeat says."""
    neighbour = f"{HOST}:{gone}:b,a"
    leave_behind(neighbour, beat="2999-01-01T00:00:00+00:00")
    prune(start_worker, "a", "b")
    assert store.worker_ids() == []
    (failure,) = store.failures()
    assert (failure["exception"], failure["error"], failure["worker"]) == (
        "Resque::DirtyExit",
        "Job still being processed",
        neighbour,
    )


def test_who_works_everything_sees_to_all_neighbours(start_worker, leave_behind, store, gone):
    """With "*" among its queues."""
    leave_behind(f"{HOST}:{gone}:whatever")
    prune(start_worker, "high", "*", "!low")
    assert store.worker_ids() == []


@pytest.mark.parametrize("of", ["other queues", "another host", "a strange pid", "no queue"])
def test_no_neighbour(start_worker, leave_behind, store, gone, of):
    """Of them this host knows nothing."""
    stranger = {
        "other queues": f"{HOST}:{gone}:a",
        "another host": f"{HOST}x:{gone}:a,b",
        "a strange pid": f"{HOST}:{gone}-0:a,b",
        "no queue": f"{HOST}:{gone}:",
    }[of]
    leave_behind(stranger)
    prune(start_worker, "a", "b")
    assert (store.worker_ids(), store.failures()) == ([stranger], [])


def test_a_living_neighbour_stays(start_worker, store):
    """Its title says what it is."""
    neighbour = start_worker("a", "b")
    neighbour.wait_until_idle()
    store.call("DEL", store.keys.prune_lock)
    store.call("HDEL", store.keys.heartbeats, neighbour.id)
    prune(start_worker, "b", "a")
    assert store.worker_ids() == [neighbour.id]


def test_a_pid_that_another_program_has_now(start_worker, leave_behind, store):
    """The process is there, and is no worker."""
    leave_behind(f"{HOST}:{os.getpid()}:q")
    prune(start_worker)
    assert store.worker_ids() == []


def test_titles_that_are_a_workers():
    """What a Ruby worker looks for in ps; a hidden or impossible process counts as what it is."""
    assert not pruning.is_worker(os.getpid())
    assert not pruning.is_worker(2**22 + 5)
    assert not pruning.is_worker(10**30)
    assert pruning.is_worker(1) is False


# --- whoever looks


def test_one_looks_for_all(start_worker, leave_behind, store):
    """The lock lasts as long as the time between two heartbeats."""
    prune(start_worker)
    assert 0 < store.call("TTL", store.keys.prune_lock) <= 60
    leave_behind("other:1:x", beat=LONG_AGO)
    prune(start_worker)
    assert store.worker_ids() == ["other:1:x"]
    store.call("DEL", store.keys.prune_lock)
    prune(start_worker)
    assert store.worker_ids() == []


def test_a_worker_goes_on_looking(start_worker, leave_behind, store):
    """With each heartbeat, not only when it starts, as Ruby's does."""
    worker = start_worker("q", interval=0.02, heartbeat_interval=0.05)
    worker.wait_until_idle()
    leave_behind("other:1:x", beat=LONG_AGO)
    store.call("DEL", store.keys.prune_lock)  # its seconds are whole
    worker.wait_until(lambda: store.worker_ids() == [worker.id], "the other's end")


@pytest.mark.parametrize(
    "worker_id", [b"\xff\xfe:1:x", b"py:1", b"py:1:", b"::", b"", b"a" * 5000, b"h:1:\x1b[31m"]
)
def test_ids_that_others_wrote(start_worker, leave_behind, store, worker_id):
    """None stops a worker; one that has long been silent goes."""
    leave_behind(worker_id)
    prune(start_worker)
    assert store.call("SMEMBERS", store.keys.workers) == [worker_id]
    store.call("DEL", store.keys.prune_lock)
    leave_behind(worker_id, beat=LONG_AGO)
    prune(start_worker)
    assert store.call("SMEMBERS", store.keys.workers) == []
    (failure,) = store.failures()
    assert failure["worker"] == worker_id.decode("utf-8", "backslashreplace")


@pytest.mark.parametrize(
    "record", [b"no json", b"", b"[]", b"5", b'{"queue":5}', b'{"payload":null}', b"\xff", b"{}"]
)
def test_records_that_others_wrote(start_worker, leave_behind, store, record):
    """Each becomes a failure that can be read, unless there is nothing in it."""
    leave_behind("other:1:x", beat=LONG_AGO, job=None)
    store.call("SET", store.keys.worker("other:1:x"), record)
    prune(start_worker)
    assert store.worker_ids() == []
    failures = store.failures()
    assert len(failures) == (1 if record else 0)
    assert all(f["exception"] == "Resque::PruneDeadWorkerDirtyExit" for f in failures)


def test_a_job_of_a_dead_worker_fails_with_its_hooks(
    start_worker, leave_behind, application, store, tmp_path
):
    """If the one who looks knows the job."""
    seen = tmp_path / "seen"

    @application.job(queue="q", name="Lost")
    class Lost:
        @classmethod
        def perform(cls, number): ...

        @classmethod
        def on_failure(cls, error, number):
            assert isinstance(error, PruneDeadWorkerDirtyExit)
            seen.write_text(f"{error.worker_id} {error.job} {number}")

    leave_behind("other:1:x", beat=LONG_AGO)
    prune(start_worker)
    assert seen.read_text() == "other:1:x Lost 1"
    assert len(store.failures()) == 1


def test_who_was_pruned_alive_is_back_with_its_next_heartbeat(start_worker, store):
    """Registered as before, unlike in Ruby."""
    worker = start_worker("q", interval=60, heartbeat_interval=0.05)
    worker.wait_until_idle()
    traces = store.traces(worker)
    started = store.call("GET", store.keys.worker_started(worker.id))
    for key in (store.keys.workers, store.keys.heartbeats, store.keys.worker_started(worker.id)):
        store.call("DEL", key)
    worker.wait_until(lambda: store.traces(worker) == traces, "its registration")
    assert store.call("GET", store.keys.worker_started(worker.id)) == started


def test_a_hook_of_a_killed_job_that_kills_its_process(start_worker, application, store):
    """It ends with it, the job is recorded all the same, and the worker goes on."""

    @application.job(queue="q", name="Killed")
    class Killed:
        @classmethod
        def perform(cls):
            os.kill(os.getpid(), signal.SIGKILL)

        @classmethod
        def on_failure(cls, _error):
            os.kill(os.getpid(), signal.SIGKILL)

    application.enqueue(Killed)
    worker = start_worker("q", interval=0)
    assert worker.wait() == 0
    (failure,) = store.failures()
    assert failure["error"].startswith("Child process received unhandled signal pid ")
    assert failure["error"].endswith(
        "(its on_failure hooks failed: SIGKILL (signal 9), see the log)"
    )
