"""``resqued CONFIG...``: start the master, in the foreground or behind ``-D``."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from resqued import embedded, log
from resqued.cli.arguments import Request
from resqued.clock import MonotonicClock
from resqued.errors import ResquedError
from resqued.exit_codes import ExitCode
from resqued.master.app import Master
from resqued.master.options import Options, StartReport
from resqued.process import daemonize, signals
from resqued.process.pidfile import Pidfile
from resqued.process.start_context import StartContext


def run(request: Request) -> int:
    """Run the master until it ends; with ``-D``, until it has read the configuration."""
    if not request.daemonize:
        terminal = os.dup(2)  # standard error itself goes to the log file, if there is one
        complain = StartReport(started=_nothing, failed=lambda reason: _write(terminal, reason))
        return _run_master(request, complain)
    reason = daemonize.daemonize(
        lambda report: _run_master(request, StartReport(report.started, report.failed))
    )
    if reason is None:
        return ExitCode.OK
    if reason:
        _write(2, reason)
    _write(2, "Master process failed to start!")
    return ExitCode.FAILED


def _run_master(request: Request, report: StartReport) -> int:
    # From the moment that the pidfile shows our pid, until the master can read what it is sent.
    signals.block()
    try:
        log_file = _open_log(request.logfile)
        with _pidfile(request), _server(request) as inherit:
            options = Options(
                paths=request.paths,
                log_path=log_file.path if log_file else None,
                fast_exit=request.fast_exit,
                inherit=inherit,
            )
            return Master(options, StartContext.capture(), MonotonicClock(), report).run()
    except ResquedError as error:
        report.failed(str(error))
        return ExitCode.FAILED


def _open_log(path: str | None) -> log.LogFile | None:
    try:
        return log.configure(path)
    except OSError as error:
        raise ResquedError(f"cannot write logfile {path}: {error.strerror}") from error


def _pidfile(request: Request) -> Pidfile | nullcontext[None]:
    return Pidfile(request.pidfile) if request.pidfile else nullcontext()


@contextmanager
def _server(request: Request) -> Iterator[tuple[int, ...]]:
    """Run the embedded server meanwhile, if asked for; yields what all below must hold open."""
    if not request.embedded:
        yield ()
        return
    wait = not request.fast_exit
    with embedded.running(request.embedded_folder, StartContext.capture(), wait=wait) as server:
        for name in ("REDIS_URL", "RESQUE_REDIS_URL"):
            if os.environ.pop(name, None) is not None:
                _say(f"{name} was set; these workers use the embedded server instead")
        os.environ["REDIS_URL"] = server.url
        _say(f"Embedded server: REDIS_URL={server.url} (data in {server.folder})")
        yield (server.hold,)


def _say(line: str) -> None:
    print(line, flush=True)


def _write(descriptor: int, line: str) -> None:
    os.write(descriptor, line.encode("utf-8", "backslashreplace") + b"\n")


def _nothing() -> None:
    """Nobody waits for the news when the master runs in the foreground."""
