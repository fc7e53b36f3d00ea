import os
import pathlib

import pytest

from resqued.cli import main, quit_and_wait
from resqued.cli.arguments import UsageError
from resqued.cli.quit_and_wait import Order
from resqued.exit_codes import ExitCode
from tests.support.clock import HandTurnedClock

NOT_SECONDS = "option --grace-period must be a number of seconds from 0 to 1000000, not "


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ("a.pid", {}),
        ("a.pid --grace-period 60", {"grace_period": 60.0}),
        ("--grace-period=0.5 a.pid", {"grace_period": 0.5}),
        ("--grace-period 0 a.pid", {"grace_period": 0.0}),
        ("--grace-period 1000000 a.pid", {"grace_period": 1_000_000.0}),
        ("a.pid --quiet", {"is_quiet": True}),
        ("-q a.pid", {"is_quiet": True}),
        ("-- -q", {"pidfile": "-q"}),
        ("--help", {"pidfile": "", "wants_help": True}),
        ("-h a.pid", {"wants_help": True}),
    ],
)
def test_what_each_command_line_asks_for(argv: str, expected: dict[str, object]):
    """Everything that is not named in the table is left at its default."""
    assert quit_and_wait.parse(argv.split()) == Order(**({"pidfile": "a.pid"} | expected))


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ([], "one pidfile is needed, not none"),
        ([""], "one pidfile is needed, not an empty name"),
        (["a.pid", "b.pid"], "one pidfile is needed, not 2"),
        (["a.pid", "--nonsense"], "option --nonsense not recognized"),
        (["a.pid", "--grace-period"], "option --grace-period requires argument"),
        (["a.pid", "--grace-period", "-1"], NOT_SECONDS + "'-1'"),
        *[
            (["a.pid", f"--grace-period={text}"], f"{NOT_SECONDS}{text!r}")
            for text in ("", "soon", "nan", "inf", "1000001", "30s", "1e99")
        ],
    ],
)
def test_what_is_refused(argv: list[str], complaint: str, capfd: pytest.CaptureFixture[str]):
    """One clear line, exit 2."""
    with pytest.raises(UsageError) as caught:
        quit_and_wait.parse(argv)

    assert str(caught.value) == complaint
    assert main(["quit-and-wait", *argv]) == ExitCode.USAGE
    assert capfd.readouterr() == ("", f"resqued quit-and-wait: {complaint}\n")


@pytest.mark.parametrize(("grace_period", "patience"), [(30, 25), (5.5, 0.5), (5, 0), (3, 0)])
def test_the_end_of_the_grace_period_is_left_to_others(grace_period: float, patience: float):
    """It waits until 5 s before the end; not at all, if that has begun already."""
    assert Order(pidfile="a.pid", grace_period=grace_period).patience == patience


def test_help(capfd: pytest.CaptureFixture[str]):
    """The help names every option, and nothing else happens."""
    assert main(["quit-and-wait", "--help"]) == ExitCode.OK

    said = capfd.readouterr().out
    for option in ("PIDFILE", "--grace-period", "--quiet", "--help", "99"):
        assert option in said


def test_the_command_is_known_by_its_place(capfd: pytest.CaptureFixture[str]):
    """Only the first word is a command; anywhere else it is none, and this is said."""
    assert main(["--test", "quit-and-wait"]) == ExitCode.USAGE

    assert "quit-and-wait is a command, and must come first" in capfd.readouterr().err


def test_no_pidfile_means_that_nothing_runs(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
):
    """What is wanted is the case already: a line, and exit 0."""
    path = str(tmp_path / "a.pid")

    assert main(["quit-and-wait", path]) == ExitCode.OK
    assert capfd.readouterr() == (f"No resqued runs with pidfile {path}\n", "")
    assert main(["quit-and-wait", path, "--quiet"]) == ExitCode.OK
    assert capfd.readouterr() == ("", "")


def test_a_stale_pidfile_means_that_nothing_runs(tmp_path: pathlib.Path):
    """The number in it is that of a live process, which is not signalled: QUIT would end us."""
    path = tmp_path / "a.pid"
    path.write_text(f"{os.getpid()}\n")

    assert quit_and_wait.run(Order(pidfile=str(path)), HandTurnedClock()) == ExitCode.OK
    assert path.read_text() == f"{os.getpid()}\n"


def test_a_pidfile_that_cannot_be_read(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]):
    """Then it cannot be told whether something runs: one line, exit 1."""
    assert main(["quit-and-wait", str(tmp_path), "-q"]) == ExitCode.FAILED
    assert capfd.readouterr() == (
        "",
        f"resqued quit-and-wait: cannot read pidfile {tmp_path}: Is a directory\n",
    )
