"""What a forked worker does between its fork and its work."""

import logging
import os
import pathlib
import resource
import select
import signal
from collections.abc import Callable, Iterator
from signal import Signals
from typing import Any

import pytest
from setproctitle import getproctitle

import resqued
from resqued import report
from resqued.config.model import Config, Hooks, WorkerLimits, WorkerSpec
from resqued.process.lifeline import Lifeline
from resqued.process.spawn import fork_child
from resqued.worker.child import WorkerTask, run_worker
from resqued.worker.gate import Gate
from tests.support.forks import in_child, wait_for_end
from tests.support.latch import Latch
from tests.support.waiting import PATIENCE, wait_until


class Recorder:
    """A worker that writes down what happens to it."""

    path = pathlib.Path("calls")

    def __init__(self, queues: list[str]) -> None:
        self.note(f"built for {queues}")

    @classmethod
    def note(cls, line: str) -> None:
        """Append a line."""
        with cls.path.open("a") as file:
            file.write(f"{line}\n")

    def work(self, interval: float) -> None:
        """Write down the interval and be done."""
        self.note(f"works every {interval}")


@pytest.fixture(autouse=True)
def _folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def lifeline() -> Iterator[Lifeline]:
    """The line to a master that lives as long as the test."""
    line = Lifeline()
    yield line
    line.close()


