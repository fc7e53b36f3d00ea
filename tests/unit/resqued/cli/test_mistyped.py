"""Commands that were mistyped, and config files that were not."""

import pathlib

import pytest

from resqued.cli import main, mistyped
from resqued.exit_codes import ExitCode


@pytest.fixture(autouse=True)
def _folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a config file whose name is nearly a command's, and another."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plans.py").touch()
    (tmp_path / "staus").touch()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("stauts", "no such file or command: stauts; did you mean status?"),
        ("stauts --pidfile x.pid", "no such file or command: stauts; did you mean status?"),
        ("relaod --wait", "no such file or command: relaod; did you mean reload?"),
        (
            "quit_and_wait x.pid",
            "no such file or command: quit_and_wait; did you mean quit-and-wait?",
        ),
        ("stack 4711 --json", "no such file or command: stack; did you mean stacks?"),
        ("-p x.pid stauts", "no such file or command: stauts; did you mean status?"),
        ("-p x.pid status", "status is a command, and must come first: resqued status ..."),
    ],
)
def test_a_mistyped_command(argv: str, said: str, capsys: pytest.CaptureFixture[str]):
    """It is wrong usage, nothing is started, and what was meant is named."""
    assert main(argv.split()) == ExitCode.USAGE
    assert capsys.readouterr().err.splitlines()[0] == f"resqued: {said}"


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    "name", ["staus", "plans", "plans.py", "missing", "status.py", "config/status", "./stauts", ""]
)
def test_what_may_be_a_config_file(name: str, *, is_first: bool):
    """What is there, is like no command's name, or looks like a file's."""
    assert mistyped.explain(name, ["status", "plan"], is_first=is_first) is None
