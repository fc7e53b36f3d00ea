"""Replace the master by the program that is installed now, its workers undisturbed (USR1).

A probe in a process of its own first shows that the new program starts and understands the
state; if it does not, the present master goes on and says so.
"""

import logging
import os
import sys
from signal import Signals
from typing import IO

from resqued.clock import Clock
from resqued.master.state import SavedState
from resqued.process import signals, spawn
from resqued.process.reaper import ExitStatus
from resqued.process.start_context import StartContext

log = logging.getLogger(__name__)

#: What runs as the new master, and as its probe.
RESUME_MODULE = "resqued.cli.resume"
#: Seconds that a probe may take.
_PROBE_TIMEOUT = 30.0


class Replacement:
    """One try to replace the master: the probe, and when it is over."""

    def __init__(self, context: StartContext, state: SavedState, clock: Clock) -> None:
        """Start the probe with the present state. Raises OSError if it cannot be started."""
        self._context = context
        self._clock = clock
        self._deadline = clock.now() + _PROBE_TIMEOUT
        with _as_file(state) as file:
            arguments = ["--probe", str(file.fileno())]
            descriptors = (file.fileno(),)
            self.pid = spawn.spawn_interpreter(context, RESUME_MODULE, arguments, descriptors)

    @property
    def due_in(self) -> float:
        """Seconds until the probe has had its time."""
        return max(0.0, self._deadline - self._clock.now())

    def end_if_overdue(self) -> None:
        """Kill a probe that hangs; its end is then known like any other."""
        if self.due_in == 0.0:
            signals.send(self.pid, Signals.SIGKILL)

    def is_good(self, status: ExitStatus) -> bool:
        """Read the probe's end, and say what a bad one means."""
        if status.code == 0:
            return True
        log.error(
            "The installed program cannot take over (its probe ended: %s); this master goes on."
            " What the probe printed stands above",
            status,
        )
        return False


def become(context: StartContext, state: SavedState) -> None:
    """Exec the new master; returns only if that cannot be done, which is logged."""
    try:
        with _as_file(state) as file:
            inherit = (*state.descriptors, file.fileno())
            spawn.become_interpreter(context, RESUME_MODULE, [str(file.fileno())], inherit)
    except OSError as error:
        log.error("Cannot exec %s: %s; this master goes on", context.program, error)  # noqa: TRY400


def _as_file(state: SavedState) -> IO[bytes]:
    """Write the state to a nameless file; it is too large for a command line."""
    if sys.platform == "linux":
        file: IO[bytes] = os.fdopen(os.memfd_create("resqued-state"), "w+b")
    else:
        import tempfile  # noqa: PLC0415 - not where the master can do without it

        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(state.encode())
    file.seek(0)
    return file
