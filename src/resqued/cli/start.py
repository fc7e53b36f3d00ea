"""``resqued CONFIG...``: start the master, in the foreground or behind ``-D``."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext

from resqued import embedded
from resqued.cli.arguments import Request
from resqued.clock import MonotonicClock
from resqued.control import place
from resqued.control.place import PlaceError
from resqued.control.socket_file import (
    SocketFile,
    SocketFileError,
    SocketHeldError,
    in_runtime_folder,
)
from resqued.errors import ResquedError
from resqued.exit_codes import ExitCode
from resqued.health.place import place_of
from resqued.log import LogFile
from resqued.log import configure as configure_log
from resqued.master.app import Master
from resqued.master.options import FirstStart, Options
from resqued.process import daemonize, notify, signals
from resqued.process.notify import Manager, NotifyVariableError
from resqued.process.pidfile import Pidfile
from resqued.process.start_context import StartContext

log = logging.getLogger(__name__)


def run(request: Request) -> int:
    """Run the master until it ends; with ``-D``, until it has read the configuration."""
    try:
        # Here, since this is the process that a service manager has started.
        manager = notify.take(os.environ, os.getpid(), wants_pid=request.daemonize)
    except NotifyVariableError as error:
        _write(2, str(error))
        return ExitCode.FAILED
    if not request.daemonize:
        return _run_master(request, manager, _Terminal())
    reason = daemonize.daemonize(lambda report: _run_master(request, manager, report))
    if reason is None:
        return ExitCode.OK
    if reason:
        _write(2, reason)
    _write(2, "Master process failed to start!")
    return ExitCode.FAILED


def _run_master(request: Request, manager: Manager | None, report: FirstStart) -> int:
    # From the moment that the pidfile shows our pid, until the master can read what it is sent.
    signals.hold_back()
    try:
        log_file = _open_log(request)
        with (
            _pidfile(request) as pidfile,
            _control(request) as control,
            _health(request) as health,
            _server(request) as server,
        ):
            path, lock = pidfile.holding if pidfile and pidfile.holding else (None, None)
            name, listening = control.holding if control and control.holding else (None, None)
            options = Options(
                paths=request.paths,
                log_path=log_file.path if log_file else None,
                log_format=request.log_format,
                fast_exit=request.fast_exit,
                boot_timeout=request.boot_timeout,
                inherit=(server.hold,) if server else (),
                pidfile=path,
                pidfile_lock=lock,
                guard=server.guard if server else None,
                control=name,
                control_socket=listening,
                control_folder=control.private_folder if control else None,
                health_socket=None if health is None else health.fileno(),
                manager=manager,
            )
            context = StartContext.capture()
            return Master(options, context, MonotonicClock(), report, control=control).run()
    except ResquedError as error:
        report.failed(str(error))
        return ExitCode.FAILED


def _open_log(request: Request) -> LogFile | None:
    journal = os.environ.get("JOURNAL_STREAM")
    try:
        return configure_log(request.logfile, request.log_format, journal)
    except OSError as error:
        raise ResquedError(f"cannot write logfile {request.logfile}: {error.strerror}") from error


def _pidfile(request: Request) -> Pidfile | nullcontext[None]:
    return Pidfile(request.pidfile) if request.pidfile else nullcontext()


@contextmanager
def _control(request: Request) -> Iterator[SocketFile | None]:
    """Listen at the control socket meanwhile.

    If it was named, or health is to be served by it, it must be that one. Without one that has its
    default name a pool can do: a folder that cannot be written must not end one that ran yesterday.
    """
    with ExitStack() as stack:
        try:
            held = stack.enter_context(_socket_file(request))
        except (PlaceError, SocketFileError) as error:
            is_held = request.pidfile is not None and isinstance(error, SocketHeldError)
            if request.control is not None or request.http is not None or is_held:
                raise
            fields = {"event": "control_socket_missing", "reason": str(error)}
            log.warning("There is no control socket: %s", error, extra=fields)
            held = None
        yield held


def _socket_file(request: Request) -> SocketFile:
    if request.control is not None:
        return SocketFile(request.control)
    if request.pidfile is not None:
        return SocketFile(place.beside(request.pidfile))
    return in_runtime_folder(place.runtime_folder(os.environ, os.geteuid()))


@contextmanager
def _health(request: Request) -> Iterator[socket.socket | None]:
    """Listen where health is to be served; by whom, is the master's affair."""
    if request.http is None:
        yield None
        return
    with request.http.listen() as listening:
        fields = {"event": "health_served", "address": str(place_of(listening))}
        log.info("Health is served at http://%s/", place_of(listening), extra=fields)
        yield listening


@contextmanager
def _server(request: Request) -> Iterator[embedded.Server | None]:
    """Run the embedded server meanwhile, if asked for."""
    if not request.embedded:
        yield None
        return
    wait = not request.fast_exit
    with embedded.running(request.embedded_folder, StartContext.capture(), wait=wait) as server:
        for name in ("REDIS_URL", "RESQUE_REDIS_URL"):
            if os.environ.pop(name, None) is not None:
                _say(f"{name} was set; these workers use the embedded server instead")
        os.environ["REDIS_URL"] = server.url
        _say(f"Embedded server: REDIS_URL={server.url} (data in {server.folder})")
        yield server


def _say(line: str) -> None:
    print(line, flush=True)


def _write(descriptor: int, line: str) -> None:
    os.write(descriptor, line.encode("utf-8", "backslashreplace") + b"\n")


class _Terminal:
    """Whoever started the master in the foreground."""

    def __init__(self) -> None:
        # Standard error itself goes to the log file, if there is one.
        self._descriptor = os.dup(2)

    def started(self) -> None:
        """Nobody waits for that."""

    def failed(self, reason: str) -> None:
        """Print the reason."""
        _write(self._descriptor, reason)
