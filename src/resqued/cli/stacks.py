"""``resqued stacks WORKER``: where a worker and its job are, just now, in their code."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from resqued.cli import running
from resqued.cli.output import say
from resqued.cli.running import Call, Pool, Syntax
from resqued.clock import Clock
from resqued.config.display import one_line
from resqued.control.status import PoolStatus, read_pool
from resqued.errors import ResquedError
from resqued.exit_codes import ExitCode
from resqued.process import dump_file
from resqued.process.command_line import command_line
from resqued.process.dump_file import DumpFile
from resqued.process.dump_silence import DumpError, HasEndedError, NotAllowedError
from resqued.process.tree import children, descendants
from resqued.process.watch import ProcessWatch

_SYNTAX = Syntax(
    name="stacks",
    help="""Usage: resqued stacks WORKER [options]
Shows where the worker of that pid and the process of its job are in their Python code (Linux): the
stacks of all threads, the most recent call first. They go on.
    -h, --help                       Show this message
        --json                       Print it as JSON
Exit status: 0 all of them were shown; 1 one of them has not told it, and why; 2 wrong usage; 3 no
such pool runs.""",
    options=("json",),
    most_words=1,
    least_words=1,
)
#: Characters of a title, and of a line of a stack, that are shown.
_LONGEST_TITLE = 200
_LONGEST_LINE = 2000


Complain = Callable[[str], object]


class Master(Protocol):
    """The master, as far as it is asked here."""

    def ask(self, verb: str, /) -> dict[str, Any]:
        """Return the content of its answer. Raises ResquedError."""
        ...


class StacksError(ResquedError):
    """Raised when there is nothing to show; says why in one line."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One process: its stacks, or why they are not known."""

    pid: int
    parent: int | None  #: None: it is the worker
    title: str
    stacks: str | None  #: as faulthandler writes them
    problem: str | None


def main(argv: Sequence[str]) -> int:
    """Run the command with the arguments after its name; returns its exit status."""
    return running.run(_SYNTAX, argv, _show)


def stacks_of(master: Master, clock: Clock, worker: int, complain: Complain) -> list[Shown]:
    """Have a worker and what was forked below it tell their stacks; the worker's come first.

    ``complain`` is told in a line of who is left out. Takes seconds where somebody does not answer.
    Raises StacksError, and what asking the master raises.
    """
    if sys.platform != "linux":
        raise StacksError("stacks are shown on Linux only")
    try:
        with _opened(master, worker) as (watch, file), file.alone(clock.now):
            below = _below(worker, file, clock, complain)
            return [_shown(watch, None, file, clock), *below]
    except DumpError as error:
        raise StacksError(f"worker {worker} {error}") from error


def as_text(found: Sequence[Shown]) -> str:
    """Return it for people; all that comes from the application is escaped."""
    return "\n\n".join("\n".join(_lines(each)) for each in found)


def _show(pool: Pool, call: Call) -> ExitCode:
    found = stacks_of(pool, pool.clock, call.worker, _complain)
    say(_as_json(found) if call.has("--json") else as_text(found))
    problems = [each for each in found if each.problem is not None]
    for each in problems:
        _complain(f"{_name(each)} {each.problem}")
    return ExitCode.FAILED if problems else ExitCode.OK


@contextmanager
def _opened(master: Master, pid: int) -> Iterator[tuple[ProcessWatch, DumpFile]]:
    """Make sure that a worker of the pool has this pid; yields it, and the file it answers in.

    It is watched before the master is asked: who has the pid of a worker then is that worker, or
    the watch has ended. Raises StacksError, DumpError, and what asking the master raises.
    """
    watch = _watch(pid)
    status = read_pool(master.ask("status"))
    if watch is None:
        raise StacksError(f"no worker has pid {pid}")
    with closing(watch):
        is_known = pid in _workers(status)
        # A canary is no worker yet, and nothing else below a listener has such a file.
        if not is_known and not any(pid in children(listener) for listener in _listeners(status)):
            raise StacksError(f"no worker has pid {pid}")
        file = DumpFile.of(watch)
        if file is None:
            raise StacksError(_why_not(watch, is_known=is_known))
        with closing(file):
            yield watch, file


def _watch(pid: int) -> ProcessWatch | None:
    """Watch a process; None: it has ended. Raises StacksError without a descriptor for that."""
    try:
        return ProcessWatch(pid)
    except ProcessLookupError:
        return None
    except OSError as error:
        raise StacksError(f"process {pid} cannot be looked at: {error.strerror}") from error


def _workers(status: PoolStatus) -> set[int | None]:
    return {worker.pid for generation in status.generations for worker in generation.workers}


def _listeners(status: PoolStatus) -> list[int]:
    return [each.listener for each in status.generations if each.listener is not None]


def _why_not(watch: ProcessWatch, *, is_known: bool) -> str:
    """Return why a process has no file to answer in."""
    if watch.has_ended():
        return f"worker {watch.pid} has ended"
    if not is_known:
        return f"no worker has pid {watch.pid}"
    return (
        f"worker {watch.pid} has no file to answer in: it was forked just now, has closed it, had"
        " no descriptor left for it, or its listener is of a version that knows of none"
    )


def _below(worker: int, file: DumpFile, clock: Clock, complain: Complain) -> Iterator[Shown]:
    """Yield what is below a worker and of its own program: job, standby, what jobs have forked."""
    for each in descendants(worker):
        watch = _watch(each.pid)
        if watch is None:
            continue  # its job is done
        with closing(watch):
            try:
                if file.is_open_in(watch):
                    yield _shown(watch, each.parent, file, clock)
                elif dump_file.is_forked_from(watch, worker):
                    title = _title(each.pid)
                    yield Shown(each.pid, each.parent, title, None, dump_file.CLOSED)
            except HasEndedError:
                continue
            except NotAllowedError as error:  # a program of another user's, say
                complain(f"process {each.pid} is left out: it {error}")


def _shown(watch: ProcessWatch, parent: int | None, file: DumpFile, clock: Clock) -> Shown:
    """Have a process tell its stacks. Raises HasEndedError or NotAllowedError."""
    title = _title(watch.pid)
    try:
        return Shown(watch.pid, parent, title, file.stacks(watch, clock.now), None)
    except (HasEndedError, NotAllowedError):
        raise
    except DumpError as error:
        return Shown(watch.pid, parent, title, None, str(error))


def _title(pid: int) -> str:
    return (command_line(pid) or b"").decode("utf-8", "replace").rstrip()


def _name(shown: Shown) -> str:
    return f"{'worker' if shown.parent is None else 'process'} {shown.pid}"


def _as_json(found: Sequence[Shown]) -> str:
    return json.dumps({"processes": [asdict(each) for each in found]}, indent=2)


def _lines(shown: Shown) -> Iterator[str]:
    below = "" if shown.parent is None else f", below {shown.parent}"
    yield f"{_name(shown).capitalize()}{below}: {one_line(shown.title, _LONGEST_TITLE)}"
    if shown.stacks is None:
        yield f"  (not known: it {shown.problem})"
        return
    for line in shown.stacks.splitlines():
        yield one_line(line, _LONGEST_LINE)


def _complain(text: str) -> None:
    print(f"resqued stacks: {text}", file=sys.stderr)
