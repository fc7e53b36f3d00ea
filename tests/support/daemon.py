"""Starts the installed ``resqued`` command in a folder of its own, signals it, looks at it."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from signal import Signals
from typing import TypeVar

import resqued
from tests.support import processes, waiting
from tests.support.processes import Process

Found = TypeVar("Found")

#: The command as it was installed, beside the interpreter that runs the tests.
COMMAND = str(pathlib.Path(sys.executable).parent / "resqued")
#: The first lines of nearly every config file of a test.
WORKERS = "from jobs import Worker\nworker_factory(Worker)\n"
#: A before_fork that waits, in the second generation only, until the test lets it go on.
WAITING = """
import os, time
from jobs import note
@before_fork
def load():
    if os.path.exists("wait"):
        note("loading", str(os.getpid()))
        while os.path.exists("wait"):
            time.sleep(0.01)
"""
#: Seconds until everything below a daemon that has ended must be gone as well.
_GRACE = 5.0


@dataclass(frozen=True, slots=True)
class Tree:
    """All processes of a daemon at one moment."""

    processes: tuple[Process, ...]

    def titled(self, pattern: str) -> list[Process]:
        """Return those whose title matches from its start."""
        return [process for process in self.processes if re.match(pattern, process.title)]

    @property
    def masters(self) -> list[Process]:
        """The masters; there should never be two."""
        return self.titled(r"resqued-\S+ master ")

    @property
    def listeners(self) -> list[Process]:
        """The listeners, without workers that still wear their listener's title."""
        titled = self.titled(r"resqued-\S+ listener ")
        pids = {process.pid for process in titled}
        return [process for process in titled if process.ppid not in pids]

    @property
    def workers(self) -> list[Process]:
        """The workers, those included that have not set their title yet; no canary, and no job."""
        listeners = self.titled(r"resqued-\S+ listener ")
        pids = {process.pid for process in listeners}
        untitled = [process for process in listeners if process.ppid in pids]
        # What a listener forks before it runs is a canary.
        running = [process for process in untitled if "[running]" in process.title]
        titled = self.titled(r"resque-\d")
        # A job's process wears its worker's title until it has set its own.
        parents = {process.pid for process in titled}
        return [*(process for process in titled if process.ppid not in parents), *running]

    @property
    def waiting(self) -> list[Process]:
        """The workers that have reached their work loop and wait there."""
        is_waiting = re.compile(r"resque-\S+ Waiting for ").match
        return [worker for worker in self.workers if is_waiting(worker.title)]

    def listener(self, number: int) -> Process | None:
        """The listener of a generation, None if it is not there."""
        return next((p for p in self.listeners if f" listener #{number} " in p.title), None)

    def workers_of(self, number: int) -> list[Process]:
        """The workers of a generation whose listener is there."""
        listener = self.listener(number)
        return [worker for worker in self.workers if listener and worker.ppid == listener.pid]

    def __str__(self) -> str:
        return processes.shown(self.processes)


