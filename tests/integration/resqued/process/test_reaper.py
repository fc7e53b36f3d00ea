import os
import signal

import pytest

from resqued.process import reaper
from resqued.process.reaper import ExitStatus, reap, reap_all
from tests.support.forks import in_child
from tests.support.waiting import wait_until


def child_that_exits(code: int) -> int:
    """Fork a child that leaves with ``code``."""
    pid = os.fork()
    if pid == 0:
        os._exit(code)
    return pid


def child_that_waits() -> int:
    """Fork a child that ends by a signal only."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(99)
    return pid


def test_all_that_have_ended_are_reaped_and_no_other():
    """Exit codes and signals are told apart; living children are left alone."""

    def body() -> None:
        living = child_that_waits()
        killed = child_that_waits()
        os.kill(killed, signal.SIGKILL)
        wanted = {
            ExitStatus(child_that_exits(0), 0, None),
            ExitStatus(child_that_exits(7), 7, None),
            ExitStatus(killed, None, signal.SIGKILL),
        }
        found: set[ExitStatus] = set()
        wait_until(lambda: found.update(reap_all()) or found == wanted, "three ends")
        assert list(reap_all()) == []
        os.kill(living, signal.SIGTERM)
        wait_until(
            lambda: list(reap_all()) == [ExitStatus(living, None, signal.SIGTERM)], "its end"
        )

    in_child(body)


def test_without_children_there_is_nothing_to_reap():
    """The kernel's "no child" is no error."""
    assert in_child(lambda: list(reap_all())) == []


def test_one_child_is_reaped_without_touching_the_others():
    """The application's own children stay for whoever started them."""

    def body() -> None:
        stranger = child_that_exits(5)
        ours = child_that_waits()
        assert reap(ours) is None
        os.kill(ours, signal.SIGKILL)
        wait_until(lambda: reap(ours) == ExitStatus(ours, None, signal.SIGKILL), "its end")
        assert os.waitstatus_to_exitcode(os.waitpid(stranger, 0)[1]) == 5
        assert reap(ours) == ExitStatus(ours, None, None), "how it ended is not known any more"

    in_child(body)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (ExitStatus(1, 0, None), "exit status 0"),
        (ExitStatus(1, 3, None), "exit status 3"),
        (ExitStatus(1, None, None), "exit status unknown"),
        (ExitStatus(1, None, 9), "SIGKILL (signal 9)"),
        (ExitStatus(1, None, 40), "unnamed (signal 40)"),
    ],
)
def test_a_status_in_words(status: ExitStatus, text: str):
    """What stands in the log."""
    assert str(status) == text


def test_a_core_dump_is_a_signal():
    """The flag beside the signal's number does not change the number."""
    assert reaper.ExitStatus.from_wait(1, signal.SIGQUIT | 0x80) == ExitStatus(1, None, 3)
