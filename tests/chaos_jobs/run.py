"""One run: a server, a pool, a producer, what happens to them, and the account at the end."""

import json
import pathlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from resque.client import Resque
from resque.errors import ResqueError
from resque.registry import Registry
from resque.store.server import connect
from tests.chaos_jobs.account import FAULTS, Account, Outcome
from tests.chaos_jobs.pool import Pool
from tests.chaos_jobs.producer import Producer
from tests.chaos_jobs.tormentor import Tormentor
from tests.support.server import ValkeyServer

#: Seconds without any progress after which a run is given up.
_PATIENCE = 30.0
#: Seconds in which no job begins when the queues are empty, or the server was just restarted.
_LULL = 1.5
#: Seconds between two looks, while there are disturbances and when there are none.
_PERIOD = 0.02
_CALM_PERIOD = 0.2


@dataclass(frozen=True, slots=True)
class Order:
    """What a run is to be like."""

    jobs: int
    seed: int
    every: int  #: jobs between two disturbances, in the mean
    on_worker_death: str | None = None
    jobs_per_fork: int | None = None
    standby: bool = False


@dataclass(slots=True)
class Result:
    """What a run has led to."""

    seconds: float = 0.0
    numbers: int = 0  #: sent, the uncertain ones included
    uncertain: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    faults: dict[Outcome, list[int]] = field(default_factory=dict)
    exceptions: Counter[str] = field(default_factory=Counter)
    repeated_records: list[int] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    left_registered: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, nothing performed again without a reason, nothing stuck."""
        return not (self.problems or any(self.faults.values()))


class Run:
    """A run in a folder of its own, which stays."""

    def __init__(
        self, order: Order, folder: pathlib.Path, show: Callable[[int], None] = lambda _: None
    ) -> None:
        """``show`` is told how many jobs have begun."""
        self._order = order
        self._folder = folder
        self._show = show
        self._begun = 0
        self._read = 0  #: bytes of the notes
        self._result = Result()

    def run(self) -> Result:
        """Run from start to end, and leave no process behind."""
        began = time.monotonic()
        with ValkeyServer("--appendonly", "yes", "--appendfsync", "always") as server:
            client, producer = (_client(server) for _ in range(2))
            pool = Pool(
                self._folder,
                server.url,
                on_worker_death=self._order.on_worker_death,
                jobs_per_fork=self._order.jobs_per_fork,
                standby=self._order.standby,
            )
            feed = Producer(producer, self._order.jobs, self._order.seed)
            chance = Random(self._order.seed)
            tormentor = Tormentor(pool, server, client, chance, jobs=self._order.jobs)
            try:
                feed.start()
                self._torment(tormentor, feed, pool)
                self._settle(feed, client)
                self._result.seconds = time.monotonic() - began
                self._note_problem(pool.stop())
                self._account(feed, client, tormentor)
            finally:
                feed.stop()
                client.close()
                pool.clean_up()
        return self._result

    def _torment(self, tormentor: Tormentor, feed: Producer, pool: Pool) -> None:
        """Disturb until all jobs are enqueued, and for a moment no other has begun."""
        watch = _Watch()
        # A pool may take longer to start than all jobs to be enqueued.
        while not (feed.is_done and self._begun) or watch.unchanged_for < _LULL:
            self._look(pool)
            tormentor.act_if_due(self._begun, self._order.every)
            if watch.is_stuck((self._begun, feed.next)):
                self._result.problems.append(f"no progress for {_PATIENCE:g} s: {feed.next} sent")
                return
            time.sleep(_PERIOD)
        self._show(self._order.jobs)

    def _look(self, pool: Pool) -> None:
        with pool.notes.open("rb") as notes:
            notes.seek(self._read)
            fresh = notes.read()
        self._read += len(fresh)
        self._begun += fresh.count(b"start ")
        self._show(self._begun)

    def _settle(self, feed: Producer, client: Resque) -> None:
        """Wait until no queue has a job, and no record of a worker, dead ones included."""
        watch = _Watch()
        while feed.is_done:
            try:
                waiting = sum(client.queue_sizes().values())
                held = [worker.id for worker in client.working()]
                failed = client.failure_count()
            except ResqueError:
                waiting, held, failed = -1, [], -1
            if waiting == 0 and not held:
                return
            if watch.is_stuck((waiting, held, failed)):
                self._result.problems.append(
                    f"no progress for {_PATIENCE:g} s: {waiting} jobs wait, held by {held}"
                )
                return
            time.sleep(_CALM_PERIOD)

    def _account(self, feed: Producer, client: Resque, tormentor: Tormentor) -> None:
        may_repeat = self._order.on_worker_death == "requeue"
        account = Account(tormentor.kills, may_repeat=may_repeat)
        account.read_notes((self._folder / "notes").read_bytes())
        with (self._folder / "failed").open("w") as kept:
            for entry in client.failures.each():
                kept.write(f"{entry.shown()}\n")
                (number,) = json.loads(entry.payload or b"{}")["args"]
                worker = int((entry.worker or "").split(":")[1])
                account.add_failure(number, entry.exception or "?", entry.error or "", worker)
        outcomes = account.outcomes(range(feed.next), feed.uncertain)
        result = self._result
        result.numbers = feed.next
        result.uncertain = len(feed.uncertain)
        result.outcomes.update(outcomes.values())
        result.faults = {f: [n for n, o in outcomes.items() if o is f] for f in FAULTS}
        result.exceptions = account.exceptions
        result.repeated_records = account.repeated_records
        result.events = tormentor.events
        result.left_registered = client.worker_ids()

    def _note_problem(self, problem: str | None) -> None:
        if problem is not None:
            self._result.problems.append(problem)


class _Watch:
    """Tells when what is looked at has not changed for long."""

    def __init__(self) -> None:
        self._last: object = None
        self._since = time.monotonic()

    def is_stuck(self, state: object) -> bool:
        if state != self._last:
            self._last = state
            self._since = time.monotonic()
        return self.unchanged_for > _PATIENCE

    @property
    def unchanged_for(self) -> float:
        """Seconds since it last changed."""
        return time.monotonic() - self._since


def _client(server: ValkeyServer) -> Resque:
    return Resque(connect(server.url), Registry())
