"""A contender's processes: started in a folder and session of their own, found, and ended."""

import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from benchmarks import application
from benchmarks.contenders.model import Contender
from benchmarks.errors import MeasureError
from tests.support import processes
from tests.support.processes import Process

ROOT = pathlib.Path(__file__).parents[1]
#: Seconds that it has to leave after TERM; then it is killed.
_PATIENCE = 10.0
_BIN = pathlib.Path(sys.executable).parent


class Program:
    """What a contender's command has started."""

    def __init__(self, contender: Contender, folder: str, words: dict[str, str]) -> None:
        """Start; ``words`` are put into the environment, besides what every program needs."""
        self._contender = contender
        self._folder = folder
        self._log = pathlib.Path(folder, "log")
        self.began = time.monotonic_ns()
        with self._log.open("wb") as log:
            self._root = subprocess.Popen(
                self._command(words["WORKERS"]),
                cwd=folder,
                env=environment(folder) | words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _command(self, workers: str) -> list[str]:
        name, *arguments = (word.format(workers=workers) for word in self._contender.command)
        for file, text in self._contender.files.items():
            pathlib.Path(self._folder, file).write_text(text.format(workers=workers))
        return [str(_BIN / name), *arguments]

    def workers(self) -> list[Process]:
        """Return the processes that are its workers, ready or not."""
        level = [self._root.pid]
        for _ in range(self._contender.depth):
            found = [child for pid in level for child in processes.children(pid)]
            level = [process.pid for process in found]
        return [one for one in found if "resource_tracker" not in one.title]

    def check(self) -> None:
        """Raise MeasureError if it has ended."""
        if self._root.poll() is not None:
            raise MeasureError(f"it has ended with {self._root.returncode}: {self.last_words()}")

    def last_words(self) -> str:
        """Return the last line of its log, without the paths of this machine."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        if not lines:
            return "(nothing in its log)"
        return lines[-1].replace(self._folder, "").replace(str(ROOT), "").strip()

    def reload(self) -> None:
        """Have it load its code anew. Raises MeasureError if it has no way to."""
        if self._contender.reload is None:
            raise MeasureError("it cannot reload")
        self._root.send_signal(self._contender.reload)

    def stop(self) -> None:
        """Have it leave; what is left of it then is for whoever owns its folder to kill."""
        if self._root.poll() is None:
            self._root.terminate()
            try:
                self._root.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                pass  # it is killed with the others


@contextmanager
def running(contender: Contender, workers: int, url: str, app: str) -> Iterator[Program]:
    """Run a contender's workers, with the application ``app`` loaded."""
    with folder_of_processes() as folder:
        words = {"REDIS_URL": url, "WORKERS": str(workers), application.VARIABLE: app}
        program = Program(contender, folder, words)
        try:
            yield program
        finally:
            program.stop()


@contextmanager
def folder_of_processes() -> Iterator[str]:
    """Make a folder, and kill what was started in it: nothing outlives it, whatever happens."""
    with TemporaryDirectory(prefix="resqued-bench-") as folder:
        try:
            yield folder
        finally:
            processes.kill_all(folder)


def environment(folder: str) -> dict[str, str]:
    """Return what each program of a benchmark needs to know."""
    return {
        "PATH": os.environ["PATH"],
        "TMPDIR": folder,
        "XDG_RUNTIME_DIR": folder,  # for control sockets
        "PYTHONPATH": str(ROOT),
        processes.MARKER: folder,
    }
