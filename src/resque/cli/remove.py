"""``resque remove``: forget a worker."""

import argparse

from resque.cli import options
from resque.cli.screen import safe
from resque.client import Resque
from resque.errors import ResqueError, UnknownWorkerError


def add_to(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declare the command."""
    options.add_common(parser)
    parser.add_argument("id", metavar="ID", help="as list shows it")
    parser.set_defaults(run=run)


def run(request: argparse.Namespace) -> int:
    """Forget a worker; a job it had is recorded as failed."""
    client = options.connect(request)
    worker_id = known_id(client, request.id)
    client.remove_worker(worker_id)
    print(f"removed {safe(worker_id)}")
    return 0


def known_id(client: Resque, given: str) -> str:
    """Return the id that is meant, which may be given as a table shows it.

    Raises UnknownWorkerError, and ResqueError if it may be one of several.
    """
    found = [one for one in client.worker_ids() if given in (one, safe(one))]
    if not found:
        raise UnknownWorkerError(given)
    if len(found) > 1:
        raise ResqueError(f"{given!r} may be one of {len(found)} workers")
    return found[0]
