"""The names a config file sees, importable so that editors and type checkers know them.

resqued puts the same names into every config file, so the import is optional there. The frozen
result is in ``model``, reading files in ``loader``.
"""

from resqued.config.dsl import (
    after_exit,
    after_fork,
    before_fork,
    boot_timeout,
    queue,
    stop_timeout,
    worker,
    worker_factory,
    worker_pool,
)
from resqued.config.hooks import BeforeForkContext

__all__ = [
    "BeforeForkContext",
    "after_exit",
    "after_fork",
    "before_fork",
    "boot_timeout",
    "queue",
    "stop_timeout",
    "worker",
    "worker_factory",
    "worker_pool",
]
