"""Reads a unit of systemd's, and does with its service what systemd would do."""

import configparser
import os
import pathlib
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping

from tests.support import processes
from tests.support.daemon import Daemon
from tests.support.notify import NotifySocket

_EXAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "resqued.service"


class Unit:
    """A unit file: the settings of its service."""

    def __init__(self, text: str) -> None:
        self.text = text
        parser = configparser.RawConfigParser()
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(text)
        self._settings = parser["Service"]

    def __getitem__(self, name: str) -> str:
        return self._settings[name]

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its ``Environment`` line."""
        return dict(word.split("=", 1) for word in shlex.split(self["Environment"]))


class Service:
    """A service of Type=notify and KillMode=mixed: systemd.service(5), systemd.kill(5)."""

    def __init__(self, daemon: Daemon, unit: Unit, manager: NotifySocket) -> None:
        """``manager`` is told what the main process says."""
        assert (unit["Type"], unit["KillMode"]) == ("notify", "mixed")
        self._daemon = daemon
        self._unit = unit
        self._manager = manager

    def start(self) -> None:
        """Run ExecStart in the working directory, whose link is followed at once."""
        folder = os.path.realpath(self._unit["WorkingDirectory"])
        command = shlex.split(self._unit["ExecStart"])
        environment = {
            **self._unit.environment,
            "NOTIFY_SOCKET": self._manager.address,
            "WATCHDOG_USEC": str(int(self._unit["WatchdogSec"]) * 1_000_000),
        }
        self._daemon.launch(*command, folder=folder, environment=environment)

    @property
    def is_started(self) -> bool:
        """Whether the main process has said so; until then ``systemctl start`` waits."""
        return bool(self._manager.told("READY=1"))

    @property
    def signs_of_life(self) -> int:
        """How many have come; if none comes in WatchdogSec, everything is killed."""
        return len(self._manager.told("WATCHDOG=1"))

    def reload(self) -> None:
        """Run ExecReload, which must succeed."""
        done = self._run("ExecReload")
        assert done.returncode == 0, done.stderr

    def stop(self) -> subprocess.CompletedProcess[str]:
        """Stop it; returns how ExecStop went, which comes before any signal."""
        done = self._run("ExecStop")
        may_fail = self._unit["ExecStop"].startswith("-")
        assert done.returncode == 0 or may_fail, done
        if self._is_running:
            # To the main process only; CONT follows so that it can act if it was stopped.
            self._daemon.signal(signal.SIGTERM)
            self._daemon.signal(signal.SIGCONT)
            self._wait(float(self._unit["TimeoutStopSec"]))
        # Whatever is left of the service then, which is nobody if all went well.
        processes.kill_all(str(self._daemon.folder))
        return done

    def _run(self, name: str) -> subprocess.CompletedProcess[str]:
        line = self._unit[name].removeprefix("-").replace("$MAINPID", str(self._daemon.pid))
        return self._daemon.execute(*shlex.split(line), environment=self._unit.environment)

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        self._daemon.wait_until(
            lambda: not self._is_running or time.monotonic() > deadline, "the end, or its time"
        )

    @property
    def _is_running(self) -> bool:
        return bool(self._daemon.tree().masters)


def read_example(folder: pathlib.Path, changed: Mapping[str, str]) -> Unit:
    """Return examples/resqued.service with its places in ``folder``, and some texts changed."""
    text = _EXAMPLE.read_text(encoding="utf-8")
    places = {place: f"{folder}{place}" for place in ("/srv/myapp", "/run/myapp")}
    for old, new in (places | dict(changed)).items():
        assert old in text
        text = text.replace(old, new)
    return Unit(text)
