"""What the config files said so far, while they run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from threading import local

from resqued.config.display import one_line
from resqued.config.errors import ConfigError
from resqued.config.hooks import Hook
from resqued.config.model import (
    DEFAULT_STOP_TIMEOUT,
    Config,
    Hooks,
    PoolSpec,
    QueueSpec,
    WorkerFactory,
    WorkerSpec,
)
from resqued.config.places import Places
from resqued.config.pools import Shuffle, expand


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Collects the records and the problems of one load; all config files share it."""

    places: Places
    shuffle: Shuffle
    #: The modules whose import has made calls; a second import would make them again.
    modules: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    workers: list[WorkerSpec] = field(default_factory=list)
    pools: list[PoolSpec] = field(default_factory=list)
    pool_places: dict[str, str | None] = field(default_factory=dict)
    hooks: dict[str, list[Hook]] = field(default_factory=dict)
    worker_factory: WorkerFactory | None = None
    boot_timeout: float | None = None
    stop_timeout: float = DEFAULT_STOP_TIMEOUT

    def add_queues(self, queues: list[QueueSpec]) -> None:
        """Give queues to the pool above, which must exist."""
        pool = self.pools[-1]
        self.pools[-1] = replace(pool, queues=(*pool.queues, *queues))

    def config(self, paths: tuple[str, ...]) -> Config:
        """Return everything recorded, expanded and frozen."""
        pooled = chain.from_iterable(expand(pool, self.shuffle) for pool in self.pools)
        workers = (*self.workers, *pooled)
        return Config(
            paths=paths,
            workers=workers,
            hooks=Hooks(**{kind: tuple(hooks) for kind, hooks in self.hooks.items()}),
            pools=tuple(self.pools),
            worker_factory=self.worker_factory,
            boot_timeout=self.boot_timeout,
            stop_timeout=self.stop_timeout,
            warnings=() if workers else (f"{one_line(', '.join(paths))}: no worker is defined",),
        )


class _UnderWay(local):
    """The load under way in this thread."""

    recorder: Recorder | None = None


# The one piece of module state of this package: a config file calls plain functions, so they must
# find the load under way by themselves. Set only for the time that the files run.
_under_way = _UnderWay()


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Let the names of the config files record into this recorder."""
    former, _under_way.recorder = _under_way.recorder, recorder
    try:
        yield
    finally:
        _under_way.recorder = former


def current(name: str) -> Recorder:
    """Return the recorder of the load under way, on behalf of the function of that name.

    Raises ConfigError when there is none: in a hook, another thread, or a file that Python runs
    on its own.
    """
    if _under_way.recorder is None:
        place = Places(files=(), folder=os.getcwd()).here()
        text = f"{name} was called while resqued was not reading a config file"
        raise ConfigError(place.problem(text, "called"))
    return _under_way.recorder
