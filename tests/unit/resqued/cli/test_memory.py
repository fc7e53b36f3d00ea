import pathlib

import pytest

from resqued.cli import main, memory
from resqued.cli.memory import Order
from resqued.exit_codes import ExitCode
from resqued.process import memory as kernel
from resqued.process.memory import MeasureError, Memory
from resqued.process.tree import Descendant


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ("a.pid", Order(pidfile="a.pid")),
        ("a.pid --json", Order(pidfile="a.pid", wants_json=True)),
        ("--json -- --json", Order(pidfile="--json", wants_json=True)),
        ("--help", Order(pidfile="", wants_help=True)),
        ("-h", Order(pidfile="", wants_help=True)),
    ],
)
def test_what_each_command_line_asks_for(argv: str, expected: Order):
    """A pidfile, and how to print."""
    assert memory.parse(argv.split()) == expected


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ([], "one pidfile is needed, not none"),
        ([""], "one pidfile is needed, not an empty name"),
        (["a.pid", "b.pid"], "one pidfile is needed, not 2"),
        (["a.pid", "--nonsense"], "option --nonsense not recognized"),
    ],
)
def test_what_is_refused(argv: list[str], complaint: str, capfd: pytest.CaptureFixture[str]):
    """One clear line, exit 2."""
    assert main(["memory", *argv]) == ExitCode.USAGE
    assert capfd.readouterr() == ("", f"resqued memory: {complaint}\n")


def test_help(capfd: pytest.CaptureFixture[str]):
    """The help names every option, and nothing else happens."""
    assert main(["memory", "--help"]) == ExitCode.OK

    said = capfd.readouterr().out
    for option in ("PIDFILE", "--json", "--help", "2 wrong usage"):
        assert option in said


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "there is no pidfile {path}"),
        ("1\n", "no resqued runs with pidfile {path}"),
    ],
)
def test_nothing_runs(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str], text: str | None, complaint: str
):
    """There is nothing to show: one line, exit 1. A number without a lock is nobody's."""
    path = tmp_path / "a.pid"
    if text is not None:
        path.write_text(text)

    assert main(["memory", str(path)]) == ExitCode.FAILED
    assert capfd.readouterr() == ("", f"resqued memory: {complaint.format(path=path)}\n")


def test_a_system_that_does_not_tell(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """It is said before anything is looked for, and by --test before anything is loaded."""
    monkeypatch.setattr(kernel, "_OWN", str(tmp_path / "smaps_rollup"))

    assert main(["memory", "a.pid"]) == ExitCode.FAILED
    assert main(["--test", "--memory", "a.py"]) == ExitCode.FAILED

    reason = f"memory is measured on Linux only: there is no {tmp_path}/smaps_rollup"
    assert capfd.readouterr() == ("", f"resqued memory: {reason}\nresqued: {reason}\n")


def test_a_process_that_may_not_be_looked_at(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """One below the master, another user's, is left out in a line; so is one that has just gone."""
    size = Memory(pss=1, private=1, shared=0, rss=1)

    def measured(pid: int) -> Memory | None:
        if pid == 12:
            raise MeasureError("no permission")
        return None if pid == 13 else size

    below = [Descendant(pid, 10) for pid in (11, 12, 13)]
    monkeypatch.setattr(memory, "descendants", {10: below}.get)
    monkeypatch.setattr(memory, "measure", measured)
    monkeypatch.setattr(memory, "command_line", lambda pid: b"sudo %d " % pid)

    found = list(memory._measured(10))

    assert [(each.name, each.pid) for each in found] == [("master", 10), ("other 11: sudo 11", 11)]
    assert capfd.readouterr() == (
        "",
        "resqued memory: other 12: sudo 12 is left out: no permission\n",
    )


def test_a_master_that_may_not_be_looked_at(monkeypatch: pytest.MonkeyPatch):
    """Then there is nothing to show."""

    def measured(_pid: int) -> Memory:
        raise MeasureError("no permission")

    monkeypatch.setattr(memory, "descendants", {10: []}.get)
    monkeypatch.setattr(memory, "measure", measured)

    with pytest.raises(MeasureError):
        list(memory._measured(10))
