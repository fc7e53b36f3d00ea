"""What the master is told by whoever starts it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line decides for the master."""

    paths: tuple[str, ...]  #: config files, as they were named
    log_path: str | None = None  #: absolute; None: standard output
    fast_exit: bool = False  #: do not wait for the listeners when stopping
    #: Descriptors that every process below shall hold open, beside the master's own.
    inherit: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StartReport:
    """Whom the master tells, once, how its first start went; before any worker runs."""

    started: Callable[[], None]  #: the files have been read
    failed: Callable[[str], None]  #: they cannot be read, and why; the master ends after this
