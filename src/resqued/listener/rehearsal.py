"""A generation that is forked up to its gates and goes no further, to be looked at."""

from resqued import __version__
from resqued.clock import Clock
from resqued.config.model import Config, WorkerSpec
from resqued.exit_codes import ExitCode
from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.listener import boot
from resqued.listener.boot import BootError
from resqued.listener.process import Process
from resqued.process import reaper
from resqued.process.signals import HANDLED, SignalInbox
from resqued.process.spawn import fork_child
from resqued.process.title import set_title
from resqued.process.waiter import Waiter
from resqued.worker.child import WorkerTask, run_worker
from resqued.worker.gate import Gate, Ticket


class Rehearsal:
    """Stands where a listener would stand, for a process that asks for it in place of a master.

    It says what a listener says: ``Loaded``, ``Started`` for each worker, all of which are forked
    at once, and ``Proved`` when all of them wait at their gates; or ``BootFailed``. Then it stays
    as it is until the other end of the channel is closed. It obeys no signal but KILL.
    """

    def __init__(self, channel: Channel, order: messages.Boot, clock: Clock) -> None:
        self._channel = channel
        self._order = order
        self._clock = clock
        self._waiter = Waiter()
        self._signals = SignalInbox(HANDLED)
        self._processes: list[Process] = []

    def run(self) -> ExitCode:
        """Load everything, fork the workers, and stay as long as anybody looks."""
        set_title(f"resqued-{__version__} rehearsal {' '.join(self._order.paths)}")
        with self._signals:
            try:
                version = self._set_up()
            except BootError as error:
                failure = messages.BootFailed(error.reason, error.is_config_unreadable)
                self._channel.send_now(failure)
                return ExitCode.FAILED
            self._channel.send_now(messages.Proved(version))
            while not self._channel.is_closed:
                self._wait()
        return ExitCode.OK

    def _set_up(self) -> str | None:
        """Have every worker at its gate; returns the app's version. Raises BootError."""
        config = boot.load_config(self._order.paths)
        queues = tuple(spec.queues for spec in config.workers)
        self._channel.send_now(messages.Loaded(queues, config.boot_timeout, config.stop_timeout))
        version = boot.load_application(config, self._clock)
        self._waiter.watch(self._channel)
        self._waiter.watch(self._signals)
        try:
            for slot, spec in enumerate(config.workers):
                self._channel.send_now(messages.Started(slot, self._fork(config, spec)))
        except OSError as error:
            raise BootError(f"cannot fork: {error}", is_config_unreadable=False) from error
        while not (self._channel.is_closed or all(each.is_ready for each in self._processes)):
            self._wait()
            self._see_who_failed(config)
        return version

    def _fork(self, config: Config, spec: WorkerSpec) -> int:
        """Fork one worker; returns its pid. Raises OSError."""
        gate, ticket = Gate.pair()

        def body() -> int:
            gate.close()
            return self._work(config, spec, ticket)

        try:
            pid = fork_child(body)
        finally:
            ticket.close()
        self._waiter.watch(gate)
        self._processes.append(Process(pid, gate, self._clock))
        return pid

    def _work(self, config: Config, spec: WorkerSpec, ticket: Ticket) -> int:
        """In the forked child: let go of what is the rehearsal's, and be a canary for ever."""
        for other in self._processes:
            other.gate.close()
            other.gate.board.close()
        self._channel.close()
        self._waiter.close()
        self._signals.close()
        return run_worker(
            WorkerTask(
                spec=spec,
                config=config,
                ticket=ticket,
                lifeline=None,
                file_limit=self._order.file_limit,
                is_canary=True,
                follow_log=_nothing,
            )
        )

    def _wait(self) -> None:
        """Wait for news, and take it in; whatever the master's place says is not for us."""
        self._waiter.wait(None)
        self._signals.drain()
        self._channel.receive()
        for process in self._processes:
            process.listen()
            if process.gate.is_closed:
                self._waiter.forget_if_watched(process.gate)

    def _see_who_failed(self, config: Config) -> None:
        """Raise BootError if a worker has said that it cannot start, or has ended."""
        for process, spec in zip(self._processes, config.workers, strict=True):
            status = reaper.reap(process.pid)
            if status is not None:
                process.listen()  # its last words may have come after we had listened
                silent = f"a worker for {','.join(spec.queues)} ended too soon: {status}"
                raise BootError(process.failure or silent, is_config_unreadable=False)


def _nothing() -> None:
    """There is no log file to follow."""
