"""Where a control socket stands: beside the pidfile, or in a folder that only its user enters."""

import os
import stat
from collections.abc import Mapping

from resqued.errors import ResquedError

#: What the names of control sockets end with.
SUFFIX = ".sock"
_PIDFILE_SUFFIX = ".pid"


class PlaceError(ResquedError):
    """Raised when a folder cannot be trusted to keep others out; names it, and says why."""


def beside(pidfile: str) -> str:
    """Return the path of the socket that belongs to a pidfile: ``x.pid`` gives ``x.sock``."""
    return pidfile.removesuffix(_PIDFILE_SUFFIX) + SUFFIX


def runtime_folder(environment: Mapping[str, str], user: int) -> str:
    """Return the folder for the sockets of this user's masters that have no pidfile.

    It need not exist. What ``environment`` names counts only if it is there.
    """
    given = environment.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(given) and os.path.isdir(given):
        return os.path.join(given, "resqued")
    return "/run/resqued" if user == 0 else f"/tmp/resqued-{user}"  # noqa: S108 - checked when used


def named_by_pid(folder: str, pid: int) -> str:
    """Return the path of a master's socket in a runtime folder."""
    return os.path.join(folder, f"{pid}{SUFFIX}")


def make_private(folder: str) -> None:
    """Make a folder that only this user may enter, unless it is there. Raises PlaceError.

    Whoever could write there could put another socket in the place of ours, so a folder of somebody
    else's, in ``/tmp`` say, or one that others may enter, is refused.
    """
    try:
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            pass  # whose it is, is seen below
        check_private(folder)
    except OSError as error:
        raise PlaceError(f"cannot use folder {folder}: {error.strerror}") from error


def check_private(folder: str) -> None:
    """See that a folder is this user's alone. Raises PlaceError, or OSError if it is not there."""
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):
        raise PlaceError(f"cannot use folder {folder}: it is no folder")
    if found.st_uid != os.geteuid():
        raise PlaceError(
            f"cannot use folder {folder}: it belongs to user {found.st_uid}, not {os.geteuid()}"
        )
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise PlaceError(f"cannot use folder {folder}: others may enter it (mode {mode:04o})")


def sockets_in(folder: str) -> list[str]:
    """Return the paths of all sockets in a runtime folder, none if it is not there.

    Raises PlaceError if others may have put them there.
    """
    try:
        check_private(folder)
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PlaceError(f"cannot use folder {folder}: {error.strerror}") from error
    return [os.path.join(folder, name) for name in sorted(names) if name.endswith(SUFFIX)]
