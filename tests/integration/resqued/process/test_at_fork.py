"""What Python does around a fork is left out where it changes nothing, and done beforehand."""

import logging
import os
import sys
import threading

import pytest

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


#: Has the hooks in hand from the beginning. ``forked`` returns what a function says in a child;
#: ``is_renewed`` says there whether ``threading`` has made its lock anew.
ADOPTED = """
from resqued.process import at_fork
at_fork.adopt()
import logging
import os
import sys
import threading
import warnings

warnings.simplefilter("ignore")  # of a fork beside threads, which is what this is about

def forked(say):
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, repr(say()).encode())
        os._exit(0)
    os.wait()
    return os.read(reader, 1000).decode()

lock = threading._active_limbo_lock
def is_renewed():
    return threading._active_limbo_lock is not lock
"""


def said(program: str) -> list[str]:
    """Return the lines that a program has printed after ``ADOPTED``."""
    done = interpreters.run(sys.executable, ADOPTED + program)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_nothing_is_made_anew_where_there_was_one_thread():
    """The child's threads and its log work, and it knows its own number."""
    program = """
def works():
    done = []
    thread = threading.Thread(target=lambda: done.append(threading.active_count()))
    thread.start()
    thread.join()
    logging.getLogger("test").warning("to stderr, of the child alone")
    main = threading.main_thread()
    return done, threading.active_count(), threading.current_thread() is main

def own_number():
    number = threading.main_thread().native_id
    return number == os.getpid() or sys.version_info < (3, 13)

logging.basicConfig(stream=sys.stdout)
print(forked(is_renewed), forked(works), forked(own_number), forked(is_renewed))
"""
    line = said(program)[-1]
    assert line == "False ([2], 1, True) True False"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("threading.Thread(target=hold, daemon=True).start()", id="a thread"),
        pytest.param("import _thread; _thread.start_new_thread(hold, ())", id="one of nobody's"),
    ],
)
def test_what_another_thread_holds_is_made_anew(other: str):
    """The log handler's lock and that of all of them, which the child would wait for for good."""
    program = f"""
handler = logging.StreamHandler(sys.stdout)
logging.getLogger().addHandler(handler)
held, over = threading.Event(), threading.Event()

def hold():
    with handler.lock:
        held.set()
        over.wait()

{other}
held.wait()

def logs():
    logging.getLogger("test").error("not held up")
    return is_renewed()

print(forked(logs))
over.set()
"""
    assert said(program) == ["not held up", "True"]


@pytest.mark.parametrize(
    "left",
    [
        pytest.param("thread = threading.Thread(target=print)", id="not begun"),
        pytest.param(
            "thread = threading.Thread(target=int); thread.start(); thread.join()", id="ended"
        ),
    ],
)
def test_a_thread_that_does_not_run_counts(left: str):
    """A child takes it for lost, as Python would have it do."""
    assert said(f"{left}\nprint(forked(is_renewed))") == ["True"]


def test_the_lock_of_the_log_is_free_in_parent_and_child():
    """Be it taken for the fork or not; here both in turn."""
    program = (
        FREE_ELSEWHERE.replace("import threading\n", "")
        + """
free = lambda: free_elsewhere(logging._lock)
for _ in range(2):
    print(forked(free), free())
    kept = threading.Thread(target=print)
"""
    )
    assert said(program) == ["True True", "True True"]


def test_hooks_of_others_are_run_as_ever():
    """In their order, those of a module that is loaded later among them."""
    program = """
calls = []
for name in ("first", "second"):
    os.register_at_fork(
        before=lambda name=name: calls.append("before " + name),
        after_in_parent=lambda name=name: calls.append("parent " + name),
        after_in_child=lambda name=name: calls.append("child " + name),
    )
print(forked(lambda: calls))
print(calls)
"""
    before = ["before second", "before first"]
    assert said(program) == [
        str([*before, "child first", "child second"]),
        str([*before, "parent first", "parent second"]),
    ]


def test_a_hook_that_raises_keeps_no_other_from_running():
    """It is reported, and the fork goes on."""
    program = """
def fail():
    raise RuntimeError("a broken hook")

kept = threading.Thread(target=print)
at_fork._OWN._in_child.insert(0, fail)
sys.excepthook = lambda kind, error, trace: print(error, flush=True)
print(forked(is_renewed))
"""
    assert said(program) == ["a broken hook", "True"]


def test_a_look_that_fails_leaves_nothing_out():
    """An audit hook may refuse it: then all is made anew, as without us."""
    program = """
print(forked(is_renewed))

def refuse(event, _):
    if event == "sys._current_frames":
        raise PermissionError("no look at frames")

sys.addaudithook(refuse)
print(forked(is_renewed))
"""
    assert said(program) == ["False", "True"]


def test_where_the_two_are_loaded_already_nothing_changes():
    """Their hooks are registered, and cannot be taken back."""
    program = """
import logging
import os
import threading
from resqued.process import at_fork
register = os.register_at_fork
at_fork.adopt()
print(os.register_at_fork is register, at_fork._OWN.threading)
"""
    done = interpreters.run(sys.executable, program)
    assert (done.stdout, done.stderr) == ("True None\n", "")


def test_rehearsed_where_the_hooks_are_left_out():
    """It is what a child does then; threads and log work as before."""
    program = """
for _ in range(3):
    at_fork.rehearse()
print(is_renewed(), forked(is_renewed), threading.active_count())
"""
    assert said(program) == ["False False 1"]
