"""The application of a run, copied into the folder that the pool runs in.

Each job notes its start and its end, by one write each, so that a kill in between can be seen.
"""

import os
import time

import resque

#: Lines "start NUMBER PID WORKER" and "done NUMBER PID".
NOTES = "notes"


@resque.job(queue="a", name="Chaos")
def perform(number: int) -> None:
    """Do nothing, or take some milliseconds, or fail."""
    pid = os.getpid()
    _note(f"start {number} {pid} {os.getppid()}\n")
    if number % 10 == 3:
        time.sleep(number % 17 / 1000)
    if number % 50 == 0:
        raise RuntimeError(f"job {number} fails by design")
    _note(f"done {number} {pid}\n")


def _note(line: str) -> None:
    descriptor = os.open(NOTES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(descriptor, line.encode())
    os.close(descriptor)
