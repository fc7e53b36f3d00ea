"""The application that workers have loaded: none, or one of 100 MB.

The large one imports django, numpy and pandas and then builds plain Python objects, as a real
application's registries and caches are, until the process has grown by what it is to have.
"""

import importlib
import os
import pathlib

#: In the environment of workers: the name of one of these.
VARIABLE = "BENCHMARK_APPLICATION"
BARE = "bare"
LARGE = "large"

#: What is to be added: 100 MB together with an interpreter that has nothing loaded.
_GROWTH = 90_000_000
_MODULES = (
    "django.core.handlers.wsgi",
    "django.db.models",
    "django.forms",
    "django.template.backends.django",
    "numpy",
    "pandas",
)
_OBJECTS_AT_ONCE = 1000


def load() -> object:
    """Load what the environment names; whoever calls keeps what is returned."""
    if os.environ.get(VARIABLE, BARE) == BARE:
        return None
    size = _resident() + _GROWTH
    modules = [importlib.import_module(name) for name in _MODULES]
    records: list[object] = []
    while _resident() < size:
        start = len(records)
        records += [_record(number) for number in range(start, start + _OBJECTS_AT_ONCE)]
    return modules, records


def _record(number: int) -> dict[str, object]:
    return {"id": number, "name": f"record {number}", "tags": [str(number), number / 3]}


def _resident() -> int:
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