class Daemon:
    """The driver. Everything it starts is marked, and nothing else is ever signalled."""

    def __init__(self, folder: pathlib.Path) -> None:
        """Prepare ``folder``: the working directory, with the application of the tests in it."""
        self.folder = folder
        self.output = folder / "output"
        self._master: subprocess.Popen[bytes] | None = None
        self._pidfile: pathlib.Path | None = None
        self._pid: int | None = None
        self._modules: list[str] = []
        for name in ("tmp", "run"):
            (folder / name).mkdir()
        shutil.copy(pathlib.Path(__file__).with_name("jobs.py"), folder)

    # --- what stands in the folder

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        """Return a file's text, nothing if there is none."""
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def log(self) -> str:
        """All that the daemon has printed, and its log unless that goes elsewhere."""
        return self.read("output")

    def deploy(self, version: str) -> None:
        """Install another version of the application; a busy worker says which one it is of."""
        text = self.read("jobs.py")
        self.write("jobs.py", re.sub('VERSION = ".*"', f'VERSION = "{version}"', text))

    # --- what is installed, for those that are started from now on

    def customize(self, module: str, **values: float) -> None:
        """Have every process set names of a module, such as the seconds of a limit."""
        name = "customized/sitecustomize.py"
        lines = [f"import {module}", *(f"{module}.{n} = {v!r}" for n, v in values.items())]
        self.write(name, self.read(name) + "\n".join(lines) + "\n")
        self._modules.append(str(self.folder / "customized"))

    def install(self) -> pathlib.Path:
        """Install a copy of the package that a test may change; returns its folder."""
        source = pathlib.Path(resqued.__file__).parent
        copy = self.folder / "installed" / "resqued"
        # Others may be writing there what they have compiled.
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        self._modules.append(str(self.folder / "installed"))
        return copy

    def publish(self, version: str) -> None:
        """Give the installed copy another version, which the titles of its processes show."""
        path = self.folder / "installed" / "resqued" / "__init__.py"
        text = re.sub('__version__ = ".*"', f'__version__ = "{version}"', path.read_text())
        path.write_text(text)

    # --- starting

    def start(
        self,
        config: str | None = None,
        *arguments: str,
        environment: dict[str, str] | None = None,
        through: Sequence[str] = (),
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        """Start in the foreground with ``arguments``, or with ``config`` as resqued.py.

        ``through`` is a command that runs the one after it.
        """
        if config is not None:
            self.write("resqued.py", config)
            arguments = (*arguments, "resqued.py")
        self.launch(*through, COMMAND, *arguments, environment=environment, stdin=stdin)

    def launch(
        self,
        *command: str,
        folder: str = ".",
        environment: dict[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        """Start any command line that becomes a master, or runs one."""
        with self.output.open("ab") as output:
            self._master = subprocess.Popen(
                command,
                cwd=self.folder / folder,
                env=self._environment(environment),
                stdin=stdin,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def start_working(self, workers: str, *arguments: str, count: int) -> Tree:
        """Start with the tests' worker class, and wait until ``count`` workers wait for jobs."""
        self.start(WORKERS + workers, *arguments)
        return self.wait_for_workers(count)

    def run(
        self, *arguments: str, folder: str = ".", environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of resqued's that returns by itself."""
        return self.execute(COMMAND, *arguments, folder=folder, environment=environment)

    def execute(
        self, *command: str, folder: str = ".", environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run any command that returns by itself, as one of this test's processes."""
        return subprocess.run(
            command,
            cwd=self.folder / folder,
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=waiting.PATIENCE,
            check=False,
        )

    def replace(self, text: str, name: str = "resqued.py") -> None:
        """Put a config file with the tests' worker class in the place of the present one."""
        self.write(name, WORKERS + text)

    def adopt(self, pidfile: str) -> None:
        """Take the daemon that ``-D -p pidfile`` has started for the master from now on."""
        self._pidfile = self.folder / pidfile

    def adopt_master(self) -> int:
        """Take the process that is titled so for the master: what was started only runs it."""
        (master,) = self.wait_until(lambda: self.tree().masters, "a master")
        self._pid = master.pid
        return master.pid

    def _environment(self, more: dict[str, str] | None) -> dict[str, str]:
        kept = {name: os.environ[name] for name in os.environ if name.startswith("COVERAGE_")}
        return {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self.folder / "tmp"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            processes.MARKER: str(self.folder),
            "PYTHONPATH": os.pathsep.join(self._modules),
            # A deploy within the same second would not be noticed.
            "PYTHONDONTWRITEBYTECODE": "1",
            **kept,
            **(more or {}),
        }

    # --- looking

    @property
    def pid(self) -> int:
        """The master's pid."""
        if self._pid is not None:
            return self._pid
        if self._pidfile is not None:
            return int(self._pidfile.read_text())
        assert self._master is not None, "nothing was started"
        return self._master.pid

    def tree(self) -> Tree:
        """Return every process of this test, also those that have lost their parents."""
        if self._master is not None:
            self._master.poll()  # so that an ended master is no zombie
        return Tree(tuple(processes.below(str(self.folder))))

    def wait_until(
        self, condition: Callable[[], Found], what: str, seconds: float = waiting.PATIENCE
    ) -> Found:
        """Return the first true value of ``condition``; raises with the log and the tree."""
        return waiting.wait_until(condition, what, seconds=seconds, explain=self._explain)

    def assert_lasts(self, condition: Callable[[], object], what: str, seconds: float) -> None:
        """See that a condition is met for so long; raises with the log and the tree."""
        waiting.assert_lasts(condition, what, seconds=seconds, explain=self._explain)

    def wait_for_workers(self, count: int) -> Tree:
        """Wait until exactly ``count`` workers are there and all of them wait for jobs."""

        def complete() -> Tree | None:
            tree = self.tree()
            return tree if len(tree.workers) == len(tree.waiting) == count else None

        return self.wait_until(complete, f"{count} workers that wait for jobs")

    def wait_for_title(self, pattern: str) -> list[Process]:
        """Wait until a title matches from its start on, and return all such processes."""
        return self.wait_until(lambda: self.tree().titled(pattern), f"a title like {pattern}")

    def wait_for_log(self, pattern: str, count: int = 1) -> list[str]:
        """Wait until the log has ``count`` matches of a pattern, and return all."""
        found: list[str] = self.wait_until(
            lambda: (m := re.findall(pattern, self.log)) and len(m) >= count and m,
            f"{count} times in the log: {pattern}",
        )
        return found

    def work(self, task: str, workers: Collection[Process]) -> None:
        """Give the workers of ``tasks`` something to do, and wait until all of these did it."""
        self.write("task", task)
        pids = {str(worker.pid) for worker in workers}

        def done() -> set[str]:
            words = [line.split() for line in self.read("tasks_done").splitlines()]
            return {pid for name, pid, _ in words if name == task}

        self.wait_until(lambda: pids <= done(), f"{task} done by {pids}")

    def is_zombie(self, process: Process) -> bool:
        """Tell whether a process has ended and waits for its parent to notice."""
        try:
            status = pathlib.Path(f"/proc/{process.pid}/stat").read_bytes()
        except OSError:
            return False
        return status.rpartition(b")")[2].split()[0] == b"Z"

    def wait_for_exit(self, seconds: float = waiting.PATIENCE) -> int:
        """Wait until the master has ended, and return its exit status (negative: the signal)."""
        assert self._master is not None, "nothing was started"
        master = self._master
        self.wait_until(lambda: master.poll() is not None, "the master's end", seconds)
        return master.returncode

    def wait_until_gone(self, seconds: float = _GRACE) -> None:
        """Wait until no process of this test is left."""
        self.wait_until(lambda: not self.tree().processes, "no process left", seconds)

    def _explain(self) -> str:
        files = [f"--- {p.name}\n{p.read_text()}" for p in sorted(self.folder.glob("*.log"))]
        return "\n".join([f"--- processes\n{self.tree()}", *files, f"--- output\n{self.log}"])

    # --- signalling

    def signal(self, number: Signals) -> None:
        """Signal the master."""
        os.kill(self.pid, number)

    def signal_process(self, process: Process, number: Signals) -> None:
        """Signal one of the processes that ``tree`` has returned."""
        os.kill(process.pid, number)

    def stop(self, number: Signals = Signals.SIGQUIT, seconds: float = 10.0) -> int:
        """Signal the master, wait until everything is gone, and return its exit status."""
        self.signal(number)
        status = self.wait_for_exit(seconds)
        self.wait_until_gone()
        return status

    def clean_up(self) -> str | None:
        """Leave no process behind; returns what is wrong with those that were there."""
        wrong = None
        try:
            if not self._is_running:
                self.wait_until_gone()
        except AssertionError as error:
            wrong = str(error)
        processes.kill_all(str(self.folder))
        if self._master is not None:
            self._master.wait()
        return wrong

    @property
    def _is_running(self) -> bool:
        return bool(self.tree().masters) or (
            self._master is not None and self._master.poll() is None
        )
