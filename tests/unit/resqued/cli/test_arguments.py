import pathlib
import re

import pytest

from resqued.cli import arguments, memory, quit_and_wait
from resqued.cli.arguments import Request, UsageError


@pytest.fixture(autouse=True)
def _folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with two config files, one beside a folder of its name, and a data one."""
    monkeypatch.chdir(tmp_path)
    for path in ("resqued.py", "config/resqued.py", "config/app.py", "plain"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "config" / "app").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data.py").mkdir()


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ("resqued.py", {}),
        ("-h", {"paths": (), "wants_help": True}),
        ("--help", {"paths": (), "wants_help": True}),
        ("-v", {"paths": (), "wants_version": True}),
        ("--version", {"paths": (), "wants_version": True}),
        ("--test resqued.py", {"wants_test": True}),
        ("--fast-exit resqued.py", {"fast_exit": True}),
        ("-p a.pid resqued.py", {"pidfile": "a.pid"}),
        ("-pa.pid resqued.py", {"pidfile": "a.pid"}),
        ("--pidfile a.pid resqued.py", {"pidfile": "a.pid"}),
        ("--pidfile=a.pid resqued.py", {"pidfile": "a.pid"}),
        ("-l a.log resqued.py", {"logfile": "a.log"}),
        ("--logfile a.log resqued.py", {"logfile": "a.log"}),
        ("--log-format json resqued.py", {"log_format": "json"}),
        ("--log-format=text resqued.py", {"log_format": "text"}),
        ("-D resqued.py", {"daemonize": True}),
        ("--daemonize resqued.py", {"daemonize": True}),
        ("resqued.py -D -p x", {"daemonize": True, "pidfile": "x"}),
        ("-Dpx resqued.py", {"daemonize": True, "pidfile": "x"}),
        ("resqued.py plain", {"paths": ("resqued.py", "plain")}),
        ("-- -h", {"paths": ("-h",)}),
        # The suffix may be left out, where only the file with it exists.
        ("resqued", {"paths": ("resqued.py",)}),
        ("config/resqued", {"paths": ("config/resqued.py",)}),
        ("plain", {"paths": ("plain",)}),
        ("config/app", {"paths": ("config/app",)}),
        ("missing", {"paths": ("missing",)}),
        # The directory of --embedded may be left out.
        ("--embedded resqued.py", {"embedded": True}),
        ("--embedded resqued", {"embedded": True}),
        ("--embedded plain", {"paths": ("plain",), "embedded": True}),
        ("resqued.py --embedded", {"embedded": True}),
        ("--test --memory resqued.py", {"wants_test": True, "wants_memory": True}),
        (
            "--json --memory --test resqued.py",
            {"wants_test": True, "wants_memory": True, "wants_json": True},
        ),
        ("--embedded data resqued.py", {"embedded": True, "embedded_folder": "data"}),
        ("--embedded new/data resqued.py", {"embedded": True, "embedded_folder": "new/data"}),
        ("--embedded=data resqued.py", {"embedded": True, "embedded_folder": "data"}),
        ("--embedded= resqued.py", {"embedded": True}),
        ("resqued.py --embedded data", {"embedded": True, "embedded_folder": "data"}),
        ("--embedded -D resqued.py", {"embedded": True, "daemonize": True}),
        (
            "-D --embedded -p x resqued.py",
            {"embedded": True, "daemonize": True, "pidfile": "x"},
        ),
        ("resqued.py -- --embedded", {"paths": ("resqued.py", "--embedded")}),
    ],
)
def test_what_each_command_line_asks_for(argv: str, expected: dict[str, object]):
    """Everything that is not named in the table is left at its default."""
    assert arguments.parse(argv.split()) == Request(**({"paths": ("resqued.py",)} | expected))


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ("", "no config file"),
        ("-D", "no config file"),
        ("--test", "no config file"),
        ("--embedded", "no config file"),
        ("--embedded data", 'no config file ("data" was taken as the directory of --embedded)'),
        ("--nonsense resqued.py", "option --nonsense not recognized"),
        ("-x resqued.py", "option -x not recognized"),
        ("resqued.py -p", "option -p requires argument"),
        ("resqued.py --pidfile", "option --pidfile requires argument"),
        ("resqued.py -l", "option -l requires argument"),
        ("--memory resqued.py", "option --memory is for --test"),
        ("--test --json resqued.py", "option --json is for --memory"),
        ("--memory --json resqued.py", "option --memory is for --test"),
        ("--test=yes resqued.py", "option --test must not have an argument"),
        ("--pidfile= resqued.py", "option --pidfile requires a path"),
        ("--logfile= resqued.py", "option --logfile requires a path"),
        (
            "--log-format xml resqued.py",
            "option --log-format must be text or json, not 'xml'",
        ),
        ("--log-format= resqued.py", "option --log-format must be text or json, not ''"),
    ],
)
def test_what_is_refused(argv: str, complaint: str):
    """The complaint names the option."""
    with pytest.raises(UsageError) as caught:
        arguments.parse(argv.split())

    assert str(caught.value) == complaint


def test_the_help_names_every_option():
    """No option is left for the reader to guess."""
    for name in arguments._LONG:
        assert f"--{name.rstrip('=')}" in arguments.HELP
    for letter in arguments._SHORT.replace(":", ""):
        assert f" -{letter}," in arguments.HELP


def test_the_readme_names_every_option_and_command():
    """In the words of the help."""
    page = (pathlib.Path(__file__).parents[4] / "README.md").read_text()
    lines = [line.strip() for line in page.splitlines()]
    told = [line.strip() for line in arguments.HELP.splitlines() if line.startswith("    ")]

    assert len(told) >= 12
    assert [line for line in told if line not in lines] == []


def test_the_help_names_the_options_of_the_commands():
    """Each command's own help knows no other."""
    for name, module in (("quit-and-wait", quit_and_wait), ("memory", memory)):
        (line,) = re.findall(rf"resqued {name} .*", arguments.HELP)
        own = set(re.findall(r"--[a-z-]+", module.HELP)) - {"--help"}
        assert set(re.findall(r"--[a-z-]+", line)) == own
