"""The ``resqued`` command: reads the command line and starts the role it asks for."""

import sys
from collections.abc import Sequence

from resqued import __version__
from resqued.cli import arguments
from resqued.cli.arguments import UsageError
from resqued.exit_codes import ExitCode


def main(argv: Sequence[str] | None = None) -> int:
    """Run one ``resqued`` command; returns its exit status."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] == "quit-and-wait":
        from resqued.cli import quit_and_wait  # noqa: PLC0415 - the master has no use for it

        return quit_and_wait.main(words[1:])
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
    if request.wants_test:
        from resqued.cli import show  # noqa: PLC0415 - only this one loads the configuration

        return show.run(request)
    from resqued.cli import start  # noqa: PLC0415

    return start.run(request)
