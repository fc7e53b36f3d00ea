"""What all contenders share: the server, and how jobs get into it."""

import json
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import redis

from benchmarks import jobs
from benchmarks.contenders.model import Contender
from benchmarks.errors import MeasureError
from benchmarks.program import Program, environment, folder_of_processes, running
from tests.support import waiting
from tests.support.server import ValkeyServer

#: Seconds until whatever is waited for must have come.
PATIENCE = 60.0


class Producing:
    """A producer that is ready to begin."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Wait until it is ready. Raises MeasureError if that comes to nothing."""
        self._process = process
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise MeasureError("the producer does not start")

    def begin(self) -> None:
        """Have it do what it is there for, and do not wait."""
        if self._process.stdin is not None:
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def finish(self) -> dict[str, float]:
        """Return what it has done. Raises MeasureError if it has not, or takes too long."""
        try:
            output, _ = self._process.communicate(timeout=PATIENCE)
            done: dict[str, float] = json.loads(output)
        except (subprocess.TimeoutExpired, ValueError) as error:
            raise MeasureError("the producer has not done its work") from error
        return done


class Stage:
    """One server, and a folder for the notes of jobs."""

    def __init__(self, server: ValkeyServer, folder: str) -> None:
        """The server has been started."""
        self.port = server.port
        self._url = server.url
        self._folder = folder
        self.client = redis.Redis.from_url(server.url)

    @property
    def notes(self) -> str:
        """The file that jobs append to."""
        return f"{self._folder}/notes"

    def clear(self) -> None:
        """Empty the server and the notes."""
        self.client.flushall()
        self.forget_notes()

    def forget_notes(self) -> None:
        """Have jobs begin their notes anew."""
        pathlib.Path(self.notes).unlink(missing_ok=True)

    def length(self, contender: Contender) -> int:
        """Return how many jobs wait."""
        length: int = self.client.llen(contender.key)
        return length

    def running(
        self, contender: Contender, workers: int, app: str
    ) -> AbstractContextManager[Program]:
        """Run workers on this server, as a context manager."""
        return running(contender, workers, self._url, app)

    @contextmanager
    def prepare(self, contender: Contender, order: str, *arguments: object) -> Iterator[Producing]:
        """Start a producer, which waits until it is told to begin, and end it."""
        words = [sys.executable, "-m", "benchmarks.producer", contender.sender, order]
        process = subprocess.Popen(
            [*words, json.dumps(arguments)],
            env=environment(self._folder) | {"REDIS_URL": self._url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield Producing(process)
        finally:
            process.kill()
            process.communicate()

    def produce(self, contender: Contender, order: str, *arguments: object) -> dict[str, float]:
        """Have a producer do its work, and return what it has done."""
        with self.prepare(contender, order, *arguments) as producing:
            producing.begin()
            return producing.finish()

    def hold(self, contender: Contender, workers: int) -> None:
        """Enqueue jobs that hold all workers until each of them has one."""
        self.produce(contender, "holds", *self.held(contender, workers))

    def held(self, contender: Contender, workers: int) -> tuple[str, int, int]:
        """Return what the order for such jobs needs."""
        return self.notes, contender.to_hold(workers), contender.at_once(workers)

    def wait_for_notes(self, count: int, program: Program) -> list[list[int]]:
        """Wait until so many jobs have noted something, and return what."""
        self.wait_until(lambda: jobs.count_lines(self.notes) >= count, f"{count} notes", program)
        lines = pathlib.Path(self.notes).read_text().splitlines()
        return [[int(word) for word in line.split()] for line in lines]

    def wait_until(self, condition: Callable[[], object], what: str, program: Program) -> None:
        """Wait for a condition, as long as the program lives; raises MeasureError."""

        def is_met() -> object:
            program.check()
            return condition()

        try:
            waiting.wait_until(is_met, what, seconds=PATIENCE)
        except AssertionError as error:
            last = program.last_words()
            raise MeasureError(f"not within {PATIENCE:g} s: {what}; {last}") from error


@contextmanager
def stage() -> Iterator[Stage]:
    """Start a server, and end it."""
    with ValkeyServer() as server, folder_of_processes() as folder:
        yield Stage(server, folder)
