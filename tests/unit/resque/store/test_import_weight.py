import subprocess
import sys

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
import resque.store.server
resque.store.server.connect("redis://:pw@localhost:1/2?db=3")
print(*sorted(set(sys.modules) - before))
"""


def test_talking_to_a_server_imports_nothing_heavy():
    """The modules that every worker loads stay light, a parsed address included."""
    command = [sys.executable, "-c", PROGRAM]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "hiredis" in loaded
    assert TOO_HEAVY.isdisjoint(loaded)
