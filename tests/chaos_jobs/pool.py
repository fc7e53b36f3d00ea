"""The pool: a real ``resqued`` in a folder of its own, and its processes."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
from signal import Signals

from tests.chaos_jobs import app
from tests.support import processes
from tests.support.processes import Process

_CONFIG = """
@before_fork
def load():
    import chaos_jobs_app

@after_fork
def hasten(worker):
    worker.heartbeat_interval = 1.0
    worker.prune_interval = 5.0  # a dead worker that nobody else sees to is found then

worker_pool(4, "b", "c", interval=0.1{options})
worker_pool(3, "c", "d", interval=0.1{options})
worker_pool(2, "d", "b", interval=0.1{options})
worker("*", interval=0.1{options})
"""
_RESQUED = pathlib.Path(sys.executable).with_name("resqued")
_LISTENER = re.compile(r"resqued-\S+ listener ")
_WORKER = re.compile(r"resque-\S+: (?!Processing )")
#: Seconds that the pool has to leave after QUIT.
_GONE = 30.0


class Pool:
    """Ten workers over four queues, one of them for all queues."""

    def __init__(self, folder: pathlib.Path, url: str, **options: object) -> None:
        """Start; ``options`` are the pool's, None for a file without one."""
        self._folder = folder
        self.notes = folder / app.NOTES
        self.notes.touch()
        shutil.copy(app.__file__, folder / "chaos_jobs_app.py")
        given = [f", {name}={value!r}" for name, value in options.items() if value is not None]
        (folder / "pool.py").write_text(_CONFIG.format(options="".join(given)))
        environment = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(folder),
            "XDG_RUNTIME_DIR": str(folder),  # for its control socket
            "REDIS_URL": url,
            processes.MARKER: str(folder),
        }
        with self.log.open("wb") as log:
            self._master = subprocess.Popen(
                [_RESQUED, "pool.py"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> pathlib.Path:
        """What its processes have logged."""
        return self._folder / "log"

    @property
    def has_ended(self) -> bool:
        """Whether the master is gone."""
        return self._master.poll() is not None

    def signal(self, number: Signals) -> None:
        """Signal the master."""
        self._master.send_signal(number)

    def listeners(self) -> list[Process]:
        """Return the listeners that are there."""
        return [p for p in processes.children(self._master.pid) if _LISTENER.match(p.title)]

    def workers(self) -> list[Process]:
        """Return all workers; those of a listener that died are below the master."""
        there = processes.children(self._master.pid)
        for listener in [p for p in there if _LISTENER.match(p.title)]:
            there += processes.children(listener.pid)
        return [p for p in there if _WORKER.match(p.title)]

    def jobs(self) -> list[Process]:
        """Return the processes of jobs."""
        return [job for worker in self.workers() for job in processes.children(worker.pid)]

    def stop(self) -> str | None:
        """Have it leave by QUIT; returns what has gone wrong, now or before."""
        if self.has_ended:
            return f"the master has ended by itself: {self._master.returncode}"
        self.signal(Signals.SIGQUIT)
        try:
            status = self._master.wait(_GONE)
        except subprocess.TimeoutExpired:
            return f"the pool has not left within {_GONE:g} s"
        deadline = time.monotonic() + 2
        while left := processes.below(str(self._folder)):
            if time.monotonic() > deadline:
                return f"processes were left behind:\n{processes.shown(left)}"
            time.sleep(0.02)
        if status:
            return f"the master ended with {status}"
        log = self.log.read_text(errors="replace")
        has_traceback = "resqued/master/" in log or "resqued/ipc/" in log
        return "the master's log has a traceback" if has_traceback else None

    def clean_up(self) -> None:
        """Leave no process behind."""
        processes.kill_all(str(self._folder))
        self._master.wait()
