"""A worker killed before and after each command of its life: where its job is then, and at last."""

import json
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from resque.application import Application
from resque.client import Resque
from resque.store.server import connect
from tests.support import waiting
from tests.support.proxy import Proxy
from tests.support.view import View
from tests.support.working import WorkerProcess

QUEUE = "q"
JOB = b'{"class":"Noted","args":[]}'


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Every place in which a job can be, and how often it is there."""

    queued: int
    recorded: int  #: as in a worker's hands
    failed: int
    performed: int
    counted: int

    @property
    def is_known(self) -> bool:
        """Whether it is anywhere, or done and counted."""
        somewhere = self.queued + self.recorded + self.failed
        return somewhere > 0 or self.performed == self.counted == 1


@dataclass(frozen=True, slots=True)
class Life:
    """What a worker is to do in it."""

    patterns: Sequence[str] = (QUEUE,)
    fails: bool = False
    jobs_per_fork: int = 1
    standby: bool = False

    def prepare(self, worker):
        """Set the worker up."""
        worker.jobs_per_fork = self.jobs_per_fork
        worker.standby = self.standby


LIVES = [
    pytest.param(Life(), id="success"),
    pytest.param(Life(fails=True), id="failure"),
    pytest.param(Life(["*"]), id="wildcard"),
    pytest.param(Life(jobs_per_fork=9), id="series"),
    pytest.param(Life(jobs_per_fork=9, fails=True), id="series failure"),
    pytest.param(Life(standby=True), id="standby"),
    pytest.param(Life(standby=True, fails=True), id="standby failure"),
]


@pytest.fixture
def noted(application, tmp_path):
    """The job: it appends a line to a file, and fails when it is to; returns how often it ran."""
    file, must_fail = tmp_path / "noted", tmp_path / "must-fail"

    @application.job(queue=QUEUE, name="Noted")
    def perform():
        with file.open("a") as notes:
            notes.write("performed\n")
        if must_fail.exists():
            raise ValueError("as it must")

    def begin_anew(*, fails):
        file.write_text("")
        must_fail.unlink(missing_ok=True)
        if fails:
            must_fail.touch()

    perform.begin_anew = begin_anew
    perform.count = lambda: len(file.read_text().splitlines())
    return perform


@dataclass(frozen=True, slots=True)
class Stage:
    """A server, and the workers that come and go on it."""

    application: Application
    store: View
    noted: Callable[[], None]
    start_worker: Callable[..., WorkerProcess]
    port: int  #: the server's

    def begin(self, proxy, life):
        """Begin anew on an empty server: start a worker behind a proxy with a job to do."""
        assert self.store.call("FLUSHALL") == b"OK"  # it keeps the scripts
        self.noted.begin_anew(fails=life.fails)
        self.store.push(QUEUE, JOB)
        namespace = self.store.keys.namespace
        client = Resque(connect(proxy.url), self.application.registry, namespace)
        order = {"client": client, "interval": 0, "prepare": life.prepare}
        return self.start_worker(*life.patterns, **order)

    def succeed(self, life):
        """Have another worker look for dead ones, and work what is left."""
        self.store.call("DEL", self.store.keys.prune_lock)
        assert self.start_worker(*life.patterns, interval=0).wait() == 0

    def length(self, life):
        """Return how many commands a whole life takes, once the server knows the scripts."""
        for _ in range(2):
            with Proxy(self.port) as proxy:
                assert self.begin(proxy, life).wait() == 0
        assert self.look() == Whereabouts(0, 0, int(life.fails), 1, 1)
        return len(proxy.commands)

    def look(self):
        """Look everywhere. A worker's record must be JSON whenever there is one."""
        store = self.store
        records = [
            json.loads(record)
            for worker_id in store.worker_ids()
            if (record := store.call("GET", store.keys.worker(worker_id))) is not None
        ]
        assert all(record["payload"]["class"] == "Noted" for record in records)
        return Whereabouts(
            queued=store.size(QUEUE),
            recorded=len(records),
            failed=len(store.failures()),
            performed=self.noted.count(),
            counted=store.stats()[0],
        )


@pytest.fixture
def stage(application, clean_valkey, store, noted, start_worker):
    """The run's server."""
    return Stage(application, store, noted, start_worker, clean_valkey.port)


def kill(worker):
    """End a worker at once; its job's process goes with it."""
    job = worker.job
    worker.signal(signal.SIGKILL)
    assert worker.wait() is None
    if job is not None:
        waiting.wait_until(lambda: not job.is_there, "the end of the job's process")


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("hold", [Proxy.hold_before, Proxy.hold_reply])
def test_a_job_is_never_lost(stage, life, hold):
    """It is always somewhere; the next worker performs it, or reports it as failed."""
    steps = stage.length(life)
    assert steps > 8  # greeting, registration, the job, the way out
    for number in range(1, steps + 1):
        with Proxy(stage.port) as proxy:
            hold(proxy, number)
            worker = stage.begin(proxy, life)
            proxy.wait_until_held()
            kill(worker)
        step = f"{hold.__name__} {number} of {steps}: {proxy.commands[number - 1]}"
        found = stage.look()
        assert found.is_known, (step, found)
        stage.succeed(life)
        check_the_end(life, stage.look(), step)
        assert stage.store.worker_ids() == [], step


def check_the_end(life, found, step):
    """Every job is accounted for, and was performed once at most."""
    assert (found.queued, found.recorded) == (0, 0), (step, found)
    assert found.performed <= 1, (step, found)
    if life.fails or not found.performed:
        # At most twice: written down, and not yet crossed out when its worker was killed.
        assert found.failed in {1, 2}, (step, found)
    else:
        assert found.counted + found.failed >= 1, (step, found)
