"""What Python does in a forked child is done beforehand: the process is none the worse for it."""

import logging
import os
import sys
import threading

from resqued.process import at_fork
from tests.support import interpreters
from tests.support.forks import in_child


def test_threads_and_log_work_as_before():
    """Also in a child that is forked afterwards."""

    def works() -> bool:
        done = []
        thread = threading.Thread(target=lambda: done.append(threading.active_count()))
        thread.start()
        thread.join()
        with logging._lock:  # type: ignore[attr-defined]
            logging.getLogger("test").debug("it is not held by anybody")
        is_main = threading.current_thread() is threading.main_thread()
        return done == [2] and threading.active_count() == 1 and is_main

    def body() -> list[bool]:
        for _ in range(3):
            at_fork.rehearse()
        return [in_child(works), works()]

    assert in_child(body) == [True, True]


#: Shows whether the lock of a log handler, and that of all of them, are let go of.
RENEWED = """
import logging
from resqued.process import at_fork
handler = logging.StreamHandler()
handler.acquire()
logging._lock.acquire()
at_fork.rehearse()
print(free_elsewhere(handler.lock), free_elsewhere(logging._lock))
"""
FREE_ELSEWHERE = """
import threading
def free_elsewhere(lock):
    found = []
    def take():
        found.append(lock.acquire(blocking=False))
        if found[0]:
            lock.release()
    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return found[0]
"""


def test_the_locks_of_the_log_are_made_anew():
    """Whoever held them: in a child that would be nobody."""
    done = interpreters.run(sys.executable, FREE_ELSEWHERE + RENEWED)
    assert (done.stdout, done.stderr) == ("True True\n", "")


def test_the_hooks_of_the_application_are_not_run():
    """They may close what this process still needs."""

    def body() -> list[str]:
        calls: list[str] = []
        os.register_at_fork(after_in_child=lambda: calls.append("called"))
        at_fork.rehearse()
        return calls

    assert in_child(body) == []


def test_where_threads_run_nothing_is_done():
    """One of them may hold a lock, and be waited for."""

    def body() -> tuple[bool, bool]:
        over = threading.Event()
        thread = threading.Thread(target=over.wait)
        thread.start()
        at_fork.rehearse()
        was_known = thread in threading.enumerate() and thread.is_alive()
        over.set()
        thread.join()
        return was_known, thread.is_alive()

    assert in_child(body) == (True, False)
