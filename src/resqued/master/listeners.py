"""Start listeners, hear what they say, and notice when they end."""

import logging

from resqued import __version__
from resqued.backoff import Backoff
from resqued.clock import Clock
from resqued.exit_codes import ExitCode
from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.master.generations import Generation, Generations, Stage
from resqued.master.options import Options, StartReport
from resqued.process.lifeline import Lifeline
from resqued.process.reaper import ExitStatus, reap_all
from resqued.process.spawn import spawn_interpreter
from resqued.process.start_context import StartContext
from resqued.process.waiter import Waiter
from resqued.process.watch import ProcessWatch

log = logging.getLogger(__name__)

#: What the master runs in a fresh interpreter for each generation.
LISTENER_MODULE = "resqued.cli.listener"


class Listeners:
    """The master's side of every listener: its start, its messages, its end."""

    def __init__(
        self,
        options: Options,
        context: StartContext,
        clock: Clock,
        report: StartReport,
        waiter: Waiter,
    ) -> None:
        self._options = options
        self._context = context
        self._report = report
        self._waiter = waiter
        self._backoff = Backoff(clock)
        self._lifeline = Lifeline()
        self._has_loaded_once = False
        self.generations = Generations()
        #: Set when there is no configuration to go on with.
        self.has_given_up = False

    @property
    def next_start_in(self) -> float | None:
        """Seconds until a listener must be started; None while there is one."""
        return None if self.generations.current else self._backoff.due_in

    def start_if_due(self) -> None:
        """Start a listener if there is none and its backoff allows it."""
        if self.next_start_in == 0.0:
            self._backoff.started()
            try:
                self._start()
            except OSError as error:
                log.error("Cannot start a listener: %s", error)  # noqa: TRY400 - the line says all
                self._backoff.ended(expected=False)

    def _start(self) -> None:
        channel, theirs = Channel.pair()
        with theirs:
            inherit = (theirs.fileno(), self._lifeline.reader, *self._options.inherit)
            arguments = [str(descriptor) for descriptor in inherit]
            try:
                pid = spawn_interpreter(self._context, LISTENER_MODULE, arguments, inherit)
            except OSError:
                channel.close()
                raise
        generation = self.generations.add(pid, channel)
        self._waiter.watch(channel)
        log.debug("Started listener #%d (pid %d)", generation.number, pid)
        channel.send(
            messages.Boot(
                generation.number,
                self._options.paths,
                self._context.folder,
                self._options.log_path,
            )
        )

    def watch_output(self) -> None:
        """Have the next wait end also when a listener takes what it had no room for."""
        for generation in self.generations.with_listener:
            channel = generation.channel
            if not channel.is_closed:
                self._waiter.watch_writing(channel, wanted=channel.has_output)

    def read(self) -> None:
        """Take in what the listeners have sent, and send what they had no room for."""
        for generation in self.generations.with_listener:
            self._read(generation)
            if generation.channel.is_closed:
                self._waiter.forget_if_watched(generation.channel)

    def reap(self) -> None:
        """Take in which children have ended, adopted ones and strangers included."""
        for status in reap_all():
            generation = self.generations.by_pid(status.pid)
            if generation is None:
                log.debug("Reaped process %d: %s", status.pid, status)
            else:
                self._ended(generation, status)

    def close(self) -> None:
        """Let go of the lifeline: every process below that still runs leaves by itself."""
        self._lifeline.close()

    def _read(self, generation: Generation) -> None:
        generation.channel.flush()
        for message in generation.channel.receive():
            self._take(generation, message)

    def _take(self, generation: Generation, message: messages.Message) -> None:
        match message:
            case messages.Loaded():
                self._loaded(generation, message)
            case messages.BootFailed():
                self._boot_failed(generation, message)
            case messages.Running():
                generation.running()
                log.info("Listener #%d (pid %d) runs", generation.number, generation.pid)
            case messages.Ask(slot):
                generation.ask(slot)
            case messages.Started(slot, pid):
                self._worker_started(generation, slot, pid)
            case messages.NotStarted(slot):
                generation.give_back(slot)
            case messages.WorkerReady(slot):
                generation.worker_ready(slot)
            case _:
                log.warning("Listener #%d sent what only a master says", generation.number)

    def _loaded(self, generation: Generation, message: messages.Loaded) -> None:
        generation.loaded(message.workers, message.stop_timeout)
        if not self._has_loaded_once:
            self._has_loaded_once = True
            log.info("resqued %s runs, %d workers configured", __version__, len(message.workers))
            self._report.started()

    def _boot_failed(self, generation: Generation, message: messages.BootFailed) -> None:
        generation.stage = Stage.FAILED
        if message.is_config_unreadable and not self._has_loaded_once:
            self._give_up(message.reason)
        else:
            log.error("Listener #%d cannot start:\n%s", generation.number, message.reason)

    def _give_up(self, reason: str) -> None:
        self.has_given_up = True
        self._report.failed(reason)

    def _worker_started(self, generation: Generation, slot: int, pid: int) -> None:
        """Watch a new worker before its listener may reap it, so that no end is missed."""
        if not generation.has_open_grant(slot):
            log.error("Listener #%d started worker %d untold", generation.number, pid)
            return
        try:
            watch = ProcessWatch(pid)
        except ProcessLookupError:
            generation.give_back(slot)
        else:
            self._waiter.watch(watch)
            generation.worker_started(slot, watch)
        generation.channel.send(messages.Watched(pid))

    def _ended(self, generation: Generation, status: ExitStatus) -> None:
        self._read(generation)  # its last words
        expected = generation.stage is Stage.LEAVING and status.code == ExitCode.OK
        level = logging.INFO if expected else logging.ERROR
        log.log(level, "Listener #%d (pid %d) ended: %s", generation.number, status.pid, status)
        self._waiter.forget_if_watched(generation.channel)
        generation.listener_ended()
        self._backoff.ended(expected=expected)
        if status.signal is None and not self._has_loaded_once and not self.has_given_up:
            self._give_up(f"the process that reads the configuration left early: {status}")
