import sys

import pytest

from resqued.cli import main, stacks
from resqued.cli.stacks import Shown
from resqued.exit_codes import ExitCode


def test_everything_is_escaped():
    """Title and stacks are the application's; a line stays a line, however long."""
    long = "x" * 5000
    text = stacks.as_text(
        [
            Shown(1, None, "a\x1b[2J\nb", f"Thread\n  File \x1b]0;x\x07\r\n{long}\n", None),
            Shown(2, 1, "job", None, "is stopped"),
        ]
    )
    assert text.split("\n") == [
        "Worker 1: a\\x1b[2J\\nb",
        "Thread",
        "  File \\x1b]0;x\\x07",
        f"{long[:2000]}...",
        "",
        "Process 2, below 1: job",
        "  (not known: it is stopped)",
    ]


def test_another_system(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """One line, exit 1, before anything is asked."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert main(["stacks", "1", "--control", "gone"]) == ExitCode.FAILED
    assert capfd.readouterr() == ("", "resqued stacks: stacks are shown on Linux only\n")
