import subprocess
import sys

import pytest

#: Each costs a worker from half a megabyte to six, or each fork a library that it maps; and none is
#: needed to talk to a server.
TOO_HEAVY = {
    "_sha1",
    "asyncio",
    "bisect",
    "contextvars",
    "datetime",
    "email",
    "hashlib",
    "importlib.resources",
    "pathlib",
    "redis",
    "ssl",
    "urllib.parse",
    "valkey",
}

PROGRAM = """
import sys
before = set(sys.modules)
{program}
print(*sorted(set(sys.modules) - before))
"""
TALKING = """
import resque.store.server
resque.store.server.connect("redis://:pw@localhost:1/2?db=3")
"""
#: What a listener for default workers has when it forks, with an application that has nothing.
FORKING = """
import resqued.cli.listener, resque.worker, resqued.worker.warm_up
resqued.worker.warm_up.warm_up()
"""


@pytest.mark.parametrize("program", [TALKING, FORKING], ids=["talking", "forking"])
def test_nothing_heavy_is_imported(program: str):
    """By talking to a server, a parsed address included, nor by a listener and its workers."""
    command = [sys.executable, "-c", PROGRAM.format(program=program)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "hiredis" in loaded
    assert TOO_HEAVY.isdisjoint(loaded)
