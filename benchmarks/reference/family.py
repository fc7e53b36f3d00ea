"""Several processes that do the same until they are told to stop."""

import gc
import os
import signal
import sys
from collections.abc import Callable

from benchmarks import application


def run(workers: int, body: Callable[[], None]) -> None:
    """Load the application, fork, have each child do ``body``, and wait for them.

    TERM ends all of them at once. The collector's objects are frozen as resqued does it, so that
    what is compared is the loop alone.
    """
    loaded = application.load()
    gc.collect()
    gc.freeze()
    pids = [pid for _ in range(workers) if (pid := _fork(body))]
    signal.signal(signal.SIGTERM, lambda *_: _end(pids))
    for pid in pids:
        os.waitpid(pid, 0)
    del loaded


def _fork(body: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        body()
        os._exit(0)
    return pid


def _end(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    sys.exit(0)
