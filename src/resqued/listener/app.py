"""The listener: wiring, and the loop that keeps its workers as the master permits."""

import logging
from enum import Enum
from signal import Signals

from resqued import __version__
from resqued.clock import Clock
from resqued.config.model import Config, WorkerSpec
from resqued.exit_codes import ExitCode
from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.listener import boot, scaling
from resqued.listener.boot import BootError
from resqued.listener.recovery import Recoveries
from resqued.listener.workers import Workers
from resqued.log import LogFile
from resqued.process import kernel
from resqued.process.baton import Baton
from resqued.process.signals import HANDLED, SignalInbox
from resqued.process.title import set_title
from resqued.process.waiter import Waiter
from resqued.worker.child import WorkerTask, run_worker
from resqued.worker.death import WorkerDeath
from resqued.worker.factory import DefaultFactory, recovery_of
from resqued.worker.gate import Ticket
from resqued.worker.recovery import RecoveryTask, run_recovery

log = logging.getLogger(__name__)

_STOPPING = (Signals.SIGQUIT, Signals.SIGTERM, Signals.SIGINT)
#: Seconds for which its last word waits for a master that takes nothing.
_LAST_WORD = 5.0


class State(Enum):
    """How far the listener is; shown in its title."""

    BOOTING = "booting"  #: loads configuration and application
    PROVING = "proving"  #: waits for its canary to get through the hooks
    RUNNING = "running"  #: fills its slots
    SHUTDOWN = "shutdown"  #: waits for its workers to leave


