"""The application of the acceptance tests, copied into the folder that the daemon runs in.

Its workers behave as their first queue is named; every other name is a worker that waits for QUIT.
"""

import os
import signal
import time

import setproctitle

#: What all workers leave when their life begins: a line "pid queue,queue REDIS_URL".
STARTS = "starts"
#: The test's word to all busy workers, or to those of one list, that their job is done.
FINISH = "finish"
#: The test's word to the workers of ``tasks``: a name, which each of them notes once as done.
TASK = "task"
#: What a deploy changes.
VERSION = "one"


class Worker:
    """Waits for QUIT, like a worker without jobs."""

    def __init__(self, queues: list[str]) -> None:
        self.queues = queues

    def work(self, interval: float) -> None:
        """Work as the first queue says."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGQUIT})
        note(STARTS, f"{os.getpid()} {','.join(self.queues)} {os.environ.get('REDIS_URL')}")
        self._show_waiting()
        behaviour = getattr(self, f"_{self.queues[0]}", self._idle)
        behaviour()

    def _show_waiting(self) -> None:
        setproctitle.setproctitle(f"resque-0: Waiting for {','.join(self.queues)}")

    def _idle(self) -> None:
        signal.sigwait({signal.SIGQUIT})

    def _busy(self) -> None:
        """Has a job when QUIT comes, until the test says that it is done."""
        signal.sigwait({signal.SIGQUIT})
        setproctitle.setproctitle("resque-0: Processing busy")
        self._finish()

    def _finish(self) -> None:
        own = f"{FINISH} {','.join(self.queues)}"
        while not (os.path.exists(FINISH) or os.path.exists(own)):
            time.sleep(0.01)
        note("done", f"{os.getpid()}")
        note("versions", f"{os.getpid()} {VERSION}")

    def _tasks(self) -> None:
        """Does what the test asks for, again and again, until QUIT."""
        last = ""
        # No sigtimedwait: cut short by another signal at its end it returns what means nothing.
        while signal.SIGQUIT not in signal.sigpending():
            time.sleep(0.01)
            task = last
            if os.path.exists(TASK):
                with open(TASK) as file:
                    task = file.read() or last  # empty: it is just being written
            if task != last:
                last = task
                note("tasks_done", f"{task} {os.getpid()} {VERSION}")

    def _working(self) -> None:
        """Has a job from the start, until the test says that it is done, and then waits."""
        setproctitle.setproctitle("resque-0: Processing working")
        self._finish()
        self._show_waiting()
        self._idle()

    def _stubborn(self) -> None:
        """Leaves for no signal that it can refuse."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        setproctitle.setproctitle("resque-0: Processing stubborn")
        while True:
            signal.sigwait({signal.SIGQUIT})

    def _brief(self) -> None:
        """Leaves at once and untold, with exit status 0."""

    def _raising(self) -> None:
        """Fails as soon as it works."""
        raise RuntimeError("no work today")

    def _talkative(self) -> None:
        """Prints before it waits."""
        print("printed by the worker")
        self._idle()

    def _parent(self) -> None:
        """Has a child that has a child, which outlives its parent."""
        if os.fork() == 0:
            if os.fork() == 0:
                setproctitle.setproctitle("stray")
                signal.sigwait({signal.SIGQUIT})
            os._exit(0)
        os.wait()
        self._idle()


def note(file: str, line: str) -> None:
    """Append a line to a file in the working directory, whole."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)
