"""The ``resque`` command."""

import argparse
import sys
from collections.abc import Sequence

from resque import __version__
from resque.cli import work
from resque.errors import ResqueError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one ``resque`` command; returns its exit status: 0, 1 failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="resque", description="Work jobs of a Resque server.")
    parser.add_argument("-v", "--version", action="version", version=f"resque {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    work.add_to(commands)
    request = parser.parse_args(argv)
    try:
        status: int = request.run(request)
    except ResqueError as error:
        print(f"resque: {error}", file=sys.stderr)
        return 1
    return status
