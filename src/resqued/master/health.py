"""The process that serves health over HTTP, as the master keeps it (docs/health.md)."""

import logging
from signal import Signals

from resqued.backoff import Backoff
from resqued.clock import Clock
from resqued.ipc.health_order import HealthOrder
from resqued.master.options import Options
from resqued.process import reaper, signals
from resqued.process.reaper import ExitStatus
from resqued.process.spawn import spawn_interpreter
from resqued.process.start_context import StartContext

log = logging.getLogger(__name__)

#: What runs in a fresh interpreter.
HEALTH_MODULE = "resqued.cli.health"


class HealthProcess:
    """Keeps one such process while the options ask for it; nothing else depends on it.

    The listening socket is the master's, so that whoever connects while the process is replaced
    waits a moment, and is refused by nobody.
    """

    def __init__(
        self, options: Options, context: StartContext, lifeline: int, clock: Clock
    ) -> None:
        """``lifeline`` is the descriptor that ends when the master does."""
        self._options = options
        self._context = context
        self._lifeline = lifeline
        self._backoff = Backoff(clock)
        self._pid: int | None = None

    @property
    def due_in(self) -> float | None:
        """Seconds until ``keep`` starts one; None: one is there, or none is wanted."""
        is_wanted = self._options.health_socket is not None and self._pid is None
        return self._backoff.due_in if is_wanted else None

    def keep(self) -> None:
        """Start one if it is due. One that cannot be started is tried again."""
        if self.due_in != 0.0:
            return
        self._backoff.started()
        try:
            self._pid = self._start()
        except OSError as error:
            fields = {"event": "health_start_failed", "reason": str(error)}
            text = "Cannot start the process that serves health, trying again: %s"
            log.error(text, error, extra=fields)  # noqa: TRY400 - the line says all
            self._backoff.ended(expected=False)

    def takes_in(self, status: ExitStatus) -> bool:
        """Take in the end of a process if it is this one; whether it is."""
        if status.pid != self._pid:
            return False
        self._pid = None
        self._backoff.ended(expected=False)
        log.warning(
            "The process that serves health (pid %d) ended: %s; next start in %.0f s",
            status.pid,
            status,
            self._backoff.due_in,
            extra={"event": "health_ended", "status": str(status), "pause": self._backoff.due_in},
        )
        return True

    def leave(self) -> None:
        """Have it end when its clients have their answers; the next program starts its own."""
        if self._pid is not None:
            signals.send(self._pid, Signals.SIGTERM)

    def end(self) -> None:
        """End it at once: when the master is gone, its port must be free."""
        if self._pid is not None:
            reaper.kill_and_reap(self._pid)

    def _start(self) -> int:
        options = self._options
        assert options.health_socket is not None
        assert options.control is not None
        order = HealthOrder(
            listening=options.health_socket,
            lifeline=self._lifeline,
            control=options.control,
            log_path=options.log_path,
            log_format=options.log_format,
        )
        self._context.enter()
        return spawn_interpreter(
            self._context, HEALTH_MODULE, order.encode(), (order.listening, order.lifeline)
        )
