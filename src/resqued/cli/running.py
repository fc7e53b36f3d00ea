"""What all commands for a running pool have in common: options, the socket, errors."""

import getopt
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from resqued.cli import target
from resqued.cli.arguments import UsageError
from resqued.cli.output import say
from resqued.cli.target import NoTargetError
from resqued.clock import Clock, MonotonicClock
from resqued.control import client
from resqued.control.client import NotRunningError
from resqued.errors import ResquedError
from resqued.exit_codes import ExitCode


@dataclass(frozen=True, slots=True)
class Pool:
    """The running pool that a command is for."""

    path: str  #: of its control socket
    clock: Clock
    patience: float = client.PATIENCE  #: seconds that an answer may take

    def ask(self, verb: str, /, **fields: object) -> dict[str, Any]:
        """Return the content of the master's answer. Raises ResquedError."""
        return client.ask_within(self.patience, self.path, verb, self.clock, **fields)


#: A pid is less than this (pid_t).
_MAX_PID = 2**31
#: Digits of such a number.
_MOST_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Syntax:
    """How the command line of a command for a running pool looks like."""

    name: str
    help: str  #: without the options that all of them have
    options: tuple[str, ...] = ()  #: its own, as getopt wants them
    most_words: int | None = 0  #: None: any number
    least_words: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """The command line of one call."""

    values: dict[str, str]
    words: tuple[str, ...]
    target: target.Target  #: which pool they name

    def has(self, option: str) -> bool:
        """Whether an option was given."""
        return option in self.values

    @property
    def worker(self) -> int:
        """The pid that the only word says. Raises UsageError if it is none."""
        (word,) = self.words
        is_number = word.isascii() and word.isdecimal() and len(word) <= _MOST_DIGITS
        if not (is_number and 0 < int(word) < _MAX_PID):
            raise UsageError(f"WORKER must be the pid of a worker, not {word!r:.200}")
        return int(word)


def run(syntax: Syntax, argv: Sequence[str], body: Callable[[Pool, Call], int | ExitCode]) -> int:
    """Read the arguments after the command's name and run ``body``; returns the exit status."""
    try:
        call = _parse(syntax, argv)
        if call.has("-h") or call.has("--help"):
            say(f"{syntax.help}\n{target.HELP}")
            return ExitCode.OK
        return body(Pool(find(call), MonotonicClock()), call)
    except ResquedError as error:
        print(f"resqued {syntax.name}: {error}", file=sys.stderr)
        return _status_of(error)


def find(call: Call) -> str:
    """Return the path of the control socket that is meant. Raises what ``target.find`` does."""
    return target.find(call.target, os.environ, os.geteuid())


def _parse(syntax: Syntax, argv: Sequence[str]) -> Call:
    long = ["help", *target.LONG, *syntax.options]
    try:
        options, words = getopt.gnu_getopt(argv, f"h{target.SHORT}", long)
    except getopt.GetoptError as error:
        raise UsageError(str(error)) from None
    call = Call(dict(options), tuple(words), target.parse(options))
    if not (call.has("-h") or call.has("--help")):
        _check_words(syntax, words)
    return call


def _check_words(syntax: Syntax, words: Sequence[str]) -> None:
    if syntax.most_words is not None and len(words) > syntax.most_words:
        raise UsageError(f"{words[syntax.most_words]!r} is one argument too many")
    if len(words) < syntax.least_words:
        raise UsageError("an argument is missing; --help says which")


def _status_of(error: ResquedError) -> ExitCode:
    if isinstance(error, UsageError):
        return ExitCode.USAGE
    if isinstance(error, NotRunningError | NoTargetError):
        return ExitCode.NOT_RUNNING
    return ExitCode.FAILED
