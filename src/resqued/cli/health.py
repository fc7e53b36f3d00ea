"""What the master runs, in a fresh interpreter, to serve health; no command of its own."""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from signal import Signals

from resqued import __version__, log
from resqued.clock import MonotonicClock
from resqued.exit_codes import ExitCode
from resqued.health.pages import Probes, without_metrics
from resqued.health.place import place_of
from resqued.health.server import Author, HealthServer
from resqued.ipc.health_order import HealthOrder, HealthOrderError
from resqued.process import kernel, lifeline
from resqued.process.signals import SignalInbox
from resqued.process.title import set_title


def main(arguments: Sequence[str]) -> int:
    """Serve, as the one argument orders.

    Ends with the master, whose port it must not hold. At TERM it takes nobody in any more, within
    half a second, and ends when those are gone who are there.
    """
    kernel.die_with_parent(Signals.SIGKILL)
    try:
        order = HealthOrder.parse(arguments)
        listening = _take_over(order)
    except HealthOrderError as error:
        print(f"resqued.cli.health is started by a master only: {error}", file=sys.stderr)
        return ExitCode.USAGE
    log.configure(order.log_path, order.log_format, os.environ.get("JOURNAL_STREAM"))
    set_title(f"resqued-{__version__} health {place_of(listening)}")
    with SignalInbox((Signals.SIGTERM,)) as inbox:

        def is_over() -> bool:
            return bool(inbox.drain()) or lifeline.has_ended(order.lifeline)

        pages = _pages(order.control)
        with HealthServer(listening, pages, is_over, MonotonicClock()) as server:
            server.serve()
    return ExitCode.OK


def _take_over(order: HealthOrder) -> socket.socket:
    """Return the listening socket; it and the lifeline are this program's alone from now on.

    Raises HealthOrderError if they are not there.
    """
    try:
        for descriptor in (order.listening, order.lifeline):
            os.set_inheritable(descriptor, False)
        return socket.socket(fileno=order.listening)
    except (OSError, OverflowError) as error:
        raise HealthOrderError(
            f"it has not got the descriptors that were named: {error}"
        ) from error


def _pages(control: str) -> Mapping[str, Author]:
    clock = MonotonicClock()
    pages = dict(Probes(control, clock).pages)
    pages["/metrics"] = _metrics(control, clock)
    return pages


def _metrics(control: str, clock: MonotonicClock) -> Author:
    """Return the page of metrics; only where what makes it is installed, that is loaded."""
    if find_spec("prometheus_client") is None:
        return without_metrics
    from resqued.health.metrics import Metrics  # noqa: PLC0415 - an extra
    from resqued.health.sample import Sampler  # noqa: PLC0415 - only of use there

    return Metrics(Sampler(control, clock).take).page


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
