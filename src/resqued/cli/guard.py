"""What ``--embedded`` runs in a fresh interpreter beside the master; no command of its own."""

import json
import os
import sys

from resqued.clock import MonotonicClock
from resqued.embedded import guard
from resqued.errors import ResquedError
from resqued.exit_codes import ExitCode


def main(hold: int, report: int, folder: str) -> int:
    """Run a server while ``hold`` is open somewhere, after telling ``report`` where it is.

    Signals are blocked since this process was started, and stay so: nothing but the end of
    ``hold`` ends it.
    """
    os.setsid()
    for descriptor in (hold, report):
        os.set_inheritable(descriptor, False)
    clock = MonotonicClock()
    try:
        with guard.data_folder(folder) as path:
            server = guard.start(guard.find_binary(), path, hold, clock)
            _tell(report, url=f"redis://127.0.0.1:{server.port}/0", folder=path)
            guard.serve_until_released(server, hold)
    except ResquedError as error:
        _tell(report, error=str(error))
        return ExitCode.FAILED
    return ExitCode.OK


def _tell(report: int, **content: str) -> None:
    os.write(report, json.dumps(content).encode())
    os.close(report)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
