"""A worker's code is run in a process that will fork workers, and nothing else is left of that."""

import atexit
import os
import pathlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from signal import Signals

import pytest

from resque.application import APPLICATION
from resque.errors import ServerUnavailable
from resque.worker import Worker
from resque.worker.warm_up import warm_up
from resque.worker_hooks import Moment
from resqued.process import kernel
from resqued.process.signals import HANDLED, SignalInbox
from resqued.process.title import set_title, title
from resqued.worker import warm_up as of_resqued
from tests.support import interpreters
from tests.support.forks import in_child, no_room

#: Shows for what a worker does often, in its own process and in those of its jobs, how many
#: instructions Python has rewritten for what it has met there: before, and after.
LEARNED = """
import dis
import threading
from resque.store.connection import Connection
from resque.store.sockets import keep_alive
from resque.store.wire import Wire
from resque.worker import child
from resque.worker.interruption import Interruption
from resque.worker.loop import Shift
from resque.worker.runner import JobRunner
from resque.worker.series import Series
from resque.worker.vigil import Vigil
from resque.worker.warm_up import warm_up
from resqued.process import spawn

OFTEN = (
    Shift.tick,
    Vigil.stand,
    Connection._exchange_once,
    Wire.exchange,
    JobRunner._perform_in_child,
    Series._see_through,
)
RARELY = (
    # Only in the processes of jobs.
    threading._after_fork,
    threading._enumerate,
    spawn._run_child,
    child._run,
    Interruption._forget_the_parents,
    Wire.can_be_shared.fget,
    # Only before the first job.
    keep_alive,
)

def rewritten(function):
    found = dis.get_instructions(function, adaptive=True)
    return sum(one.opname not in dis.opmap for one in found)

least = {**dict.fromkeys(OFTEN, 5), **dict.fromkeys(RARELY, 2)}
before = [rewritten(function) for function in least]
warm_up(lambda worker: None)
for (function, more), known in zip(least.items(), before):
    print(function.__qualname__, known + more, rewritten(function))
"""


def prepare_nothing(_worker: Worker) -> None:
    """Take the worker as it is."""


def test_python_has_learned_what_workers_do():
    """Which each worker, and each job's process, would do in a copy of the page."""
    done = interpreters.run(sys.executable, LEARNED)
    assert (done.returncode, done.stderr) == (0, "")
    learned = [line.split() for line in done.stdout.splitlines()]
    assert [name for name, least, known in learned if int(known) < int(least)] == []
    assert len(learned) == 13


def children() -> list[int]:
    """Return the processes that this one has forked."""
    found = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(pid) for pid in found.split()]


def what_is_there() -> dict[str, object]:
    """Return what of this process a worker changes."""
    return {
        "descriptors": sorted(os.listdir("/proc/self/fd")),
        "children": children(),
        "handlers": [signal.getsignal(number) for number in HANDLED],
        "mask": signal.pthread_sigmask(signal.SIG_BLOCK, []),
        "threads": threading.enumerate(),
        "at the end of the parent": kernel.death_signal(),
    }


def test_nothing_is_left():
    """No process, no descriptor, no handler."""

    def changes() -> bool:
        kernel.die_with_parent(Signals.SIGTERM)
        before = what_is_there()
        warm_up(prepare_nothing)
        return what_is_there() != before

    assert not in_child(changes)


def test_the_application_does_not_hear_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
):
    """Neither its hooks, nor what it has for the end of a process, nor its jobs."""
    monkeypatch.setenv("RUN_AT_EXIT_HOOKS", "1")
    monkeypatch.setenv("FORK_PER_JOB", "false")

    def heard() -> list[str]:
        calls = tmp_path / "calls"
        calls.touch()

        def note(*_: object) -> None:
            with calls.open("a") as file:
                file.write("called\n")

        atexit.register(note)
        for moment in Moment:
            getattr(APPLICATION.worker_hooks, moment.value)(note)
        jobs = APPLICATION.registry.names
        warm_up(prepare_nothing)
        assert APPLICATION.registry.names == jobs
        atexit.unregister(note)
        return calls.read_text().splitlines()

    assert in_child(heard) == []


