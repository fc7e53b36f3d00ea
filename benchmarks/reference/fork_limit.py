"""How many processes this machine can fork: ``python -m benchmarks.reference.fork_limit``.

The limit of every worker that has each job in a process of its own: no server, no queue, only a
process that forks, and waits for a child which sets its title, decodes one payload and ends.
Arguments: how many do so at once, and for how many seconds. Prints the children a second, together.
"""

import json
import os
import sys
import time

from setproctitle import setproctitle

from benchmarks.reference import family

_PAYLOAD = b'{"class":"noop","args":[]}'


def fork_for(seconds: float) -> float:
    """Fork one child after the other; returns how many a second."""
    setproctitle("limit: Forked")  # the first title of a process takes longer than the others
    began, count = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        pid = os.fork()
        if pid == 0:
            setproctitle("limit: Processing bench since 1795460069 [noop]")
            json.loads(_PAYLOAD)
            os._exit(0)
        os.waitpid(pid, 0)
        count += 1
    return count / elapsed


def main() -> None:
    """Fork from several processes at once, and print what they have come to together."""
    workers, seconds = int(sys.argv[1]), float(sys.argv[2])
    reader, writer = os.pipe()
    family.run(workers, lambda: _report(writer, fork_for(seconds)))
    os.close(writer)
    with os.fdopen(reader) as reports:
        print(sum(float(line) for line in reports))


def _report(writer: int, rate: float) -> None:
    os.write(writer, f"{rate}\n".encode())


if __name__ == "__main__":
    main()
