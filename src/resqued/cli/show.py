"""``resqued --test``: report which workers would start, and start nothing."""

import sys
from signal import Signals

from resqued.cli.arguments import Request
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
    print(f"Workers defined in {' '.join(config.paths)}")
    for number, worker in enumerate(config.workers, 1):
        print(f"{number}: {','.join(worker.queues)}")
    return ExitCode.OK
