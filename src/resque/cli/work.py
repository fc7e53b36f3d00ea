"""``resque work``: one worker, without the daemon."""

import argparse
import importlib
import logging
import os
import sys
from contextlib import ExitStack

from resque.cli import options
from resque.environment import CommandSettings, command_settings
from resque.errors import ResqueError
from resqued.log import FORMAT, HonestFormatter, for_stream
from resqued.process.daemonize import StartReport, daemonize
from resqued.process.pidfile import Pidfile, PidfileError


def add_to(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declare the command."""
    options.add_common(parser)
    parser.epilog = (
        "The environment serves as for rake resque:work: QUEUE, QUEUES, INTERVAL,"
        " MIN_INTERVAL, MAX_INTERVAL, BACKOFF_INTERVAL, BACKGROUND, PIDFILE, VERBOSE, VVERBOSE,"
        " FAILURE_BACKEND and others; see docs/workers.md. Options go before it."
    )
    parser.add_argument("--queue", metavar="A,B", help="queues, most urgent first; default $QUEUES")
    parser.add_argument(
        "--require", action="append", default=[], metavar="MODULE", help="import your jobs"
    )
    parser.add_argument(
        "--interval",
        type=_seconds,
        metavar="S",
        help="seconds between two looks at empty queues; 0: leave when they are empty (default 5)",
    )
    parser.add_argument("--pidfile", metavar="FILE", help="store the worker's pid in FILE")
    parser.set_defaults(run=run, complain=parser.error)


def run(request: argparse.Namespace) -> int:
    """Work in this process until QUIT, TERM or INT; with BACKGROUND in another one."""
    settings = command_settings()
    queues = settings.queues if request.queue is None else request.queue
    if queues is None:
        request.complain("no queue to work: give --queue, or set QUEUE, such as QUEUE=high,low")
    request.queue = queues
    if not settings.background:
        return _work(request, settings, None)
    reason = daemonize(lambda report: _work(request, settings, report))
    if reason is not None:
        raise ResqueError(reason or "the worker could not be started")
    return 0


def _work(
    request: argparse.Namespace, settings: CommandSettings, report: StartReport | None
) -> int:
    from resque.worker import Worker  # noqa: PLC0415 - it costs what only workers need

    _log(settings)
    try:
        with ExitStack() as stack:
            pidfile = request.pidfile or settings.pidfile
            if pidfile:
                stack.enter_context(Pidfile(pidfile))
            client = options.connect(request)
            sys.path.insert(0, os.getcwd())
            for module in request.require:
                _import(module)
            worker = Worker(request.queue.split(","), client)
            worker.growth = settings.growth if request.interval is None else None
            if report is not None:
                report.started()
            worker.work(settings.interval if request.interval is None else request.interval)
    except (ResqueError, PidfileError) as error:
        if report is None:
            raise ResqueError(str(error)) from error
        report.failed(f"resque: {error}")
        return 1
    return 0


def _log(settings: CommandSettings) -> None:
    level = logging.DEBUG if settings.is_very_verbose else logging.INFO
    handler = logging.StreamHandler()
    formatter = HonestFormatter(FORMAT)
    handler.setFormatter(for_stream(formatter, 2, os.environ.get("JOURNAL_STREAM")))
    logging.basicConfig(level=level, handlers=[handler])


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
