"""What the master is told by whoever starts it."""

from dataclasses import dataclass
from typing import Protocol

from resqued.process.notify import Manager


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line decides for the master."""

    paths: tuple[str, ...]  #: config files, as they were named
    log_path: str | None = None  #: absolute; None: standard output
    log_format: str = "text"  #: or json
    fast_exit: bool = False  #: do not wait for the listeners when stopping
    boot_timeout: float = 300.0  #: seconds a generation may take, unless its files say otherwise
    #: Descriptors that every process below shall hold open, beside the master's own.
    inherit: tuple[int, ...] = ()
    #: Kept for whoever cleans up after the master, across its re-exec.
    pidfile: str | None = None
    pidfile_lock: int | None = None  #: the descriptor that holds the pidfile
    guard: int | None = None  #: the pid of the embedded server's guard
    #: The control socket, likewise; None: there is none.
    control: str | None = None
    control_socket: int | None = None  #: its descriptor
    control_folder: str | None = None  #: where it stands, if that is to be the user's alone
    #: The descriptor at which health is served over HTTP; None: nowhere.
    health_socket: int | None = None
    manager: Manager | None = None  #: the service manager above; None: there is none


class FirstStart(Protocol):
    """Whom the master tells, once, how its first start went; before any worker runs."""

    def started(self) -> None:
        """The files have been read."""
        ...

    def failed(self, reason: str) -> None:
        """They cannot be read, and why; the master ends after this."""
        ...
