"""The rehearsal of a generation, as seen by the command that wants to look at it."""

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

from resqued.cli.arguments import Request
from resqued.clock import Clock
from resqued.config.display import one_line
from resqued.config.errors import ConfigError
from resqued.errors import ResquedError
from resqued.ipc.channel import Channel
from resqued.ipc.messages import Boot, BootFailed, Loaded, Message, Proved, Started
from resqued.process import limits, reaper, sweep
from resqued.process.spawn import spawn_interpreter
from resqued.process.start_context import StartContext
from resqued.process.watch import ProcessWatch

#: What runs in a fresh interpreter in a listener's place.
REHEARSAL_MODULE = "resqued.cli.rehearsal"
#: The last entry of a traceback, and the first line of its exception; in a group, behind bars.
_RAISED = re.compile(r'^([ |]*)  File "(.*)", line (\d+).*\n(?:\1    .*\n)*\1(\S.*)', re.MULTILINE)


class RehearsalError(ResquedError):
    """Raised when the workers cannot be made to stand; says why, in one line."""


class Stage:
    """What is known of the processes that are to be looked at."""

    def __init__(self, pid: int, channel: Channel, request: Request, clock: Clock) -> None:
        """``pid`` is that of the process in a listener's place."""
        self.pid = pid
        self.watch = ProcessWatch(pid)
        self.channel = channel
        self.queues: tuple[tuple[str, ...], ...] | None = None  #: of each worker, once known
        self.worker_pids: list[int] = []
        self.is_set = False  #: whether all workers stand at their gates
        self._failure: ResquedError | None = None  #: why they never will
        self._boot_timeout = request.boot_timeout
        self._clock = clock
        self._begun_at = clock.now()

    @property
    def time_left(self) -> float:
        """Seconds until it should have been set."""
        return self._begun_at + self._boot_timeout - self._clock.now()

    def read(self) -> None:
        """Take in what has been said, and what has happened."""
        has_ended = self.watch.has_ended()
        for message in self.channel.receive():
            self._take(message)
        if has_ended and self._failure is None:
            status = reaper.reap(self.pid)
            self._failure = RehearsalError(f"the process that was to load it has ended: {status}")

    def check(self) -> None:
        """Raise ConfigError or RehearsalError if the workers do not stand, and never will."""
        if self.is_set:
            return
        if self._failure is not None:
            raise self._failure
        if self.time_left <= 0:
            what = "the files are not read" if self.queues is None else "not all workers stand"
            raise RehearsalError(f"{what} after {self._boot_timeout:g} s (boot_timeout)")

    def _take(self, message: Message) -> None:
        match message:
            case Loaded(workers, boot_timeout, _):
                self.queues = workers
                self._boot_timeout = boot_timeout or self._boot_timeout
            case Started(_, pid):
                self.worker_pids.append(pid)
            case Proved():
                self.is_set = True
            case BootFailed(reason, True):
                self._failure = ConfigError(*reason.splitlines())
            case BootFailed(reason, _):
                self._failure = RehearsalError(in_one_line(reason))
            case _:
                pass  # the rest is between a listener and its master


@contextmanager
def opened(request: Request, clock: Clock) -> Iterator[Stage]:
    """Begin a rehearsal; afterwards none of its processes, nor of what they started, is left.

    Raises RehearsalError if it cannot be started.
    """
    context = StartContext.capture()
    channel, theirs = Channel.pair()
    file_limit = limits.raise_file_limit()
    with sweep.nobody_left(), closing(channel):
        with theirs:
            end = theirs.fileno()
            try:
                pid = spawn_interpreter(context, REHEARSAL_MODULE, [str(end)], [end], output=2)
            except OSError as error:
                raise RehearsalError(f"cannot start {context.program}: {error.strerror}") from error
        channel.send(Boot(0, file_limit, request.paths, context.folder, None))
        stage = Stage(pid, channel, request, clock)
        with closing(stage.watch):
            yield stage


def in_one_line(reason: str) -> str:
    """Return why a listener or a worker cannot start; of a traceback, what was raised and where."""
    raised = list(_RAISED.finditer(reason))
    if not raised:
        return one_line(reason)
    _, file, line, error = raised[-1].groups()
    what = reason.partition("\n")[0]
    return one_line(f"{what}: {error} ({file.removeprefix(os.getcwd() + '/')}:{line})")
