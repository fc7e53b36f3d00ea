"""docs/deploy.md and examples/resqued.service: commands that exist, times that fit together."""

import configparser
import json
import re
import shlex
from pathlib import Path

import pytest

from resqued.cli import arguments, quit_and_wait
from resqued.config.model import DEFAULT_STOP_TIMEOUT
from resqued.exit_codes import ExitCode

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "deploy.md").read_text()


@pytest.fixture
def unit() -> configparser.SectionProxy:
    """The [Service] section of the example."""
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(ROOT / "examples" / "resqued.service")
    return parser["Service"]


def arguments_of(command: str) -> list[str]:
    """Return what follows ``resqued``, or ``resqued quit-and-wait``, in a command line."""
    words = shlex.split(command)
    rest = words[words.index("resqued") + 1 :]
    return rest[1:] if rest[0] == "quit-and-wait" else rest


def test_the_unit_starts_what_it_stops(unit: configparser.SectionProxy):
    """Both commands are understood and name the same pidfile, in the folder that systemd makes."""
    start = arguments.parse(arguments_of(unit["ExecStart"]))
    stop = quit_and_wait.parse(arguments_of(unit["ExecStop"]))

    assert start.pidfile == stop.pidfile == f"/run/{unit['RuntimeDirectory']}/resqued.pid"
    assert not start.daemonize
    assert not Path(start.paths[0]).is_absolute()


def test_the_unit_leaves_every_step_its_time(unit: configparser.SectionProxy):
    """Neither the waiting is cut off by systemd, nor the master's own end of the jobs."""
    stop = quit_and_wait.parse(arguments_of(unit["ExecStop"]))
    limit = int(unit["TimeoutStopSec"])

    assert stop.patience < stop.grace_period < limit
    assert limit > DEFAULT_STOP_TIMEOUT
    assert unit["ExecStop"].startswith("-")
    assert f"up to {stop.patience:g} s" in (ROOT / "examples" / "resqued.service").read_text()


def test_the_unit_leaves_the_first_generation_its_time(unit: configparser.SectionProxy):
    """Systemd does not give up on a start before the master would."""
    boot_timeout = arguments.parse(arguments_of(unit["ExecStart"])).boot_timeout

    assert unit["Type"] == "notify"
    assert int(unit["TimeoutStartSec"]) > boot_timeout


def test_the_unit_keeps_the_links_name(unit: configparser.SectionProxy):
    """Folder, PWD and interpreter are named by the same link."""
    folder = unit["WorkingDirectory"]

    assert unit["Environment"] == f"PWD={folder}"
    assert unit["ExecStart"].startswith(f"{folder}/")
    assert unit["ExecStop"].startswith(f"-{folder}/")


def test_the_pages_lines_of_the_unit_are_the_units(unit: configparser.SectionProxy):
    """What the table explains stands in the example."""
    rows = re.findall(r"^\| `(\w+)=(.*?)` \|", PAGE, re.MULTILINE)

    assert len(rows) >= 5
    for name, value in rows:
        pattern = ".*".join(map(re.escape, value.split("...")))
        assert re.fullmatch(pattern, unit[name]), name


def test_the_prestop_hook_fits_the_pod():
    """Same pidfile, same grace period, and the command is understood."""
    (seconds,) = re.findall(r"terminationGracePeriodSeconds: (\d+)", PAGE)
    start, stop = (json.loads(line)[1:] for line in re.findall(r"command: (\[.*\])", PAGE))
    order = quit_and_wait.parse(stop[1:])

    assert stop[0] == "quit-and-wait"
    assert order.grace_period == int(seconds)
    assert order.pidfile == arguments.parse(start).pidfile


def test_the_exit_statuses_are_all_there():
    """The page explains every status of quit-and-wait."""
    rows = re.findall(r"^\| (\d[\d, ]*) \| ", PAGE, re.MULTILINE)

    statuses = {int(number) for row in rows for number in row.split(",")}
    others = {ExitCode.NOT_RUNNING, ExitCode.NOT_WORKING}
    assert statuses == {*ExitCode, 143, 130} - others


def test_links_lead_somewhere():
    """Files that the page links to exist."""
    for link in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
