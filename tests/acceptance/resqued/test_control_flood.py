"""The control socket under a flood: nothing that the master does otherwise waits for it."""

import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from resqued.clock import MonotonicClock
from resqued.control import client
from tests.support.control import workers_of
from tests.support.daemon import Daemon
from tests.support.inspection import Inspector, has_taken_over

#: Opens connections without an end, so many at a time; says when all of them have been there once.
FLOOD = """
import errno, random, resource, select, socket, sys

path, kind, most = sys.argv[1], sys.argv[2], int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
STATUS = b'{"v":1,"verb":"status"}\\n'
FIRST = {"half": b'{"v":1,', "slow": STATUS * 2000, "garbage": random.randbytes(50_000),
         "long": b"x" * 65536, "closing": STATUS, "idle": b""}

def connect():
    one = socket.socket(socket.AF_UNIX)
    one.setblocking(False)
    try:
        one.connect(path)
    except BlockingIOError:
        one.close()
        return None
    return one

clients, opened, sent, said = [], 0, 0, False
while True:
    one = connect()
    if one is None:
        select.select([], [], [], 0.002)
    else:
        clients.append(one)
        opened += 1
    if len(clients) > most:
        clients.pop(0).close()
    for each in clients[-20:] if kind != "long" else clients:
        try:
            sent += each.send(FIRST[kind] or b"") if FIRST[kind] else 0
            if kind == "closing":
                clients.remove(each)
                each.close()
        except BlockingIOError:
            pass
        except OSError:
            clients.remove(each)
            each.close()
    if not said and opened >= most and (kind != "long" or sent >= 100 * 2**20):
        said = True
        print("flooded", flush=True)
"""
#: Kinds of clients, and how many of each there are at a time.
KINDS = {"half": 1000, "idle": 1000, "slow": 200, "garbage": 200, "closing": 200, "long": 4}


@contextmanager
def flood(daemon: Daemon, kind: str) -> Iterator[None]:
    """Flood the socket meanwhile, from a process of its own."""
    command = [sys.executable, "-c", FLOOD, "a.sock", kind, str(KINDS[kind])]
    with subprocess.Popen(
        command, cwd=daemon.folder, env=daemon._environment(None), stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"flooded\n"
            yield
        finally:
            process.kill()


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024


def files(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_reload_during_a_flood(daemon: Daemon, kind: str):
    """It takes over, cap and floor held; others are answered; nothing of it is left afterwards."""
    size = 5
    daemon.start_working(f"worker_pool({size}, 'a')\n", "-p", "a.pid", count=size)
    inspector = Inspector(daemon, most=size, least=size - 1)
    path = str(daemon.folder / "a.sock")
    memory, descriptors = resident(daemon.pid), files(daemon.pid)

    with flood(daemon, kind):
        daemon.signal(signal.SIGHUP)
        daemon.wait_until(
            lambda: has_taken_over(daemon, 2) if inspector.look() else None, "generation 2 alone"
        )
        daemon.wait_for_workers(size)
        answer = client.ask(path, "status", MonotonicClock())
        assert len(workers_of(answer)) == size
        assert files(daemon.pid) < descriptors + 100
        assert resident(daemon.pid) < memory + 50 * 2**20

    daemon.wait_until(lambda: files(daemon.pid) <= descriptors + 2, "all clients gone")
    assert client.ask(path, "status", MonotonicClock())["reload"]["outcome"] == "done"
    assert daemon.stop() == 0
    assert not re.search("WARNING|ERROR|Traceback", daemon.log)
