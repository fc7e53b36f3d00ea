"""Which running pool a command means: its control socket."""

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resqued.cli.arguments import UsageError
from resqued.control import place
from resqued.control.address import listener_at
from resqued.control.client import NoAnswerError
from resqued.errors import ResquedError

#: The options of every command for a running pool, as help and getopt want them.
HELP = """\
    -p, --pidfile PIDFILE            The pool with this pidfile
        --control SOCKET             The pool with this control socket
Without either it is the only one that runs without a pidfile."""
SHORT = "p:"
LONG = ("pidfile=", "control=")
#: Why it cannot be found out who runs: this process, or the system, has no descriptor left.
_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)


class NoTargetError(ResquedError):
    """Raised when no pool is named, and none runs that could be meant."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the command line says about the pool that is meant."""

    pidfile: str | None = None
    control: str | None = None


def parse(options: Sequence[tuple[str, str]]) -> Target:
    """Read the options. Raises UsageError."""
    values = dict(options)
    pidfile = values.get("--pidfile", values.get("-p"))
    control = values.get("--control")
    if pidfile is not None and control is not None:
        raise UsageError("options --pidfile and --control name the same thing: give one")
    for name, value in (("--pidfile", pidfile), ("--control", control)):
        if value == "":
            raise UsageError(f"option {name} requires a path")
    return Target(pidfile, control)


def find(target: Target, environment: Mapping[str, str], user: int) -> str:
    """Return the path of the control socket that is meant; nobody need listen there.

    Raises NoTargetError, UsageError if more than one could be meant, NoAnswerError without a
    descriptor to look with, or place.PlaceError if the folder to look in cannot be trusted.
    """
    if target.control is not None:
        return target.control
    if target.pidfile is not None:
        return place.beside(target.pidfile)
    # A service has often no such variable where a shell has one.
    folders = dict.fromkeys(place.runtime_folder(given, user) for given in (environment, {}))
    found = [path for folder in folders for path in place.sockets_in(folder) if _is_live(path)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"more than one resqued runs; name one by --control: {', '.join(found)}")
    raise NoTargetError(
        f"no resqued without a pidfile runs (looked in {', '.join(folders)});"
        " name yours by --pidfile or --control"
    )


def _is_live(path: str) -> bool:
    try:
        return os.path.exists(path) and listener_at(path) is not None
    except OSError as error:
        if error.errno in _NO_DESCRIPTOR:
            raise NoAnswerError(f"cannot use control socket {path}: {error.strerror}") from error
        return False  # it was removed just now, or is none of ours
