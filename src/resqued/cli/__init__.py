"""The ``resqued`` command: reads the command line and starts the role it asks for."""

import sys
from collections.abc import Callable, Sequence

from resqued import __version__
from resqued.cli import arguments
from resqued.cli.arguments import Request, UsageError
from resqued.exit_codes import ExitCode


def main(argv: Sequence[str] | None = None) -> int:
    """Run one ``resqued`` command; returns its exit status."""
    words = sys.argv[1:] if argv is None else argv
    command = _command(words[0]) if words else None
    if command is not None:
        return command(words[1:])
    try:
        request = arguments.parse(words)
    except UsageError as error:
        print(f"resqued: {error}", file=sys.stderr)
        print(arguments.USAGE, file=sys.stderr)
        return ExitCode.USAGE
    if request.wants_help:
        print(arguments.HELP)
        return ExitCode.OK
    if request.wants_version:
        print(f"resqued {__version__}")
        return ExitCode.OK
    return _role(request)(request)


def _command(word: str) -> Callable[[Sequence[str]], int] | None:
    """Return what looks after a running daemon, if its name is the first word."""
    if word == "quit-and-wait":
        from resqued.cli import quit_and_wait  # noqa: PLC0415 - the master has no use for it

        return quit_and_wait.main
    if word == "memory":
        from resqued.cli import memory  # noqa: PLC0415 - likewise

        return memory.main
    return None


def _role(request: Request) -> Callable[[Request], int]:
    """Load what is asked for, and only that."""
    if request.wants_memory:
        from resqued.cli import show_memory  # noqa: PLC0415 - the master has no use for it

        return show_memory.run
    if request.wants_test:
        from resqued.cli import show  # noqa: PLC0415 - only this one loads the configuration

        return show.run
    from resqued.cli import start  # noqa: PLC0415

    return start.run
