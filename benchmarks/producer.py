"""Enqueues for one contender, in a process of its own: ``python -m benchmarks.producer``.

It says "ready", waits for a line on its standard input, does what the arguments say, and prints
what it has done as one line of JSON. ``benchmarks.stage`` starts it.
"""

import importlib
import json
import random
import sys
import time
from typing import Protocol

from benchmarks import jobs

#: Seconds between two looks for a job's note, until it must have come, and between two batches.
_PERIOD = 0.001
_PATIENCE = 10.0
_TICK = 0.002
#: Seconds between two jobs of which only one is there at a time.
_GAPS = (0.02, 0.06)


class Sender(Protocol):
    """A contender's module for enqueueing."""

    def send(self, name: str, *arguments: object) -> None:
        """Enqueue one job."""

    def send_many(self, count: int) -> None:
        """Enqueue jobs that do nothing."""


def send_noops(sender: Sender, count: int) -> dict[str, float]:
    """Enqueue jobs that do nothing, as quickly as it goes."""
    sender.send_many(count)
    return {"sent": count}


def send_holds(sender: Sender, path: str, count: int, at_once: int) -> dict[str, float]:
    """Enqueue jobs that hold their workers until ``at_once`` of them have started."""
    for _ in range(count):
        sender.send("hold", path, at_once)
    return {"sent": count}


def send_alone(sender: Sender, path: str, count: int, seconds: float) -> dict[str, float]:
    """Enqueue jobs one by one: each only when the one before has started, after a pause.

    No more are sent when ``seconds`` are over.
    """
    end = time.monotonic() + seconds
    sent = 0
    while sent < count and time.monotonic() < end:
        sender.send("note", time.monotonic_ns(), path)
        sent += 1
        _wait_for_note(path, sent)
        time.sleep(random.uniform(*_GAPS))
    return {"notes": sent}


def send_steadily(sender: Sender, path: str, rate: float, seconds: float) -> dict[str, float]:
    """Enqueue so many jobs a second; one of each batch, anywhere in it, notes its start."""
    began, sent, notes = time.monotonic(), 0, 0
    while (elapsed := time.monotonic() - began) < seconds:
        due = int(elapsed * rate) - sent
        if due > 0:
            _send_batch(sender, path, due)
            sent, notes = sent + due, notes + 1
        time.sleep(_TICK)
    return {"notes": notes, "rate": sent / (time.monotonic() - began)}


def _send_batch(sender: Sender, path: str, count: int) -> None:
    before = random.randrange(count)
    if before:
        sender.send_many(before)
    sender.send("note", time.monotonic_ns(), path)
    if before < count - 1:
        sender.send_many(count - 1 - before)


def _wait_for_note(path: str, number: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while jobs.count_lines(path) < number:
        if time.monotonic() > deadline:
            raise SystemExit(f"job {number} has not started within {_PATIENCE:g} s")
        time.sleep(_PERIOD)


_ORDERS = {
    "noops": send_noops,
    "holds": send_holds,
    "alone": send_alone,
    "steadily": send_steadily,
}


def main() -> None:
    """Do what the arguments say: module, order, and the order's own as JSON."""
    module, order, arguments = sys.argv[1:]
    sender = importlib.import_module(module)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(_ORDERS[order](sender, *json.loads(arguments))))


if __name__ == "__main__":
    main()
