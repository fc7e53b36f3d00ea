"""The command line of ``resqued``, as one value."""

import getopt
import os
from collections.abc import Sequence
from dataclasses import dataclass

from resqued.errors import ResquedError
from resqued.health.place import HealthPlace, HealthPlaceError

USAGE = "Usage: resqued [options] resqued-config-files..."
HELP = f"""{USAGE}
    -h, --help                       Show this message
    -v, --version                    Show the version
        --test                       Report which workers would start
        --memory                     With --test: and what memory they would share and own
        --json                       With --memory: print that as JSON
        --fast-exit                  Exit quickly on SIGQUIT, SIGTERM
    -p, --pidfile PIDFILE            Store the pid of the master process in PIDFILE
        --control SOCKET             Listen for commands there, not beside PIDFILE
        --http HOST:PORT             Serve health and metrics there; a PORT alone: to this host
    -l, --logfile LOGFILE            Write output to LOGFILE instead of stdout
        --log-format FORMAT          Write it as text, or as json: one object a line (text)
    -D, --daemonize                  Run daemonized in the background
        --boot-timeout SECONDS       Give new code so long to load and start (300)
        --embedded [DIR]             Run a private Valkey server for these workers

To see and steer a running one (resqued COMMAND --help says more):
    resqued status [--json]
    resqued top [--interval SECONDS]
    resqued reload [--wait [--timeout SECONDS]]
    resqued plan [--json] resqued-config-files...
    resqued scale POOL=N [POOL=N ...]
    resqued pause | resume | stop [--now] | restart WORKER | reexec | reopen-logs
    resqued stacks WORKER [--json]

To stop a running one, and wait until it is gone:
    resqued quit-and-wait PIDFILE [--grace-period SECONDS] [--quiet]

To see what memory the processes of a running one share and own:
    resqued memory PIDFILE [--json]"""

_SHORT = "hvp:l:D"
_LONG = ["help", "version", "test", "fast-exit", "pidfile=", "logfile=", "daemonize"]
_LONG += ["boot-timeout=", "memory", "json", "control=", "log-format=", "http="]
_LOG_FORMATS = ("text", "json")
#: About 11 days, as in config files; the kernel's poll takes no more than 2**31 ms.
MAX_SECONDS = 1_000_000
_NEED_A_PATH = ("-p", "--pidfile", "-l", "--logfile", "--control")


class UsageError(ResquedError):
    """Raised when the command line asks for something impossible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for."""

    paths: tuple[str, ...]
    wants_help: bool = False
    wants_version: bool = False
    wants_test: bool = False
    wants_memory: bool = False
    wants_json: bool = False
    fast_exit: bool = False
    pidfile: str | None = None
    control: str | None = None
    http: HealthPlace | None = None  #: where health is served
    logfile: str | None = None
    log_format: str = "text"
    daemonize: bool = False
    boot_timeout: float = 300.0
    embedded: bool = False
    embedded_folder: str | None = None  #: None: a temporary one


def parse(argv: Sequence[str]) -> Request:
    """Read the arguments after the program's name. Raises UsageError."""
    embedded, folder, rest = _take_embedded(list(argv))
    try:
        options, paths = getopt.gnu_getopt(rest, _SHORT, _LONG)
    except getopt.GetoptError as error:
        raise UsageError(str(error)) from None
    values = dict(options)
    for name, value in options:
        if name in _NEED_A_PATH and not value:
            raise UsageError(f"option {name} requires a path")
    request = Request(
        paths=tuple(with_suffix(path) for path in paths),
        wants_help=_has(values, "-h", "--help"),
        wants_version=_has(values, "-v", "--version"),
        wants_test="--test" in values,
        wants_memory="--memory" in values,
        wants_json="--json" in values,
        fast_exit="--fast-exit" in values,
        pidfile=values.get("--pidfile", values.get("-p")),
        control=values.get("--control"),
        http=_http(values.get("--http")),
        logfile=values.get("--logfile", values.get("-l")),
        log_format=_log_format(values.get("--log-format", "text")),
        daemonize=_has(values, "-D", "--daemonize"),
        boot_timeout=_boot_timeout(values.get("--boot-timeout", "300")),
        embedded=embedded,
        embedded_folder=folder,
    )
    if not paths and not (request.wants_help or request.wants_version):
        taken = f' ("{folder}" was taken as the directory of --embedded)' if folder else ""
        raise UsageError(f"no config file{taken}")
    _check_company(request)
    return request


def one_pidfile(words: Sequence[str]) -> str:
    """Return the only argument of a command for a running daemon. Raises UsageError."""
    if len(words) == 1 and words[0]:
        return words[0]
    given = (len(words) or "none") if list(words) != [""] else "an empty name"
    raise UsageError(f"one pidfile is needed, not {given}")


def seconds(text: str) -> float | None:
    """Return a number of seconds, 0 to 1000000; None if the text is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number <= MAX_SECONDS else None  # NaN is on neither side


def _check_company(request: Request) -> None:
    """Refuse an option that means nothing without another. Raises UsageError."""
    if request.wants_memory and not request.wants_test:
        raise UsageError("option --memory is for --test")
    if request.wants_json and not request.wants_memory:
        raise UsageError("option --json is for --memory")


def _boot_timeout(text: str) -> float:
    timeout = seconds(text)
    if not timeout:
        raise UsageError(
            f"option --boot-timeout must be a number of seconds above 0, at most {MAX_SECONDS},"
            f" not {text!r}"
        )
    return timeout


def _http(text: str | None) -> HealthPlace | None:
    try:
        return None if text is None else HealthPlace.parse(text)
    except HealthPlaceError as error:
        raise UsageError(f"option --http: {error}") from None


def _log_format(name: str) -> str:
    if name not in _LOG_FORMATS:
        formats = " or ".join(_LOG_FORMATS)
        raise UsageError(f"option --log-format must be {formats}, not {name!r}")
    return name


def with_suffix(path: str) -> str:
    """``config/resqued`` means ``config/resqued.py`` where only that exists."""
    return f"{path}.py" if not os.path.exists(path) and os.path.exists(f"{path}.py") else path


def _has(values: dict[str, str], *names: str) -> bool:
    return any(name in values for name in names)


def _take_embedded(words: list[str]) -> tuple[bool, str | None, list[str]]:
    """Take ``--embedded`` and its directory out; its argument is optional, unlike getopt's."""
    for place, word in enumerate(words):
        if word == "--":
            break
        if word.startswith("--embedded="):
            return True, word.partition("=")[2] or None, words[:place] + words[place + 1 :]
        if word == "--embedded":
            following = words[place + 1 : place + 2]
            if following and _is_folder(following[0]):
                return True, following[0], words[:place] + words[place + 2 :]
            return True, None, words[:place] + following + words[place + 2 :]
    return False, None, words


def _is_folder(word: str) -> bool:
    """Tell the directory of ``--embedded`` from a config file or an option after it."""
    if os.path.isdir(word):
        return True
    is_config = word.endswith(".py") or os.path.exists(word) or os.path.exists(f"{word}.py")
    return not (is_config or word.startswith("-"))
