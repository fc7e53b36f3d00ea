"""What the master runs, in a fresh interpreter, to serve health; no command of its own."""

import os
import socket
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from signal import Signals

from resqued import __version__, log
from resqued.clock import MonotonicClock
from resqued.health.pages import Probes, without_metrics
from resqued.health.place import place_of
from resqued.health.server import Author, HealthServer
from resqued.process import kernel, lifeline
from resqued.process.signals import SignalInbox
from resqued.process.title import set_title


def main(listening_end: int, lifeline_end: int, control: str) -> int:
    """Serve: descriptor of the listening socket, of the lifeline, path of the control socket.

    Ends with the master, whose port it must not hold. At TERM it takes nobody in any more, within
    half a second, and ends when those are gone who are there.
    """
    kernel.die_with_parent(Signals.SIGKILL)
    for descriptor in (listening_end, lifeline_end):
        os.set_inheritable(descriptor, False)
    listening = socket.socket(fileno=listening_end)
    set_title(f"resqued-{__version__} health {place_of(listening)}")
    with SignalInbox((Signals.SIGTERM,)) as inbox:

        def is_over() -> bool:
            return bool(inbox.drain()) or lifeline.has_ended(lifeline_end)

        with HealthServer(listening, _pages(control), is_over) as server:
            server.serve()
    return 0


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
    log.configure(sys.argv[4] or None, sys.argv[5], os.environ.get("JOURNAL_STREAM"))
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
