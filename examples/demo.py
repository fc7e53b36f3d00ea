"""Start a pool, give it 1,000 jobs, and account for every one of them.

Without REDIS_URL the pool brings a server of its own (`resqued --embedded`). With it, the demo uses
that server, in a namespace of its own, which it removes. Exits 0 only if no job was lost.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

FOLDER = pathlib.Path(__file__).resolve().parent
RESQUED = pathlib.Path(sys.executable).with_name("resqued")
NAMESPACE = os.environ.setdefault("DEMO_NAMESPACE", f"resqued-demo-{uuid.uuid4().hex[:8]}")
QUEUES = ("mail", "images", "reports")
JOBS = 1_000
BROKEN = 10
#: Seconds for each step; a demo that hangs helps nobody.
PATIENCE = 60
#: What the log says when a reload is done.
TAKEN_OVER = re.compile(r"Generation 2 has taken over")


@dataclass
class Account:
    """What Redis and the jobs themselves recorded, by queue."""

    waits: dict[str, dict[int, float]] = field(default_factory=dict)
    failed: dict[str, set[int]] = field(default_factory=dict)
    repeated: int = 0

    @property
    def performed_count(self) -> int:
        return sum(map(len, self.waits.values()))

    @property
    def failed_count(self) -> int:
        return sum(map(len, self.failed.values()))

    @property
    def lost_count(self) -> int:
        seen = {n for waits in self.waits.values() for n in waits}
        return JOBS - len(seen.union(*self.failed.values()))

    @property
    def is_as_expected(self) -> bool:
        figures = (self.performed_count, self.failed_count, self.lost_count, self.repeated)
        return figures == (JOBS - BROKEN, BROKEN, 0, 0)


def main() -> int:
    """Run the demo; returns its exit status."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="resqued-demo-") as folder:
        log = pathlib.Path(folder) / "pool.log"
        pool = start_pool(log, console)
        try:
            client = connect(pool, log)
            try:
                enqueue_jobs(console)
                follow(client, pool, console)
                wait_for(
                    lambda: TAKEN_OVER.search(log.read_text()), "the reload does not end", pool
                )
                account = settle(client)
            finally:
                remove_namespace(client)
        except DemoError as error:
            console.print(f"[red]{error}[/]", log.read_text(), sep="\n")
            return 1
        finally:
            stop_pool(pool, console)
    console.print(table(account))
    console.print("Generation 2 has taken over from generation 1 meanwhile")
    print(
        f"{JOBS} jobs: {account.performed_count} performed,"
        f" {account.failed_count} failed, {account.lost_count} lost"
    )
    return 0 if account.is_as_expected else 1


class DemoError(Exception):
    """The demo cannot go on; the pool's log is shown with it."""


def start_pool(log, console):
    """Start the pool in the background, its output in ``log``."""
    server = [] if "REDIS_URL" in os.environ else ["--embedded"]
    command = [str(RESQUED), *server, "examples/pool.py"]
    console.print(f"Starting [bold]{' '.join(['resqued', *server, 'examples/pool.py'])}[/]")
    with log.open("w") as output:
        return subprocess.Popen(command, cwd=FOLDER.parent, stdout=output, stderr=output)


def connect(pool, log):
    """Wait until the pool works, and return the client of its server."""
    wait_for(lambda: log.read_text().count(" works\n") >= 4, "the pool does not start", pool)
    if found := re.search(r"REDIS_URL=(\S+)", log.read_text()):
        os.environ["REDIS_URL"] = found[1]
    sys.path.insert(0, str(FOLDER.parent))
    from examples import jobs

    return jobs.client


def enqueue_jobs(console):
    """Enqueue three kinds of jobs in turn; every hundredth is a report that fails."""
    from examples import jobs

    kinds = (jobs.send_mail.enqueue, enqueue_image, jobs.report.enqueue)
    for number in range(JOBS):
        if number % (JOBS // BROKEN) == 0:
            jobs.report.enqueue(number, time.time(), is_broken=True)
        else:
            kinds[number % 3](number, time.time())
    console.print(f"Enqueued {JOBS:,} jobs, {BROKEN} of which fail on purpose")


def enqueue_image(number, enqueued_at):
    """Enqueue a job that is a class."""
    import resque
    from examples import jobs

    resque.enqueue(jobs.ImageJob, number, enqueued_at)


def follow(client, pool, console):
    """Show how far the workers are until all is done; reload the pool in the middle."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("Working", total=JOBS)

        def has_processed(count):
            done = int(client.server.call("GET", client.keys.stat("processed")) or 0)
            progress.update(task, completed=done)
            return done >= count

        wait_for(lambda: has_processed(JOBS // 3), "the workers do not work", pool)
        pool.send_signal(signal.SIGHUP)
        console.print("Reloading the pool (HUP): new workers take over while the old ones finish")
        wait_for(lambda: has_processed(JOBS), "the workers do not finish", pool)


def settle(client):
    """Return what was recorded, by the jobs and in the failed list."""
    account = Account({queue: {} for queue in QUEUES}, {queue: set() for queue in QUEUES})
    for queue in QUEUES:
        for entry in client.server.call("LRANGE", f"{NAMESPACE}:demo:{queue}", 0, -1):
            number, wait = entry.decode().split()
            account.repeated += int(number) in account.waits[queue]
            account.waits[queue][int(number)] = float(wait)
    for entry in client.server.call("LRANGE", client.keys.failed, 0, -1):
        record = json.loads(entry)
        account.failed[record["queue"]].add(record["payload"]["args"][0])
    return account


def table(account):
    """Lay the account out by queue."""
    result = Table("queue", title="What Redis and the jobs recorded")
    for heading in ("performed", "failed", "mean wait"):
        result.add_column(heading, justify="right")
    for queue in QUEUES:
        waits = account.waits[queue].values()
        mean = f"{sum(waits) / len(waits) * 1000:.0f} ms" if waits else "-"
        result.add_row(queue, str(len(waits)), str(len(account.failed[queue])), mean)
    return result


def remove_namespace(client):
    """Delete the demo's keys, all of which are its own."""
    cursor = b"0"
    while True:
        cursor, keys = client.server.call("SCAN", cursor, "MATCH", f"{NAMESPACE}:*", "COUNT", 1000)
        if keys:
            client.server.call("DEL", *keys)
        if cursor == b"0":
            return


def stop_pool(pool, console):
    """Stop the pool as a deploy would, and see that it went."""
    pool.send_signal(signal.SIGQUIT)
    try:
        pool.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        console.print("[red]The pool does not stop; ending it[/]")
        pool.terminate()
        pool.wait(PATIENCE)


def wait_for(condition, complaint, pool=None):
    """Return when the condition holds; raises DemoError if it does not in time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if pool is not None and pool.poll() is not None:
            raise DemoError(f"{complaint}: it ended with status {pool.returncode}")
        if time.monotonic() > deadline:
            raise DemoError(f"{complaint} within {PATIENCE} s")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
