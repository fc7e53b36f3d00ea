import os
import pathlib
import signal

import pytest

from resqued.process.daemonize import StartReport, daemonize
from tests.support.forks import in_child
from tests.support.waiting import wait_until


def is_gone(pid: int) -> bool:
    """Tell whether the process has ended, reaped or not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def test_it_returns_when_the_background_process_says_so(tmp_path: pathlib.Path):
    """The process has no terminal, no input, and keeps folder and running after the return."""
    said = tmp_path / "said"

    def background(report: StartReport) -> int:
        os.write(1, b"to nowhere")
        streams = {os.readlink(f"/proc/self/fd/{number}") for number in range(3)}
        facts = [os.getcwd(), os.getsid(0) != os.getpid(), streams]
        said.write_text(f"{facts}\n{os.getpid()}\n")
        report.started()
        signal.sigwait({signal.SIGTERM})
        return 0

    def body() -> tuple[str | None, bool]:
        os.chdir(tmp_path)
        session = os.getsid(0)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        result = daemonize(background)
        return result, os.getsid(int(said.read_text().split()[-1])) != session

    result = in_child(body)
    facts, pid = said.read_text().splitlines()
    is_running = not is_gone(int(pid))
    os.kill(int(pid), signal.SIGTERM)

    assert result == (None, True)
    assert is_running
    assert facts == str([str(tmp_path), True, {"/dev/null"}])
    wait_until(lambda: is_gone(int(pid)), "its end")


def test_what_went_wrong_is_returned():
    """The reason reaches the waiting command, in any script, however long."""
    reason = "resqued.py:3: größer als erlaubt\n" * 1000

    def background(report: StartReport) -> int:
        report.failed(reason)
        return 1

    assert in_child(lambda: daemonize(background)) == reason


@pytest.mark.parametrize("end", ["returns", "raises", "is killed"])
def test_a_process_that_ends_without_a_word_has_failed(end: str):
    """No reason, but no success either; the command does not wait forever."""

    def background(_report: StartReport) -> int:
        if end == "raises":
            raise RuntimeError
        if end == "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    assert in_child(lambda: daemonize(background)) == ""


def test_a_command_that_was_killed_while_it_waited_is_no_problem():
    """The background process goes on when nobody waits for its news any more; once is enough."""
    reader, writer = os.pipe()
    report = StartReport(writer)
    os.close(reader)

    report.started()
    report.failed("too late")
    report.started()
