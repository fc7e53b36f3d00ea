"""``resque queues``, and ``resque queue remove``."""

import argparse

from resque.cli import options
from resque.cli.screen import confirm, print_json, print_table, safe
from resque.errors import ResqueError


def add_to(parser: argparse.ArgumentParser, name: str) -> None:
    """Declare one of the commands."""
    if name == "queues":
        options.add_common(parser)
        options.add_json(parser)
        parser.set_defaults(run=run)
        return
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    remove = commands.add_parser("remove", help="forget a queue, and all jobs that wait in it")
    options.add_common(remove)
    options.add_yes(remove)
    remove.add_argument("queue", metavar="NAME")
    remove.set_defaults(run=run_remove)


def run(request: argparse.Namespace) -> int:
    """Print names and sizes."""
    sizes = options.connect(request).queue_sizes()
    if request.json:
        print_json(sizes)
    else:
        print_table(("QUEUE", "JOBS"), sizes.items())
    return 0


def run_remove(request: argparse.Namespace) -> int:
    """Remove a queue that there is."""
    client = options.connect(request)
    names = [n for n in client.queues() if request.queue in (n, safe(n))]
    if len(names) != 1:
        raise ResqueError(f"{'several queues are' if names else 'no queue is'} {request.queue!r}")
    size = client.size(names[0])
    if not confirm(f"Remove the queue {names[0]} and its {size} jobs?", yes=request.yes):
        return 1
    client.remove_queue(names[0])
    print(f"removed {safe(names[0])} ({size} jobs)")
    return 0
