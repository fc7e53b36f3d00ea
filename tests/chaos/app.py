"""The application of a chaos schedule, copied into the folder that the daemon runs in.

Its workers do short jobs in forked children. Titles say which file and which queues they are of.
"""

import os
import random
import signal
import time

import setproctitle

import resque


class Worker:
    """Works without a server: jobs come by chance."""

    def __init__(self, queues: list[str], version: int, *, has_jobs: bool, build: float) -> None:
        """Build the worker of a file's ``version``, which takes ``build`` seconds."""
        time.sleep(build)
        self._mark = f"{version} {','.join(queues)}"
        self._has_jobs = has_jobs
        self._is_told = False

    def work(self, _interval: float) -> None:
        """Work until QUIT; the job in hand is finished first."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGQUIT})
        setproctitle.setproctitle(f"chaos worker {self._mark}")
        chance = random.Random(os.getpid())
        while not signal.sigtimedwait({signal.SIGQUIT}, chance.uniform(0.02, 0.2)):
            if self._has_jobs:
                self._do_job(chance.choice((0.002, 0.02, 0.05, 0.1, 0.3, 1.3)))

    def _do_job(self, seconds: float) -> None:
        pid = os.fork()
        if pid == 0:
            setproctitle.setproctitle(f"chaos job {self._mark}")
            time.sleep(seconds)
            os._exit(0)
        os.waitpid(pid, 0)


@resque.job(queue="a", name="Nap")
def nap(seconds: float) -> None:
    """Take some time; for the workers that come with resque."""
    time.sleep(seconds)
