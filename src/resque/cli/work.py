"""``resque work``: one worker, without the daemon."""

import argparse
import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING

import resque
from resque.errors import ResqueError

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name


def add_to(commands: "_Commands") -> None:
    """Declare the command."""
    parser = commands.add_parser("work", help="work jobs until told to leave")
    parser.add_argument("--queue", required=True, metavar="A,B", help="queues, most urgent first")
    parser.add_argument(
        "--require", action="append", default=[], metavar="MODULE", help="import your jobs"
    )
    parser.add_argument(
        "--interval",
        type=_seconds,
        default=5.0,
        metavar="S",
        help="seconds between two looks at empty queues; 0: leave when they are empty (default 5)",
    )
    parser.add_argument("--url", help="the server; default $RESQUE_REDIS_URL, $REDIS_URL, or local")
    parser.add_argument("--namespace", default="resque", help="prefix of every key")
    parser.set_defaults(run=run)


def run(request: argparse.Namespace) -> int:
    """Work in this process until QUIT, TERM or INT."""
    from resque.worker import Worker  # noqa: PLC0415 - other commands need none

    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s [%(process)d] %(levelname)s %(name)s: %(message)s",
    )
    client = resque.connect(request.url, request.namespace)
    sys.path.insert(0, os.getcwd())
    for module in request.require:
        _import(module)
    Worker(request.queue.split(","), client).work(request.interval)
    return 0


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise ResqueError(f"--require {module}: {error}") from error


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds
