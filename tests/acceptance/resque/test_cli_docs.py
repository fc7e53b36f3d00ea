"""docs/cli.md: the session runs, and no command or option is left out."""

import re
import shlex
from pathlib import Path

from resque.cli import _COMMANDS

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
SESSION = re.search(r"^```\n(\$ .*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[1]


def test_the_session(command, client):
    """It prints what the page says, columns apart by any number of spaces."""
    for step in SESSION.removeprefix("$ ").split("\n$ "):
        line, _, expected = step.partition("\n")
        done = command.run(*shlex.split(line)[1:])
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.split() == expected.split()


def test_every_command_and_option_stands_there(command):
    """Those of --help; what work has of its own stands in workers.md."""
    for name in _COMMANDS:
        assert re.search(rf"`{name}\b|, `{name}\b", PAGE), name
    helps = [command.run(name, "--help").stdout for name in _COMMANDS if name != "work"]
    helps += [
        command.run("failures", name, "--help").stdout
        for name in ("list", "show", "retry", "remove", "clear")
    ]
    helps.append(command.run("queue", "remove", "--help").stdout)
    assert all(text.startswith("usage: resque ") for text in helps)
    options = set(re.findall(r"--[a-z][a-z-]+", " ".join(helps))) - {"--help"}
    assert {"--json", "--oldest", "--dry-run"} <= options
    assert sorted(option for option in options if option not in PAGE) == []
