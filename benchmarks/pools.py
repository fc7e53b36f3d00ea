"""How quickly pools start and reload, and what they cost when idle, or looked at all the time.

    python benchmarks/pools.py reload --workers 20 --times 5
    python benchmarks/pools.py start --workers 20 --times 5
    python benchmarks/pools.py idle --workers 500 --seconds 60
    python benchmarks/pools.py watched --workers 100 --seconds 60

Each starts `resqued --embedded` with workers that have nothing to do, and looks at /proc (Linux).
`--json` prints what was measured as JSON. Compare ratios within one run: times are the machine's.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from resqued.clock import MonotonicClock
from resqued.control import client
from resqued.control.status import read_pool

#: Seconds between two looks, and until whatever is waited for must be there.
PERIOD = 0.003
PATIENCE = 120.0
WORKING = re.compile(rb"resque-\d\S* (Waiting|Processing|Forked|Paused)")


@dataclass(frozen=True)
class Look:
    """A pool at one moment."""

    listeners: frozenset[int]
    live: frozenset[int]  #: workers that have a title of their own, canaries aside
    working: frozenset[int]  #: those that have reached their loop


@dataclass(frozen=True)
class Reload:
    """One reload of an idle pool."""

    seconds: float  #: from HUP until every worker is a new one, and works
    least_working: int
    most_live: int
    looks: int


class Pool:
    """A daemon with ``count`` idle workers."""

    def __init__(self, folder: pathlib.Path, count: int) -> None:
        self.count = count
        self.control = str(folder / "control")
        (folder / "pool.py").write_text(f"worker_pool({count}, 'a', interval=5)\n")
        self._log = (folder / "log").open("wb")
        self.began = time.monotonic()
        self.master = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "resqued", "--embedded", str(folder / "data")),
                *("--control", self.control, "pool.py"),
            ],
            cwd=folder,
            stdout=self._log,
            stderr=self._log,
        )

    def look(self) -> Look:
        """Return what is there now."""
        listeners, live, working = set(), set(), set()
        for listener in _children(self.master.pid):
            title = _title(listener)
            if b" listener " not in title and b"cli.listener" not in title:
                continue
            listeners.add(listener)
            for worker in _children(listener):
                title = _title(worker)
                if title.startswith(b"resque-"):
                    live.add(worker)
                if WORKING.match(title):
                    working.add(worker)
        # A look takes time, in which one may go and its successor come: only those count who are
        # there after it, and so were there together.
        live = {pid for pid in live if _title(pid)}
        return Look(frozenset(listeners), frozenset(live), frozenset(working))

    def wait_until_complete(self) -> Look:
        """Wait until all workers work."""
        return _wait_for(lambda: look if len((look := self.look()).working) == self.count else None)

    def stop(self) -> None:
        """Stop it, and wait until it has."""
        self.master.send_signal(signal.SIGQUIT)
        self.master.wait(PATIENCE)
        self._log.close()


def reload(pool: Pool) -> Reload:
    """Reload a pool that is complete, and watch it until it is so again."""
    former = pool.look().working
    looks: list[Look] = []
    began = time.monotonic()
    pool.master.send_signal(signal.SIGHUP)

    def is_done() -> bool:
        looks.append(pool.look())
        now = looks[-1].working
        return len(now) == pool.count and not now & former

    _wait_for(is_done)
    return Reload(
        seconds=time.monotonic() - began,
        least_working=min(len(look.working) for look in looks),
        most_live=max(len(look.live) for look in looks),
        looks=len(looks),
    )


def measure_reload(options: argparse.Namespace) -> dict[str, object]:
    """Reload one pool several times in a row."""
    with running(options.workers) as pool:
        pool.wait_until_complete()
        reloads = []
        for _ in range(options.times):
            reloads.append(reload(pool))
            _wait_for(lambda: len(pool.look().listeners) == 1)
    return {
        "workers": options.workers,
        "reloads": [asdict(one) for one in reloads],
        "median seconds": statistics.median(one.seconds for one in reloads),
        "longest seconds": max(one.seconds for one in reloads),
        "fewest at work": min(one.least_working for one in reloads),
        "most alive": max(one.most_live for one in reloads),
    }


def measure_start(options: argparse.Namespace) -> dict[str, object]:
    """Start pools one after another, the embedded server included."""
    seconds = []
    for _ in range(options.times):
        with running(options.workers) as pool:
            pool.wait_until_complete()
            seconds.append(time.monotonic() - pool.began)
    return {
        "workers": options.workers,
        "median seconds": statistics.median(seconds),
        "all seconds": seconds,
    }


def measure_idle(options: argparse.Namespace) -> dict[str, object]:
    """Let a complete pool be, and see what master and listener use of a processor."""
    with running(options.workers) as pool:
        look = pool.wait_until_complete()
        started = time.monotonic() - pool.began
        used = _usage(pool, look, options.seconds, lambda: None)
        memory = _private_memory(look.working)
    return {
        "workers": options.workers,
        "seconds to start": started,
        "idle seconds": options.seconds,
        **used,
        "PSS of a worker, MB": memory,
    }


def measure_watched(options: argparse.Namespace) -> dict[str, object]:
    """Ask a complete pool for its status once a second, and see what the same two use."""
    clock = MonotonicClock()
    took = []
    with running(options.workers) as pool:
        look = pool.wait_until_complete()

        def ask() -> None:
            began = time.monotonic()
            status = read_pool(client.ask(pool.control, "status", clock))
            took.append(time.monotonic() - began)
            assert len(status.generations[0].workers) == options.workers

        used = _usage(pool, look, options.seconds, ask)
    return {
        "workers": options.workers,
        "requests": len(took),
        "median ms of an answer": statistics.median(took) * 1000,
        **used,
    }


def _usage(
    pool: Pool, look: Look, seconds: float, every_second: Callable[[], None]
) -> dict[str, float]:
    """Do something once a second, and return what master and listener use of a core meanwhile."""
    pids = {"master": pool.master.pid, "listener": next(iter(look.listeners))}
    before, began = {name: _cpu(pid) for name, pid in pids.items()}, time.monotonic()
    for second in range(int(seconds)):
        every_second()
        time.sleep(max(0.0, began + second + 1 - time.monotonic()))
    lasted = time.monotonic() - began
    used = {name: (_cpu(pid) - before[name]) / lasted * 100 for name, pid in pids.items()}
    shown = {f"{name}, % of a core": percent for name, percent in used.items()}
    return {**shown, "both, % of a core": sum(used.values())}


@contextmanager
def running(count: int) -> Iterator[Pool]:
    """Run a pool in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="resqued-bench-") as folder:
        pool = Pool(pathlib.Path(folder), count)
        try:
            yield pool
        finally:
            pool.stop()


def _children(pid: int) -> list[int]:
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def _title(pid: int) -> bytes:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return b""


def _cpu(pid: int) -> float:
    """Return the processor time that a process has used, in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _private_memory(pids: frozenset[int]) -> float:
    """Return the median share of memory (PSS) of the processes, in megabytes."""
    texts = [pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return statistics.median(int(re.search(r"Pss:\s+(\d+)", text)[1]) / 1000 for text in texts)


def _wait_for(condition: Callable[[], object]) -> object:
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise SystemExit(f"nothing came of it within {PATIENCE:g} s")
        time.sleep(PERIOD)
    return found


def main() -> None:
    """Measure what the command line asks for, and show it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("reload", "start", "idle", "watched"))
    parser.add_argument("--workers", type=int, default=20)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    measures = {
        "reload": measure_reload,
        "start": measure_start,
        "idle": measure_idle,
        "watched": measure_watched,
    }
    measured = measures[options.what](options)
    if options.json:
        print(json.dumps(measured))
        return
    table = Table(options.what, "")
    for name, value in measured.items():
        if not isinstance(value, list):
            table.add_row(name, f"{value:.2f}" if isinstance(value, float) else str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
