"""The ``resque`` command."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from resque import __version__
from resque.cli import options
from resque.cli.screen import safe
from resque.errors import ResqueError

#: Each command, the module that has it, and what it is for.
_COMMANDS = {
    "work": ("work", "work jobs until told to leave"),
    "info": ("info", "show the sums"),
    "list": ("listing", "show all workers"),
    "working": ("listing", "show the workers that have a job"),
    "queues": ("queues", "show the queues and how many jobs wait in each"),
    "queue": ("queues", "remove a queue"),
    "peek": ("peek", "show what waits in a queue"),
    "enqueue": ("enqueue", "put a job into a queue"),
    "failures": ("failures", "show failures, retry their jobs, remove them"),
    "remove": ("remove", "forget a worker that is dead"),
    "kill": ("kill", "kill a worker of this host, and forget it"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one ``resque`` command; returns its exit status.

    0, 1 failed, 2 wrong usage, 130 interrupted. A reader that has gone (``| head``) is no failure.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # an ASCII terminal must not end the command
            reconfigure(errors="backslashreplace")
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        request = _parser(words).parse_args(words)
        status: int = request.run(request)
        sys.stdout.flush()
    except ResqueError as error:
        print(f"resque: {safe(str(error))}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The interpreter flushes once more as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return status


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser; only what may be asked for is loaded: a worker carries it all its life."""
    parser = argparse.ArgumentParser(
        prog="resque",
        description="Work jobs of a Resque server, and look after them.",
        parents=[options.common(is_first=True)],
    )
    parser.add_argument("-v", "--version", action="version", version=f"resque {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, purpose) in _COMMANDS.items():
        own = commands.add_parser(name, help=purpose, description=f"{purpose.capitalize()}.")
        if name in words:
            import_module(f"resque.cli.{module}").add_to(own, name)
    return parser
