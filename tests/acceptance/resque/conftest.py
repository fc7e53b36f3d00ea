"""The installed ``resque`` command, in a folder with an application of its own."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

import resque
from tests.support import processes, waiting
from tests.support.server import ValkeyServer

COMMAND = str(pathlib.Path(sys.executable).parent / "resque")

#: The application: jobs that leave their mark in the working directory.
JOBS = """
import os, pathlib, time
import resque

@resque.job(queue="high", name="note")
def note(text):
    with open("notes", "a") as file:
        file.write(f"{text}\\n")

@resque.job(queue="high", name="wait")
def wait(seconds):
    pathlib.Path("begun").touch()
    deadline = time.monotonic() + seconds
    while not os.path.exists("finish") and time.monotonic() < deadline:
        time.sleep(0.01)
    note("waited")
"""


class Command:
    """Runs ``resque`` in a folder, with an environment that names the server."""

    def __init__(self, folder: pathlib.Path, url: str) -> None:
        self.folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "REDIS_URL": url,
            processes.MARKER: str(folder),
            **{name: os.environ[name] for name in os.environ if name.startswith("COVERAGE_")},
        }
        (folder / "myapp.py").write_text(JOBS)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command that returns by itself, with these variables in its environment."""
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=self.folder,
            env=self._environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=waiting.PATIENCE,
            check=False,
        )

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start a command that works until told to leave."""
        with (self.folder / "output").open("ab") as output:
            return subprocess.Popen(
                [COMMAND, *arguments],
                cwd=self.folder,
                env=self._environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def notes(self) -> list[str]:
        """What the jobs have noted."""
        file = self.folder / "notes"
        return file.read_text().splitlines() if file.exists() else []

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition; raises with what was printed."""
        output = self.folder / "output"
        waiting.wait_until(condition, what, explain=output.read_text)


@pytest.fixture
def command(tmp_path: pathlib.Path, clean_valkey: ValkeyServer) -> Iterator[Command]:
    """The command; what it leaves running is killed."""
    made = Command(tmp_path.resolve(), clean_valkey.url)
    yield made
    processes.kill_all(str(made.folder))


@pytest.fixture
def version() -> str:
    """The version of the package."""
    return resque.__version__
