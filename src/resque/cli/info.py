"""``resque info``: the sums."""

import argparse
from dataclasses import asdict, replace

from resque.cli import options
from resque.cli.screen import print_json, print_table


def add_to(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declare the command."""
    options.add_common(parser)
    options.add_json(parser)
    parser.set_defaults(run=run)


def run(request: argparse.Namespace) -> int:
    """Print the sums; failures are those of the chosen backend."""
    client = options.connect(request)
    sums = asdict(replace(client.info(), failed=client.failure_count()))
    if request.json:
        print_json(sums)
    else:
        print_table(("NAME", "VALUE"), sums.items())
    return 0