class Observer:
    """Is told of each job, and does something about it at one moment."""

    def __init__(self, moment: str, act: Callable[[], object]) -> None:
        self._moment = moment
        self._act = act

    def __getattr__(self, name: str) -> Callable[..., None]:
        def told(*_: object) -> None:
            if name == self._moment:
                self._act()

        return told


#: Of those that a process of ours handles, the ones that tell it to do something.
ORDERS = [number for number in HANDLED if number is not Signals.SIGCHLD]


@pytest.mark.parametrize("moment", ["job_started", "job_ended", "job_finished"])
@pytest.mark.parametrize("number", ORDERS)
def test_what_is_told_meanwhile_is_heard_afterwards(number: Signals, moment: str):
    """It was meant for this process, not for a worker that it only plays, nor for the server."""

    def tell_all() -> None:
        os.kill(os.getpid(), number)
        for child in children():
            os.kill(child, number)

    def received() -> list[Signals]:
        with SignalInbox(HANDLED) as inbox:
            warm_up(lambda worker: setattr(worker, "job_observer", Observer(moment, tell_all)))
            return inbox.drain()

    assert number in in_child(received)


def test_the_server_is_killed_meanwhile(caplog: pytest.LogCaptureFixture):
    """It is over at once, and nobody is told of a server that there is not."""

    def kill() -> None:
        for child in children():
            os.kill(child, Signals.SIGKILL)

    def outcome() -> tuple[str, bool, list[str]]:
        began = time.monotonic()
        try:
            warm_up(lambda worker: setattr(worker, "job_observer", Observer("job_started", kill)))
        except ServerUnavailable as error:
            problem = type(error).__name__
        records = [record.getMessage() for record in caplog.records]
        return problem, time.monotonic() - began < 1.0, records

    assert in_child(outcome) == ("ServerUnavailable", True, [])


def test_the_title_stays_that_of_the_process():
    """While it lasts it is the beginning of all that is shown, and afterwards all of it."""

    def titles() -> tuple[set[str], str]:
        set_title("resqued-1 listener #1")
        seen: set[str] = set()
        observer = Observer("job_ended", lambda: seen.add(title()[:21]))
        warm_up(lambda worker: setattr(worker, "job_observer", observer))
        return seen, title()

    assert in_child(titles) == ({"resqued-1 listener #1"}, "resqued-1 listener #1")


def test_sockets_of_the_applications_own_are_left_alone():
    """They may need a thread or a loop, which the process must not have before it forks."""

    def forks() -> int:
        class Socket(socket.socket):
            """As gevent has one."""

        socket.socket = Socket  # type: ignore[misc]
        count = []
        os.register_at_fork(before=lambda: count.append(1))
        warm_up(prepare_nothing)
        return len(count)

    assert in_child(forks) == 0


def test_threads_are_not_forked():
    """One may hold what a process of a job waits for."""

    def forks() -> int:
        over = threading.Event()
        thread = threading.Thread(target=over.wait, daemon=True)
        thread.start()
        count = []
        os.register_at_fork(before=lambda: count.append(1))
        warm_up(prepare_nothing)
        over.set()
        thread.join()
        return len(count)

    assert in_child(forks) == 0


def test_no_room_for_a_process_fails_at_once():
    """As it would for whoever forks the workers."""

    def outcome() -> str:
        with no_room():
            try:
                warm_up(prepare_nothing)
            except OSError as error:
                return type(error).__name__
        return "nothing"

    assert in_child(outcome) == "BlockingIOError"


def test_a_listener_goes_on_without(caplog: pytest.LogCaptureFixture):
    """Whatever stands in the way costs its workers time only."""

    def logged() -> list[str]:
        caplog.set_level("DEBUG")
        with no_room():
            of_resqued.warm_up()
        return [record.getMessage() for record in caplog.records]

    assert [text.partition(":")[0] for text in in_child(logged)] == ["Not warmed up"]
