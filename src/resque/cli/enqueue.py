"""``resque enqueue``: put a job into a queue."""

import argparse
import json
from typing import Any

from resque.cli import options
from resque.cli.screen import safe
from resque.errors import DecodeError
from resque.payload import decode_json
from resque.prepared import PreparedJob


def add_to(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declare the command."""
    options.add_common(parser)
    parser.add_argument("queue", metavar="QUEUE")
    parser.add_argument("name", metavar="NAME", help="the job's class")
    parser.add_argument(
        "arguments",
        nargs="*",
        metavar="ARG",
        help="""one argument, as JSON: 7 '"text"' '{"a":1}'""",
    )
    parser.add_argument("--text", action="store_true", help="each ARG is text, as it stands")
    parser.add_argument("--args", metavar="ARRAY", help="all arguments, as one JSON array")
    parser.set_defaults(run=run, complain=parser.error)


def run(request: argparse.Namespace) -> int:
    """Put a job into a queue, and print it as it lies there. No hooks run."""
    job = PreparedJob.by_name(request.queue, request.name, tuple(_arguments(request)))
    options.connect(request).enqueue_prepared(job)
    print(f"{safe(job.queue)}: {safe(job.element.decode())}")
    return 0


def _arguments(request: argparse.Namespace) -> list[Any]:
    if request.args is None:
        if request.text:
            return list(request.arguments)
        pairs = enumerate(request.arguments, 1)
        return [_read(request, f"argument {number}", text) for number, text in pairs]
    if request.arguments or request.text:
        request.complain("--args goes with no ARG and no --text")
    args = _read(request, "--args", request.args)
    if not isinstance(args, list):
        request.complain(f"--args is no JSON array: {safe(request.args)}")
    return list(args)


def _read(request: argparse.Namespace, place: str, text: str) -> Any:
    try:
        return decode_json(text.encode("utf-8", "surrogateescape"))
    except DecodeError as error:
        cause = error.__cause__
        at = f", column {cause.colno}" if isinstance(cause, json.JSONDecodeError) else ""
        hint = "text needs quotes of its own, '\"text\"', or --text"
        return request.complain(f"{place}{at}: {error.problem}: {safe(text)} ({hint})")