class Hold:
    """The listener's side of one worker."""

    def __init__(self, pid: int, gate: Gate) -> None:
        self.pid = pid
        self.gate = gate
        self.said: list[list[Any]] = []

    def hear(self) -> list[list[Any]]:
        """Return all that it has said so far."""
        self.said += self.gate.read()
        return self.said

    def reach_gate(self) -> None:
        """Wait until it has said that it is built."""
        wait_until(lambda: ["ready"] in self.hear(), "the gate")

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for its end, and return its exit code."""
        code = wait_for_end(self.pid, seconds)
        self.hear()
        self.gate.close()
        return code


def start(
    lifeline: Lifeline,
    factory: Callable[..., Any],
    *after_fork: Any,
    is_canary: bool = False,
    follow_log: Callable[[], None] = lambda: None,
    limits: WorkerLimits = WorkerLimits(),  # noqa: B008 - frozen
) -> Hold:
    """Fork a worker as the listener does."""
    gate, ticket = Gate.pair()
    spec = WorkerSpec(queues=("a", "b"), interval=7.0, pool=None, limits=limits)
    hooks = Hooks(after_fork=after_fork)
    config = Config(paths=("x.py",), workers=(spec,), hooks=hooks, worker_factory=factory)

    def body() -> int:
        gate.close()
        lifeline_reader = os.dup(lifeline.reader)
        lifeline.close()
        return run_worker(
            WorkerTask(
                spec=spec,
                config=config,
                ticket=ticket,
                lifeline=lifeline_reader,
                file_limit=77,
                is_canary=is_canary,
                follow_log=follow_log,
            )
        )

    pid = fork_child(body)
    ticket.close()
    return Hold(pid, gate)


def calls() -> list[str]:
    """Return what the worker has written."""
    return Recorder.path.read_text().splitlines() if Recorder.path.exists() else []


def test_it_works_only_when_it_is_let_through(lifeline: Lifeline):
    """Built and connected before the gate, at work after it."""
    worker = start(lifeline, Recorder, lambda built: built.note("after_fork"))
    worker.reach_gate()
    assert calls() == ["built for ['a', 'b']", "after_fork"]

    worker.gate.open()

    assert worker.wait() == 0
    assert calls()[2:] == ["works every 7.0"]


def test_a_closed_gate_sends_it_home(lifeline: Lifeline):
    """Its listener is gone, so nobody would count its work."""
    worker = start(lifeline, Recorder)
    worker.reach_gate()

    worker.gate.close()

    assert wait_for_end(worker.pid) == 0
    assert calls() == ["built for ['a', 'b']"]


@pytest.mark.parametrize("number", [Signals.SIGQUIT, Signals.SIGTERM, Signals.SIGINT])
def test_signals_simply_end_it_at_the_gate(lifeline: Lifeline, number: Signals):
    """It has no job yet."""
    worker = start(lifeline, Recorder)
    worker.reach_gate()

    os.kill(worker.pid, number)

    assert worker.wait() == -number


def test_hup_does_nothing(lifeline: Lifeline):
    """Containers send it to every process."""
    worker = start(lifeline, Recorder)
    worker.reach_gate()

    os.kill(worker.pid, Signals.SIGHUP)
    worker.gate.open()

    assert worker.wait() == 0


def test_the_masters_end_is_quit_while_it_works():
    """Also for a worker that is busy and knows nothing of masters."""

    class Busy(Recorder):
        def work(self, interval: float) -> None:
            self.note("busy")
            signal.pause()

    def body() -> None:
        lifeline = Lifeline()
        worker = start(lifeline, Busy)
        worker.reach_gate()
        worker.gate.open()
        wait_until(lambda: "busy" in calls(), "the work")
        lifeline.close()
        assert worker.wait(5) == -Signals.SIGQUIT

    in_child(body)


@pytest.fixture
def log(tmp_path: pathlib.Path) -> Iterator[Callable[[], str]]:
    """What the worker has logged."""
    logger = logging.getLogger("resqued.worker.child")
    handler = logging.FileHandler(tmp_path / "log")
    logger.addHandler(handler)
    yield (tmp_path / "log").read_text
    logger.removeHandler(handler)
    handler.close()


@pytest.mark.parametrize("is_canary", [False, True])
@pytest.mark.parametrize("where", ["factory", "hook"])
def test_a_failure_before_the_gate_is_told(
    lifeline: Lifeline, log: Callable[[], str], where: str, *, is_canary: bool
):
    """With its traceback; a canary leaves it to the master to say, once, for its generation."""

    def fail(_argument: object) -> None:
        raise LookupError("not today")

    factory = fail if where == "factory" else Recorder
    worker = start(lifeline, factory, fail, is_canary=is_canary)

    assert worker.wait() == 1
    ((word, reason),) = worker.said
    assert word == "failed"
    assert reason.startswith("A worker for a,b cannot start\nTraceback")
    assert reason.endswith("LookupError: not today")
    assert log() == ("" if is_canary else f"{reason}\n")


def test_opening_the_gate_for_a_worker_that_is_gone(lifeline: Lifeline):
    """Its end is known from the kernel; the listener does not fall over it."""
    worker = start(lifeline, Recorder)
    os.kill(worker.pid, Signals.SIGKILL)
    wait_for_end(worker.pid)

    worker.gate.open()
    worker.gate.close()


def test_what_a_worker_is_in_the_kernels_eyes(lifeline: Lifeline):
    """It leads its own group, has the files that the master was started with, and goes first."""

    def look(built: Recorder) -> None:
        with open("/proc/self/oom_score_adj") as file:
            score = int(file.read())
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        built.note(f"{os.getpgid(0) == os.getpid()} {soft} {score}")

    with open("/proc/self/oom_score_adj") as file:
        ours = int(file.read())
    worker = start(lifeline, Recorder, look)
    worker.reach_gate()
    worker.gate.open()

    assert worker.wait() == 0
    assert calls()[1] == f"True 77 {min(1000, ours + 100)}"


@pytest.mark.parametrize("is_through", [False, True])
def test_until_it_is_through_the_gate_it_dies_with_its_listener(
    lifeline: Lifeline, *, is_through: bool
):
    """Nobody else may know of it yet; later it has a job to finish, and the master counts it."""

    class Busy(Recorder):
        def work(self, interval: float) -> None:
            self.note("busy")
            signal.pause()

    def listener() -> int:
        worker = start(lifeline, Busy)
        worker.reach_gate()
        if is_through:
            worker.gate.open()
            wait_until(lambda: "busy" in calls(), "the work")
        pathlib.Path("pid").write_text(str(worker.pid))
        os.rename("pid", "worker")
        signal.pause()
        return 9

    pid = fork_child(listener)
    wait_until(pathlib.Path("worker").exists, "the worker")
    worker = os.pidfd_open(int(pathlib.Path("worker").read_text()))
    os.kill(pid, Signals.SIGKILL)
    wait_for_end(pid)

    # Of who has got through nothing is to be seen: it stays for as long as that is looked at.
    assert bool(select.select([worker], [], [], 0.1 if is_through else 10)[0]) is not is_through
    if is_through:
        signal.pidfd_send_signal(worker, Signals.SIGKILL)
    os.close(worker)


def test_a_worker_whose_listener_is_gone_already_does_nothing(lifeline: Lifeline):
    """The kernel says nothing of a parent that has ended before it was asked to."""

    def listener() -> int:
        held, ticket = Gate.pair()
        first, second = Latch(), Latch()

        def body() -> int:
            held.close()
            first.open()
            second.wait()
            spec = WorkerSpec(queues=("a",), interval=7.0, pool=None)
            config = Config(
                paths=("x.py",), workers=(spec,), hooks=Hooks(), worker_factory=Recorder
            )
            task = WorkerTask(
                spec, config, ticket, lifeline.reader, 77, is_canary=False, follow_log=lambda: None
            )
            return run_worker(task)

        pid = fork_child(body)
        first.wait()
        held.close()
        second.open()
        return wait_for_end(pid)

    assert in_child(listener) == 0
    assert calls() == []


def test_what_it_reports_reaches_its_listener(lifeline: Lifeline):
    """By resqued.report, in any worker; only once it works."""

    class Reporting(Recorder):
        def work(self, interval: float) -> None:
            report.job_started("Before")
            report.job_finished()
            report.job_started("SendMail")

    worker = start(lifeline, Reporting, lambda: report.job_started("too early"))
    worker.reach_gate()
    worker.gate.open()

    assert worker.wait() == 0
    assert worker.said == [["ready"]]
    job = worker.gate.board.read()
    assert job is not None
    assert job.name == "SendMail"


def test_limits_are_set_on_a_worker_that_knows_them(lifeline: Lifeline):
    """Before its after_fork hooks, which may set others; whoever sees to a limit says so."""

    class Limited(Recorder):
        timeout: float | None = None
        max_age: float | None = 7.0
        max_memory: int | None = None
        enforces_timeout = True

        def work(self, interval: float) -> None:
            self.note(
                f"{self.timeout} {self.max_age} {self.max_memory} {hasattr(self, 'max_jobs')}"
            )

    def hook(worker: Limited) -> None:
        assert worker.max_memory == 4096
        worker.max_memory = 1

    limits = WorkerLimits(timeout=30.0, max_jobs=3, max_memory=4096)
    worker = start(lifeline, Limited, hook, limits=limits)
    worker.reach_gate()
    worker.gate.open()

    assert worker.wait() == 0
    assert calls()[-1] == "30.0 7.0 1 False"
    assert worker.said == [["enforces"], ["ready"]]


def test_a_worker_that_asks_for_an_observer_gets_one(lifeline: Lifeline):
    """As the default one does: its jobs are reported, and what it prints follows the log file."""

    class Observed(Recorder):
        job_observer: Any = None

        def work(self, interval: float) -> None:
            self.job_observer.known_as("host:1:q")
            self.job_observer.work_begun()
            self.job_observer.job_started("A")
            self.note("the job")
            self.job_observer.job_finished(failed=True)

    worker = start(lifeline, Observed, follow_log=lambda: Recorder.note("follow"))
    wait_until(lambda: ["ready", "announces"] in worker.hear(), "the gate")
    worker.gate.open()

    assert worker.wait() == 0
    assert worker.said[1:] == [["known", "host:1:q"], ["working"]]
    assert worker.gate.board.read() is None
    (tally,) = worker.gate.board.ledger.read()
    assert (tally.job, tally.performed, tally.failed) == ("A", 0, 1)
    assert calls()[1:] == ["follow", "the job", "follow"]


def test_a_canary_is_titled_as_one(lifeline: Lifeline):
    """And as a worker once it works."""
    worker = start(lifeline, Recorder, lambda built: built.note(getproctitle()), is_canary=True)
    worker.reach_gate()
    assert calls()[1] == f"resqued-{resqued.__version__} canary"
    worker.gate.open()
    assert worker.wait() == 0


def test_programs_do_not_inherit_that_it_ignores_hup(lifeline: Lifeline):
    """A handler that does nothing ends with the exec; SIG_IGN would go on."""
    worker = start(lifeline, Recorder, lambda built: built.note(signal.getsignal(signal.SIGHUP)))
    worker.reach_gate()
    assert "SIG_IGN" not in calls()[1]
    worker.gate.open()
    assert worker.wait() == 0
