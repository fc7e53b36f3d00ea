"""``resque peek``: what waits in a queue."""

import argparse
from collections.abc import Iterator

from resque.cli import options
from resque.cli.screen import cut, print_json_list, print_table
from resque.client import Resque
from resque.inspection import Element

#: Elements read at once.
_AT_ONCE = 500


def add_to(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declare the command."""
    options.add_common(parser)
    options.add_json(parser)
    parser.add_argument("queue", metavar="QUEUE")
    parser.add_argument(
        "--start", type=options.count, default=0, metavar="N", help="jobs to pass over"
    )
    parser.add_argument(
        "--count", type=options.count, default=20, metavar="N", help="jobs to show (default 20)"
    )
    parser.set_defaults(run=run)


def run(request: argparse.Namespace) -> int:
    """Print elements of a queue, the next to be worked first, whatever they are."""
    found = _elements(options.connect(request), request.queue, request.start, request.count)
    numbered = enumerate(found, request.start)
    if request.json:
        print_json_list(
            {
                "index": index,
                "class": element.payload and element.payload.class_name,
                "text": element.text,
                "problem": element.problem,
            }
            for index, element in numbered
        )
    else:
        print_table(("#", "JOB", "ELEMENT", "REMARKS"), (_row(*pair) for pair in numbered))
    return 0


def _row(index: int, element: Element) -> tuple[object, ...]:
    name = element.payload.class_name if element.payload else None
    return (index, name, cut(element.text, 100), element.problem and cut(element.problem))


def _elements(client: Resque, queue: str, start: int, count: int) -> Iterator[Element]:
    while count > 0:
        some = client.peek(queue, start, min(count, _AT_ONCE))
        if not some:
            return
        yield from some
        start, count = start + len(some), count - len(some)
