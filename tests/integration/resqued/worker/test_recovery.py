"""The process that sees to a dead worker, from its fork to its end."""

import logging
import os
import pathlib
import re
import signal

import pytest

from resqued.process.spawn import fork_child
from resqued.worker.death import WorkerDeath
from resqued.worker.factory import DefaultFactory, Recover, recovery_of
from resqued.worker.recovery import RecoveryTask, run_recovery
from tests.support import processes
from tests.support.forks import wait_for_end

DEATH = WorkerDeath(77, "host:77:a,b", ("a", "b"), "requeue", 3)


def run(recover: Recover, log: pathlib.Path, seconds: float = 60.0) -> int:
    """Have a dead worker seen to; return how that ended."""

    def body() -> int:
        logging.basicConfig(filename=log, level=logging.INFO, format="%(message)s", force=True)
        return run_recovery(RecoveryTask(recover, DEATH, seconds, file_limit=64))

    return wait_for_end(fork_child(body))


def test_it_calls_the_factory(tmp_path: pathlib.Path):
    """Titled, in a group of its own, and not to be ended by what everybody gets."""
    file = tmp_path / "said"

    def recover(death: WorkerDeath) -> None:
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            os.kill(os.getpid(), number)
        process = processes.find(os.getpid())
        assert process is not None
        file.write_text(f"{death == DEATH} {os.getpgid(0) == os.getpid()} {process.title}")

    assert run(recover, tmp_path / "log") == 0
    assert re.fullmatch(r"True True resqued-\S+ recovery", file.read_text())
    assert (tmp_path / "log").read_text() == ""


@pytest.mark.parametrize("error", [ValueError("by design"), SystemExit("by design")])
def test_what_goes_wrong_is_one_line(tmp_path: pathlib.Path, error: BaseException):
    """And exit status 1."""

    def recover(_death: WorkerDeath) -> None:
        raise error

    assert run(recover, tmp_path / "log") == 1
    name = type(error).__name__
    line = f"What worker 77 for a,b has left was not seen to: {name}: by design\n"
    assert (tmp_path / "log").read_text() == line


def test_its_time_is_limited(tmp_path: pathlib.Path):
    """By the kernel, so that it needs no listener for that."""
    assert run(lambda _death: signal.sigwait([signal.SIGUSR1]), tmp_path / "log", 0.05) == (
        -signal.SIGALRM
    )


def test_which_factories_have_a_way_with_the_dead():
    """Those with an attribute that can be called; the default one among them."""

    def build(queues: list[str]) -> None:
        """Be a factory."""

    assert recovery_of(build) is None
    build.recover = "later"  # type: ignore[attr-defined]
    assert recovery_of(build) is None
    build.recover = print  # type: ignore[attr-defined]
    assert recovery_of(build) is print
    assert recovery_of(DefaultFactory()) is not None
