"""``resqued --test``: report which workers would start, and start nothing."""

import sys
from collections.abc import Iterable
from signal import Signals

from resqued.cli.arguments import Request
from resqued.cli.output import say
from resqued.config import loader
from resqued.config.errors import ConfigError
from resqued.exit_codes import ExitCode


def run(request: Request) -> int:
    """Print each worker's queues; runs the files themselves but none of their hooks."""
    try:
        config = loader.load(request.paths)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return 128 + Signals.SIGINT  # as the shell reports it
    for warning in config.warnings:
        print(warning, file=sys.stderr)
    print_workers(config.paths, [worker.queues for worker in config.workers])
    return ExitCode.OK


def print_workers(paths: Iterable[str], queue_lists: Iterable[Iterable[str]]) -> None:
    """Print which workers these files ask for."""
    numbered = [f"{number}: {','.join(queues)}" for number, queues in enumerate(queue_lists, 1)]
    say("\n".join([f"Workers defined in {' '.join(paths)}", *numbered]))
