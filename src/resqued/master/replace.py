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
#: Bytes of what a failed probe has printed; its end says what is wrong.
_MOST_SHOWN = 10_000


class Replacement:
    """One try to replace the master: the probe, and how it went."""

    def __init__(self, context: StartContext, state: SavedState, clock: Clock) -> None:
        """Start the probe with the present state. Raises OSError if it cannot be started."""
        self._clock = clock
        self._deadline = clock.now() + _PROBE_TIMEOUT
        context.enter()
        with _as_file(state) as file:
            inherit = (file.fileno(),)
            arguments = ["--probe", str(file.fileno())]
            self._output = _nameless_file()
            self.pid = spawn.spawn_interpreter(
                context, RESUME_MODULE, arguments, inherit, self._output.fileno()
            )

    @property
    def due_in(self) -> float:
        """Seconds until the probe has had its time."""
        return max(0.0, self._deadline - self._clock.now())

    def end_if_overdue(self) -> None:
        """Kill a probe that hangs; its end is then known like any other."""
        if self.due_in == 0.0:
            self.end()

    def end(self) -> None:
        """Kill the probe, whose answer is not wanted any more or does not come."""
        signals.send(self.pid, Signals.SIGKILL)

    def is_good(self, status: ExitStatus) -> bool:
        """Read the probe's end; the log says, in one block, what a bad one means and has said."""
        with self._output as output:
            if status.code == 0:
                return True
            output.seek(0)
            printed = output.read().decode("utf-8", "replace")[-_MOST_SHOWN:].rstrip()
        if self.due_in == 0.0:
            how = f"it did not answer within {_PROBE_TIMEOUT:g} s"
        else:
            how = f"its probe ended: {status}"
        text = "The installed program cannot take over, this master goes on (%s):\n%s"
        log.error(text, how, printed, extra={"event": "replacement_failed", "reason": how})
        return False


def become(context: StartContext, state: SavedState) -> None:
    """Exec the new master; returns only if that cannot be done, which is logged."""
    try:
        context.enter()
        with _as_file(state) as file:
            inherit = (*state.descriptors, file.fileno())
            spawn.become_interpreter(context, RESUME_MODULE, [str(file.fileno())], inherit)
    except OSError as error:
        log.error(  # noqa: TRY400 - the line says all
            "Cannot exec %s: %s; this master goes on",
            context.program,
            error,
            extra={"event": "replacement_failed", "reason": str(error)},
        )


def _as_file(state: SavedState) -> IO[bytes]:
    """Write the state to a file; it is too large for a command line."""
    file = _nameless_file()
    file.write(state.encode())
    file.seek(0)
    return file


def _nameless_file() -> IO[bytes]:
    if sys.platform == "linux":
        file: IO[bytes] = os.fdopen(os.memfd_create("resqued"), "w+b")
    else:
        import tempfile  # noqa: PLC0415 - not where the master can do without it

        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    return file
