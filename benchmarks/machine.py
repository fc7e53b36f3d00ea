"""What a run was made on, without what would name a host."""

import os
import pathlib
import platform
import re
from importlib import metadata

import redis

_PACKAGES = (
    *("resqued", "hiredis", "setproctitle", "redis", "rq", "celery", "kombu", "dramatiq", "huey"),
    *("django", "numpy", "pandas"),
)


def describe(client: redis.Redis) -> dict[str, object]:
    """Return the machine, and the versions of all that takes part."""
    server = client.info("server")
    # What follows the numbers may name whoever has built it.
    kernel = _first(r"(\d+\.\d+\.\d+)", "/proc/sys/kernel/osrelease")
    return {
        "cores": os.cpu_count(),
        "processor": _first(r"model name\s*:\s*(.+)", "/proc/cpuinfo"),
        "memory, GB": round(int(_first(r"MemTotal:\s*(\d+)", "/proc/meminfo")) * 1024 / 1e9),
        "kernel": f"{platform.system()} {kernel}",
        "Python": platform.python_version(),
        "server": f"Valkey {server.get('valkey_version', server['redis_version'])}",
        "packages": {name: metadata.version(name) for name in _PACKAGES},
    }


def _first(pattern: str, path: str) -> str:
    found = re.search(pattern, pathlib.Path(path).read_text())
    return found[1].strip() if found else "0"
