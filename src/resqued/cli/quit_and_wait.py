"""``resqued quit-and-wait PIDFILE``: stop a pool gently, as far as the time allows."""

import getopt
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from signal import Signals

from resqued.cli.arguments import MAX_SECONDS, UsageError, one_pidfile, seconds
from resqued.clock import Clock, MonotonicClock
from resqued.exit_codes import ExitCode
from resqued.process.holder import HolderError, find_holder
from resqued.process.signals import SignalInbox
from resqued.process.waiter import Waiter
from resqued.process.watch import ProcessWatch

HELP = """Usage: resqued quit-and-wait PIDFILE [options]
Sends QUIT to the master that holds PIDFILE, and waits until it is gone.
    -h, --help                       Show this message
        --grace-period SECONDS       Wait until 5 s before so long is over (30)
    -q, --quiet                      Print nothing but errors
Exit status: 0 it is gone, or none was running; 1 it cannot be told; 2 wrong usage; 99 it is still
running."""

#: Seconds of the grace period that are left to whoever then ends what is still running.
_RESERVE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the command line asks for."""

    pidfile: str
    grace_period: float = 30.0
    is_quiet: bool = False
    wants_help: bool = False

    @property
    def patience(self) -> float:
        """How many seconds to wait."""
        return max(0.0, self.grace_period - _RESERVE)

    def say(self, line: str) -> None:
        """Print a line, if that is wanted; nothing waits for whoever reads it, or has left."""
        if self.is_quiet:
            return
        try:
            os.write(1, line.encode("utf-8", "backslashreplace") + b"\n")
        except OSError:
            pass  # stopping the workers matters more than a closed terminal


def main(argv: Sequence[str]) -> int:
    """Run the command with the arguments after its name; returns its exit status."""
    try:
        order = parse(argv)
    except UsageError as error:
        print(f"resqued quit-and-wait: {error}", file=sys.stderr)
        return ExitCode.USAGE
    if order.wants_help:
        print(HELP)
        return ExitCode.OK
    try:
        return run(order, MonotonicClock())
    except HolderError as error:
        print(f"resqued quit-and-wait: {error}", file=sys.stderr)
        return ExitCode.FAILED


def parse(argv: Sequence[str]) -> Order:
    """Read the arguments after the command's name. Raises UsageError."""
    try:
        options, words = getopt.gnu_getopt(argv, "hq", ["help", "grace-period=", "quiet"])
    except getopt.GetoptError as error:
        raise UsageError(str(error)) from None
    values = dict(options)
    wants_help = "-h" in values or "--help" in values
    return Order(
        pidfile="".join(words[:1]) if wants_help else one_pidfile(words),
        grace_period=_grace_period(values.get("--grace-period", "30")),
        is_quiet="-q" in values or "--quiet" in values,
        wants_help=wants_help,
    )


def run(order: Order, clock: Clock) -> int:
    """Tell the master to quit, and wait. Raises HolderError."""
    until = clock.now() + order.patience
    with SignalInbox((Signals.SIGTERM, Signals.SIGINT)) as inbox:
        master = find_holder(order.pidfile)
        if master is None:
            order.say(f"No resqued runs with pidfile {order.pidfile}")
            return ExitCode.OK
        with closing(master):
            _quit(master)
            order.say(f"Told resqued (pid {master.pid}) to quit, waiting {order.patience:g} s")
            return _wait(order, master, inbox, clock, until)


def _quit(master: ProcessWatch) -> None:
    try:
        master.send(Signals.SIGQUIT)
    except PermissionError as error:
        raise HolderError(f"cannot signal resqued (pid {master.pid}): {error.strerror}") from error


def _wait(
    order: Order, master: ProcessWatch, inbox: SignalInbox, clock: Clock, until: float
) -> int:
    with closing(Waiter()) as waiter:
        waiter.watch(master)
        waiter.watch(inbox)
        while not master.has_ended():
            for received in inbox.drain():
                order.say(f"{received.name} received, waiting no longer; resqued goes on quitting")
                return 128 + received  # as the shell reports a command that a signal has ended
            if clock.now() >= until:
                order.say(f"resqued (pid {master.pid}) still runs after {order.patience:g} s")
                return ExitCode.STILL_RUNNING
            waiter.wait(until - clock.now())
    order.say(f"resqued (pid {master.pid}) is gone")
    return ExitCode.OK


def _grace_period(text: str) -> float:
    period = seconds(text)
    if period is None:
        raise UsageError(
            f"option --grace-period must be a number of seconds from 0 to {MAX_SECONDS},"
            f" not {text!r}"
        )
    return period
