"""What a forked worker does between its fork and its work."""

import logging
import os
import pathlib
import signal
from collections.abc import Callable, Iterator
from signal import Signals
from typing import Any

import pytest

from resqued.config.model import Config, Hooks, WorkerSpec
from resqued.process.lifeline import Lifeline
from resqued.process.spawn import fork_child
from resqued.worker.child import WorkerTask, run_worker
from resqued.worker.gate import Gate
from tests.support.forks import in_child, wait_for_end
from tests.support.waiting import wait_until


class Recorder:
    """A worker that writes down what happens to it."""

    path = pathlib.Path("calls")

    def __init__(self, queues: list[str]) -> None:
        self.note(f"built for {queues}")

    def note(self, line: str) -> None:
        """Append a line."""
        with self.path.open("a") as file:
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


def start(lifeline: Lifeline, factory: Callable[..., Any], *after_fork: Any) -> tuple[int, Gate]:
    """Fork a worker as the listener does."""
    gate, ticket = Gate.pair()
    spec = WorkerSpec(queues=("a", "b"), interval=7.0, pool=None)
    hooks = Hooks(after_fork=after_fork)
    config = Config(paths=("x.py",), workers=(spec,), hooks=hooks, worker_factory=factory)

    def body() -> int:
        gate.close()
        lifeline_reader = os.dup(lifeline.reader)
        lifeline.close()
        return run_worker(WorkerTask(spec, config, ticket, lifeline_reader))

    pid = fork_child(body)
    ticket.close()
    return pid, gate


def calls() -> list[str]:
    """Return what the worker has written."""
    return Recorder.path.read_text().splitlines() if Recorder.path.exists() else []


def test_it_works_only_when_it_is_let_through(lifeline: Lifeline):
    """Built and connected before the gate, at work after it."""
    pid, gate = start(lifeline, Recorder, lambda worker: worker.note("after_fork"))
    wait_until(gate.is_reached, "the gate")
    assert calls() == ["built for ['a', 'b']", "after_fork"]

    gate.open()

    assert wait_for_end(pid) == 0
    assert calls()[2:] == ["works every 7.0"]
    gate.close()


def test_a_closed_gate_sends_it_home(lifeline: Lifeline):
    """Its listener is gone, so nobody would count its work."""
    pid, gate = start(lifeline, Recorder)
    wait_until(gate.is_reached, "the gate")

    gate.close()

    assert wait_for_end(pid) == 0
    assert calls() == ["built for ['a', 'b']"]


@pytest.mark.parametrize("number", [Signals.SIGQUIT, Signals.SIGTERM, Signals.SIGINT])
def test_signals_simply_end_it_at_the_gate(lifeline: Lifeline, number: Signals):
    """It has no job yet."""
    pid, gate = start(lifeline, Recorder)
    wait_until(gate.is_reached, "the gate")

    os.kill(pid, number)

    assert wait_for_end(pid) == -number
    gate.close()


def test_hup_does_nothing(lifeline: Lifeline):
    """Containers send it to every process."""
    pid, gate = start(lifeline, Recorder)
    wait_until(gate.is_reached, "the gate")

    os.kill(pid, Signals.SIGHUP)
    gate.open()

    assert wait_for_end(pid) == 0
    gate.close()


def test_the_masters_end_is_quit_while_it_works():
    """Also for a worker that is busy and knows nothing of masters."""

    class Busy(Recorder):
        def work(self, interval: float) -> None:
            self.note("busy")
            signal.pause()

    def body() -> None:
        lifeline = Lifeline()
        pid, gate = start(lifeline, Busy)
        wait_until(gate.is_reached, "the gate")
        gate.open()
        wait_until(lambda: "busy" in calls(), "the work")
        lifeline.close()
        assert wait_for_end(pid, 5) == -Signals.SIGQUIT

    in_child(body)


@pytest.mark.parametrize("where", ["factory", "hook"])
def test_a_failure_before_the_gate_is_logged(
    lifeline: Lifeline, where: str, tmp_path: pathlib.Path
):
    """With its traceback; the worker leaves with 1 and never reaches the gate."""
    logging.getLogger("resqued.worker.child").addHandler(
        handler := logging.FileHandler(tmp_path / "log")
    )

    def fail(_argument: object) -> None:
        raise LookupError("not today")

    factory = fail if where == "factory" else Recorder
    pid, gate = start(lifeline, factory, fail)

    assert wait_for_end(pid) == 1
    assert not gate.is_reached()
    said = (tmp_path / "log").read_text()
    assert said.startswith("Worker for a,b cannot start\nTraceback")
    assert said.endswith("LookupError: not today\n")
    logging.getLogger("resqued.worker.child").removeHandler(handler)
    handler.close()
    gate.close()


def test_opening_the_gate_for_a_worker_that_is_gone(lifeline: Lifeline):
    """Its end is known from the kernel; the listener does not fall over it."""
    pid, gate = start(lifeline, Recorder)
    os.kill(pid, Signals.SIGKILL)
    wait_for_end(pid)

    gate.open()
    gate.close()