class Listener:
    """The parent of one generation's workers. Blocks only while it loads, and in hooks."""

    def __init__(
        self,
        channel: Channel,
        order: messages.Boot,
        lifeline: int,
        clock: Clock,
        log_file: LogFile | None,
    ) -> None:
        """Prepare; ``lifeline`` is the descriptor that ends when the master does."""
        self._channel = channel
        self._order = order
        self._lifeline = lifeline
        self._clock = clock
        self._follow_log = log_file.follow if log_file else _nothing
        self._waiter = Waiter()
        self._signals = SignalInbox(HANDLED)
        self._state = State.BOOTING
        self._app_version: str | None = None
        self._elsewhere = 0
        self._title = ""

    def run(self) -> ExitCode:
        """Load everything, then supervise until told to stop, and all has been seen to."""
        with self._signals:
            self._show_title(0, 0)
            try:
                workers = self._boot()
                while self._state is not State.SHUTDOWN or workers.is_busy:
                    self.tick(workers)
                self._channel.send_now(messages.Counted(workers.figures()), _LAST_WORD)
            except BootError as error:
                self._channel.send_now(
                    messages.BootFailed(error.reason, error.is_config_unreadable)
                )
                return ExitCode.FAILED
        return ExitCode.OK

    def tick(self, workers: Workers) -> None:
        """Do one round: ask for what is missing, wait for news, take the news in."""
        if self._state is State.RUNNING:
            workers.ask()
            workers.announce()
        self._show_title(workers.alive, workers.configured)
        if not self._channel.is_closed:
            self._waiter.watch_writing(self._channel, wanted=self._channel.has_output)
        workers.end_overdue()
        ready = self._waiter.wait(None if self._state is State.PROVING else workers.next_step_in)
        # Before anything is reaped: who ends after that must be able to wake the next wait.
        received = self._signals.drain()
        self._read_master(workers)
        workers.listen(ready)
        if Signals.SIGCHLD in received:
            workers.child_ended()
        workers.reap()
        if self._state is State.PROVING:
            self._see_proof(workers)
        self._obey(received, workers)

    def _boot(self) -> Workers:
        config = boot.load_config(self._order.paths)
        queues = tuple(spec.queues for spec in config.workers)
        self._channel.send_now(
            messages.Loaded(
                queues,
                config.boot_timeout,
                config.stop_timeout,
                __version__,
                scaling.pools_of(config),
            )
        )
        self._app_version = boot.load_application(config, self._clock)
        self._signals.install_again()  # the application may have had some of its own
        # From now on the loop notices the end of the master, and leaves gently.
        kernel.outlive_parent()
        self._waiter.watch(self._signals)
        self._waiter.watch(self._channel)
        self._state = State.PROVING
        workers = self._workers(config)
        try:
            workers.start_canary()
        except OSError as error:
            raise BootError(f"cannot fork: {error}", is_config_unreadable=False) from error
        self._see_proof(workers)
        return workers

    def _see_proof(self, workers: Workers) -> None:
        """Go on when the canary is through; raises BootError if it failed."""
        if workers.is_proved:
            self._state = State.RUNNING
            self._channel.send(messages.Proved(self._app_version))
        elif workers.disproof is not None:
            raise BootError(workers.disproof, is_config_unreadable=False)

    def _workers(self, config: Config) -> Workers:
        def body(spec: WorkerSpec, ticket: Ticket, baton: Baton | None, *, is_canary: bool) -> int:
            """In the forked child: let go of what is the listener's, then work."""
            self._let_go(workers)
            return run_worker(
                WorkerTask(
                    spec=spec,
                    config=config,
                    ticket=ticket,
                    lifeline=self._lifeline,
                    file_limit=self._order.file_limit,
                    is_canary=is_canary,
                    follow_log=self._follow_log,
                    baton=baton,
                )
            )

        recover = recovery_of(config.worker_factory or DefaultFactory())

        def recovery_body(death: WorkerDeath, seconds: float) -> int:
            """In the forked child, likewise."""
            assert recover is not None
            self._let_go(workers)
            return run_recovery(RecoveryTask(recover, death, seconds, self._order.file_limit))

        recoveries = Recoveries(recovery_body if recover else None, self._clock)
        workers = Workers(config, self._channel, self._waiter, self._clock, body, recoveries)
        return workers

    def _let_go(self, workers: Workers) -> None:
        """In a forked child: close its copies of what is the listener's."""
        workers.close()
        self._channel.close()
        self._waiter.close()
        self._signals.close()

    def _read_master(self, workers: Workers) -> None:
        self._channel.flush()
        for message in self._channel.receive():
            self._take(workers, message)
        if self._channel.is_closed:
            self._master_is_gone(workers)

    def _take(self, workers: Workers, message: messages.Message) -> None:
        match message:
            case messages.Elsewhere(count):
                self._elsewhere = count
            case messages.Ping():
                self._channel.send(messages.Pong())
            case messages.Look(number, wants_figures):
                if wants_figures:
                    self._channel.send(messages.Counted(workers.figures()))
                self._channel.send(messages.Seen(number, workers.look(), workers.server))
            case messages.ReopenLog():
                self._reopen_log()
            case _:
                self._take_order(workers, message)

    def _take_order(self, workers: Workers, message: messages.Message) -> None:
        match message:
            case messages.Grant(slot):
                workers.granted(slot)
            case messages.Watched(pid):
                workers.watched(pid)
            case messages.Retire(slot):
                workers.retire(slot)
            case messages.Scale(pool, size):
                workers.scale(pool, size)
            case messages.Kill():
                self._stop(workers, Signals.SIGKILL)
            case _:
                fields = {"event": "message_unexpected"}
                log.warning("The master sent what only a listener says", extra=fields)

    def _reopen_log(self) -> None:
        try:
            self._follow_log()
        except OSError as error:
            fields = {"event": "log_not_reopened", "reason": str(error)}
            log.error("Cannot open the log file anew: %s", error, extra=fields)  # noqa: TRY400

    def _master_is_gone(self, workers: Workers) -> None:
        self._waiter.forget_if_watched(self._channel)
        if self._state is not State.SHUTDOWN:
            log.warning("The master is gone", extra={"event": "master_lost"})
            self._stop(workers, Signals.SIGQUIT)
        workers.master_is_gone()

    def _obey(self, received: list[Signals], workers: Workers) -> None:
        for number in received:
            if number in _STOPPING:
                self._stop(workers, number)
            elif number is Signals.SIGCONT:
                workers.signal(number)

    def _stop(self, workers: Workers, number: Signals) -> None:
        """Have every worker leave; one order more only passes its signal on."""
        if self._state is not State.SHUTDOWN:
            self._state = State.SHUTDOWN
            log.info(
                "Listener #%d is leaving (%s)",
                self._order.generation,
                number.name,
                extra={"event": "listener_leaving", "signal": number.name},
            )
        workers.stop(number)

    def _show_title(self, alive: int, configured: int) -> None:
        version = f" [{self._app_version}]" if self._app_version else ""
        title = (
            f"resqued-{__version__} listener #{self._order.generation}"
            f" {alive}/{alive + self._elsewhere}/{configured}{version}"
            f" [{self._state.value}] {' '.join(self._order.paths)}"
        )
        if title != self._title:
            self._title = title
            set_title(title)


def _nothing() -> None:
    """There is no log file to follow."""
