"""``resque kill``: end a worker of this host at once."""

import argparse
import os
import select
import signal
import socket

from resque.cli import options
from resque.cli.remove import known_id
from resque.cli.screen import safe
from resque.errors import ResqueError
from resque.worker.pruning import is_worker_line
from resqued.process.command_line import command_line
from resqued.process.watch import ProcessWatch

#: Seconds that the kernel has to end a process.
_PATIENCE = 5.0
#: The kernel's pid_t.
_MAX_PID = 2**31 - 1


def add_to(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declare the command."""
    options.add_common(parser)
    parser.add_argument("id", metavar="ID", help="as list shows it")
    parser.set_defaults(run=run)


def run(request: argparse.Namespace) -> int:
    """Kill a worker and forget it; refuses whatever may be no worker of this host."""
    client = options.connect(request)
    worker_id = known_id(client, request.id)
    was_there = _kill(_pid(worker_id))
    client.remove_worker(worker_id)
    print(f"killed {safe(worker_id)}" if was_there else f"{safe(worker_id)} was not running")
    print(f"removed {safe(worker_id)}")
    return 0


def _pid(worker_id: str) -> int:
    host, _, rest = worker_id.partition(":")
    text = rest.partition(":")[0]
    if host != socket.gethostname():
        raise ResqueError(f"{worker_id} is not a worker of this host, {socket.gethostname()}")
    pid = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0
    if not 1 < pid <= _MAX_PID or pid == os.getpid() or str(pid) != text:
        raise ResqueError(f"{worker_id}: {text!r} is no pid of a worker")
    return pid


def _kill(pid: int) -> bool:
    """Kill; return whether there was such a process. The watch stands for the one looked at."""
    try:
        watch = ProcessWatch(pid)
    except ProcessLookupError:
        return False
    try:
        line = command_line(pid)
        if watch.has_ended():
            return False
        if not line or not is_worker_line(line):
            raise ResqueError(f"process {pid} is no Resque worker; resque remove forgets the id")
        watch.send(signal.SIGKILL)
        if not select.select([watch], [], [], _PATIENCE)[0]:
            raise ResqueError(f"process {pid} does not end")
    except PermissionError:
        raise ResqueError(f"process {pid} is another user's") from None
    finally:
        watch.close()
    return True
