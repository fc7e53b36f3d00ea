import os
import signal
import subprocess

import pytest

from resqued.process import sweep, tree
from tests.support.forks import in_child
from tests.support.waiting import wait_until

#: Ends at once, and leaves behind a process of a session of its own that refuses every signal.
LEAVES_ONE_BEHIND = "setsid sh -c \"trap '' HUP INT QUIT TERM; echo $$ > stray; sleep 1000\" &"


def start_stray() -> int:
    """Start a process that loses its parent, and return its pid."""
    subprocess.run(LEAVES_ONE_BEHIND, shell=True, check=True)

    def written() -> str:
        try:
            with open("stray") as file:
                return file.read().strip()
        except FileNotFoundError:
            return ""

    return int(wait_until(written, "the stray's pid"))


def test_nothing_that_was_started_is_left(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Whoever started it, however deep, and whatever it refuses; an error passes through."""
    monkeypatch.chdir(tmp_path)

    started: list[int] = []

    def start_and_fail() -> None:
        if (pid := os.fork()) == 0:
            signal.pause()
        started.extend([pid, start_stray()])
        raise KeyError

    def sweep_up() -> tuple[list[int], list[int]]:
        with pytest.raises(KeyError), sweep.nobody_left():
            start_and_fail()
        return started, tree.children(os.getpid())

    pids, left = in_child(sweep_up)

    assert len(pids) == 2
    assert left == []
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def test_what_was_there_before_stays():
    """A shell that becomes this command may have had children, which are none of its business."""

    def sweep_beside_a_stranger() -> bool:
        if (stranger := os.fork()) == 0:
            signal.pause()
        with sweep.nobody_left():
            pass
        is_there = os.waitpid(stranger, os.WNOHANG) == (0, 0)
        os.kill(stranger, signal.SIGKILL)
        os.waitpid(stranger, 0)
        return is_there

    assert in_child(sweep_beside_a_stranger)
