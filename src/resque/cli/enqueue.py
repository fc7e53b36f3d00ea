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
        metavar="JSON-ARGS",
        help="""its arguments, as one JSON array: '[7, "text", {"a": 1}]'; none if left out""",
    )
    parser.add_argument("--text", action="store_true", help="take each word for one argument, text")
    parser.set_defaults(run=run, complain=parser.error)


def run(request: argparse.Namespace) -> int:
    """Put a job into a queue, and print it as it lies there. No hooks run."""
    job = PreparedJob.by_name(request.queue, request.name, tuple(_arguments(request)))
    options.connect(request).enqueue_prepared(job)
    print(f"{safe(job.queue)}: {safe(job.element.decode())}")
    return 0


def _arguments(request: argparse.Namespace) -> list[Any]:
    words: list[str] = request.arguments
    if request.text or not words:
        return words
    if len(words) > 1:
        request.complain(
            f"the arguments are one JSON array, not {len(words)} words; --text takes words as text"
        )
    args = _read(request, words[0])
    if not isinstance(args, list):
        request.complain(f'the arguments are no JSON array, such as [7, "text"]: {safe(words[0])}')
    return list(args)


def _read(request: argparse.Namespace, text: str) -> Any:
    try:
        return decode_json(text.encode("utf-8", "surrogateescape"))
    except DecodeError as error:
        cause = error.__cause__
        at = f", column {cause.colno}" if isinstance(cause, json.JSONDecodeError) else ""
        return request.complain(f"the arguments{at}: {error.problem}: {safe(text)}")
