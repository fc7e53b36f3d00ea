"""The options that all commands have, and the client that they describe."""

import argparse
import os

import resque
from resque.client import Resque


def common(*, is_first: bool = False) -> argparse.ArgumentParser:
    """Return a parent parser; what is not given behind the command leaves what stood before it."""
    parser = argparse.ArgumentParser(add_help=False)

    def default(value: str | None) -> str | None:
        return value if is_first else argparse.SUPPRESS

    parser.add_argument(
        "--url",
        default=default(None),
        help="the server; default $RESQUE_REDIS_URL, $REDIS_URL, or local",
    )
    parser.add_argument(
        "--namespace", default=default("resque"), help="prefix of every key (default resque)"
    )
    parser.add_argument(
        "--failures",
        default=default(None),
        choices=("redis", "redis_multi_queue"),
        dest="backend",
        help="where failures are; default $FAILURE_BACKEND, or redis",
    )
    return parser


def add_common(parser: argparse.ArgumentParser) -> None:
    """Let a command have the common options behind its name, too."""
    parser._add_container_actions(common())  # noqa: SLF001 - what parents= does, for a parser that is there


def add_json(parser: argparse.ArgumentParser) -> None:
    """Let a command print JSON."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Let a command go on without asking."""
    parser.add_argument("--yes", action="store_true", help="do not ask at a terminal")


def count(text: str) -> int:
    """Read a number of things."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 on")
    return number


def connect(request: argparse.Namespace) -> Resque:
    """Return the client; nothing is sent yet. Raises as ``resque.connect``."""
    backend = request.backend or os.environ.get("FAILURE_BACKEND") or "redis"
    return resque.connect(request.url, request.namespace, failures=backend)
