"""``python -m tests.chaos_jobs.outage``: the server is away for long under load, and comes back.

Prints when each worker has worked again, and what became of the jobs. Exit status 1 if a worker's
pid has changed, a job is lost, or one was performed again without a reason.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time

from resque.client import Resque
from resque.registry import Registry
from resque.store.server import connect
from tests.chaos_jobs.account import FAULTS, Account, Outcome
from tests.chaos_jobs.pool import Pool
from tests.chaos_jobs.producer import Producer
from tests.support.server import ValkeyServer
from tests.support.waiting import wait_until

#: More jobs than are worked in the time.
_ENDLESS = 1_000_000
#: Seconds of load before the server goes.
_LOAD = 3.0
#: Seconds that the workers may take to come back.
_DEADLINE = 60.0


def main() -> int:
    """Run one outage; returns the exit status."""
    parser = argparse.ArgumentParser(description="Stop the server under load, and start it again.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it is away")
    seconds = parser.parse_args().seconds
    folder = pathlib.Path(tempfile.mkdtemp(prefix="resqued-outage-"))
    with ValkeyServer("--appendonly", "yes", "--appendfsync", "always") as server:
        client, producer = (Resque(connect(server.url), Registry()) for _ in range(2))
        pool = Pool(folder, server.url)
        feed = Producer(producer, _ENDLESS, seed=1)
        try:
            feed.start()
            is_good = _outage(pool, server, seconds)
            feed.stop()
            wait_until(lambda: not sum(client.queue_sizes().values()), "empty queues", seconds=60)
            wait_until(lambda: not client.working(), "idle workers", seconds=60)
            problem = pool.stop()
            if problem:
                print(problem)
            return 0 if _account(pool, feed, client) and is_good and not problem else 1
        finally:
            feed.stop()
            client.close()
            pool.clean_up()


def _outage(pool: Pool, server: ValkeyServer, seconds: float) -> bool:
    wait_until(lambda: len(_workers_at_work(pool, 0)) == 10, "ten workers at work", seconds=60)
    time.sleep(_LOAD)
    before = {worker.pid for worker in pool.workers()}
    server.stop()
    gone_at = time.monotonic()
    while time.monotonic() - gone_at < seconds:
        time.sleep(0.1)
    place = pool.notes.stat().st_size
    server.start()
    began = time.monotonic()
    wait_until(
        lambda: _workers_at_work(pool, place) >= before, "all workers at work", seconds=_DEADLINE
    )
    print(f"away for {seconds:g} s; all workers work again {time.monotonic() - began:.2f} s later")
    after = {worker.pid for worker in pool.workers()}
    print(f"pids of the ten workers: {'unchanged' if after == before else 'CHANGED'}")
    return after == before


def _workers_at_work(pool: Pool, place: int) -> set[int]:
    """Return the workers that have begun a job since the notes had so many bytes."""
    with pool.notes.open("rb") as notes:
        notes.seek(place)
        lines = notes.read().split(b"\n")[:-1]
    return {int(line.split()[3]) for line in lines if line.startswith(b"start ")}


def _account(pool: Pool, feed: Producer, client: Resque) -> bool:
    account = Account([], may_repeat=False)
    account.read_notes(pool.notes.read_bytes())
    for entry in client.failures.each():
        (number,) = json.loads(entry.payload or b"{}")["args"]
        account.add_failure(number, entry.exception or "?", entry.error or "", 0)
    outcomes = account.outcomes(range(feed.next), feed.uncertain)
    for outcome in Outcome:
        count = sum(found is outcome for found in outcomes.values())
        if count or outcome in FAULTS:
            print(f"{count:7} {outcome.value}")
    return not any(outcome in FAULTS for outcome in outcomes.values())


if __name__ == "__main__":
    sys.exit(main())
