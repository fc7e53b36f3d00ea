"""Start listeners, hear what they say, and notice when they end."""

import logging
from signal import Signals

from resqued import __version__
from resqued.backoff import Backoff
from resqued.clock import Clock
from resqued.figures import NO_FIGURES, Figures
from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.master.generation import Generation, Stage
from resqued.master.generations import Generations
from resqued.master.options import FirstStart, Options
from resqued.master.reloads import Reloads
from resqued.master.state import Ends, SavedState, restore_generations
from resqued.master.watching import Watching
from resqued.process import limits, signals
from resqued.process.lifeline import Lifeline
from resqued.process.reaper import ExitStatus, reap_all
from resqued.process.spawn import spawn_interpreter
from resqued.process.start_context import StartContext
from resqued.process.waiter import Waiter

log = logging.getLogger(__name__)

#: What the master runs in a fresh interpreter for each generation.
LISTENER_MODULE = "resqued.cli.listener"
#: How often a reload tries to start its listener: with the pauses in between, for 7 s at least.
START_TRIES = 4


class Listeners:
    """The master's side of every listener: its start, its messages, its end."""

    def __init__(
        self,
        options: Options,
        context: StartContext,
        clock: Clock,
        report: FirstStart,
        waiter: Waiter,
        resumed: SavedState | None,
    ) -> None:
        """Start with nothing, or go on with what ``resumed`` has."""
        self._options = options
        self._context = context
        self._clock = clock
        self._report = report
        self._waiter = waiter
        self._backoff = Backoff(clock)
        self.ends = resumed.listener_ends if resumed else Ends()
        #: What the listeners that have ended had counted.
        self.former_figures = resumed.figures if resumed else NO_FIGURES
        self.reloads = Reloads(
            clock,
            resumed.reloads if resumed else (),
            resumed.reload_tallies if resumed else (),
        )
        #: How often one that is wanted could not be started, in a row; 0: none is.
        self._failed_tries = 0
        self.lifeline = Lifeline(resumed.lifeline if resumed else None)
        self.file_limit = resumed.file_limit if resumed else limits.raise_file_limit()
        #: Whether a configuration was read, ever; before that, whoever started us waits for it.
        self.has_loaded_once = resumed is not None
        self.generations = restore_generations(resumed) if resumed else Generations()
        self.watching = Watching(self.generations, waiter, clock)
        #: Set when there is no configuration to go on with.
        self.has_given_up = False
        #: The last generation that failed, by its number, and why; None: none has.
        self.last_failure: tuple[int, str] | None = None

    @property
    def backoff(self) -> float:
        """Seconds until the next listener may be started, were one wanted."""
        return self._backoff.due_in

    @property
    def figures(self) -> Figures:
        """All that was counted under this master, as far as the listeners have said."""
        return self.former_figures.plus(*(each.figures for each in self.generations))

    @property
    def next_start_in(self) -> float | None:
        """Seconds until a listener must be started; None while one works or is on its way."""
        if self._failed_tries:
            return self._backoff.due_in
        if self.generations.owner or self.generations.booting or self.generations.failing:
            return None
        return self._backoff.due_in

    def start_if_due(self) -> None:
        """Start a listener if there is none and its backoff allows it."""
        if self.next_start_in == 0.0:
            self._try_to_start()

    def start(self) -> None:
        """Start a listener now: the next generation.

        One that cannot be is tried again: for a reload a few times, without a generation for ever.
        """
        self._failed_tries = 0
        self._try_to_start()

    def _try_to_start(self) -> None:
        self._backoff.started()
        try:
            self._start()
        except OSError as error:
            self._failed_tries += 1
            self._backoff.ended(expected=False)
            self._not_started(str(error))
        else:
            self._failed_tries = 0

    def _not_started(self, reason: str) -> None:
        if self._failed_tries >= START_TRIES and self.reloads.is_under_way:
            self._failed_tries = 0
            if self.generations.owner is not None:  # nothing is to be started, and no pause grows
                self._backoff.ended(expected=True)
            number = self.generations.skip()
            self._failed(number, None, f"cannot start its listener: {reason}")
        else:
            fields = {"event": "listener_start_failed", "reason": reason}
            log.error("Cannot start a listener, trying again: %s", reason, extra=fields)

    def stop(self, generation: Generation, number: Signals) -> None:
        """Tell a listener to stop; it tells its workers the same, or we do if it is silent."""
        if generation.has_listener:
            self.generations.lost(generation)
            generation.leave(self._clock.now(), number)
            signals.send(generation.pid, number)
            if generation.is_silent:
                generation.signal_told()

    def kill_hanging(self) -> None:
        """Kill the listeners that were told to stop while they loaded, and had their time."""
        for generation in self.generations.with_listener:
            if generation.kill_at is not None and self._clock.now() >= generation.kill_at:
                generation.kill_at = None
                signals.send(generation.pid, Signals.SIGKILL)

    def fail_overdue(self) -> None:
        """Give up a generation that has not proved itself in time."""
        generation = self.generations.booting
        if generation is not None and self._boot_time_left(generation) <= 0:
            seconds = f"{self._boot_timeout(generation):g}"
            generation.failed(self._clock.now())
            signals.send(generation.pid, Signals.SIGQUIT)
            if self.has_loaded_once:
                reason = f"it has not proved itself within {seconds} s (boot_timeout)"
                self._failed(generation.number, generation.pid, reason)
            else:
                self._give_up(f"the configuration was not read within {seconds} s (boot_timeout)")

    @property
    def next_deadline_in(self) -> float | None:
        """Seconds until a listener has to be seen to; None: none has."""
        now = self._clock.now()
        due = [g.kill_at - now for g in self.generations.with_listener if g.kill_at is not None]
        if self.generations.booting is not None:
            due.append(self._boot_time_left(self.generations.booting))
        return min(due, default=None)

    def _boot_time_left(self, generation: Generation) -> float:
        return generation.started_at + self._boot_timeout(generation) - self._clock.now()

    def _boot_timeout(self, generation: Generation) -> float:
        return generation.boot_timeout or self._options.boot_timeout

    def _start(self) -> None:
        self._context.enter()
        channel, theirs = Channel.pair()
        with theirs:
            inherit = (theirs.fileno(), self.lifeline.reader, *self._options.inherit)
            arguments = [str(descriptor) for descriptor in inherit]
            try:
                pid = spawn_interpreter(self._context, LISTENER_MODULE, arguments, inherit)
            except OSError:
                channel.close()
                raise
        generation = self.generations.add(pid, channel, self._clock.now())
        self._waiter.watch(channel)
        log.debug(
            "Started listener #%d (pid %d)",
            generation.number,
            pid,
            extra={"event": "listener_started", **_names(generation)},
        )
        channel.send(
            messages.Boot(
                generation.number,
                self.file_limit,
                self._options.paths,
                self._context.folder,
                self._options.log_path,
                self._options.log_format,
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

    def reap(self) -> list[ExitStatus]:
        """Take in which listeners have ended; returns what else has, adopted or not ours."""
        strangers = []
        for status in reap_all():
            generation = self.generations.by_pid(status.pid)
            if generation is None:
                strangers.append(status)
            else:
                self._ended(generation, status)
        return strangers

    def resume(self) -> None:
        """Go on with what was taken over from before an exec."""
        for generation in self.generations.with_listener:
            self._waiter.watch(generation.channel)
        self.watching.resume()

    def close(self) -> None:
        """Let go of the lifeline: every process below that still runs leaves by itself."""
        self.lifeline.close()

    def _read(self, generation: Generation) -> None:
        generation.channel.flush()
        for message in generation.channel.receive():
            self._take(generation, message)
        if generation.channel.foreign_major is not None:
            self._foreign(generation, generation.channel.foreign_major)

    def _take(self, generation: Generation, message: messages.Message) -> None:
        generation.heard_at = self._clock.now()
        generation.is_silent = False
        match message:
            case messages.Loaded():
                self._loaded(generation, message)
            case messages.BootFailed():
                self._boot_failed(generation, message)
            case messages.Proved(app_version):
                generation.app_version = app_version
                self._proved(generation)
            case messages.Pong():
                pass  # that it came is what counts
            case _:
                self._take_of_worker(generation, message)

    def _take_of_worker(self, generation: Generation, message: messages.Message) -> None:
        match message:
            case messages.Ask(slot):
                generation.ask(slot)
            case messages.Started(slot, pid):
                self.watching.started(generation, slot, pid)
            case messages.NotStarted(slot):
                generation.give_back(slot)
            case messages.WorkerReady(slot):
                generation.worker_ready(slot, self._clock.now())
            case messages.Seen():
                generation.seen = message
            case messages.Counted(figures):
                generation.figures = figures
            case messages.Scaled():
                self._scaled(generation, message)
            case _:
                log.warning(
                    "Listener #%d sent what only a master says",
                    generation.number,
                    extra={"event": "message_unexpected", **_names(generation)},
                )

    def _loaded(self, generation: Generation, message: messages.Loaded) -> None:
        generation.loaded(
            message.workers,
            message.boot_timeout,
            message.stop_timeout,
            message.version,
            message.pools,
        )
        if not self.has_loaded_once:
            self.has_loaded_once = True
            count = len(message.workers)
            log.info(
                "resqued %s runs, %d workers configured",
                __version__,
                count,
                extra={"event": "master_started", "version": __version__, "workers": count},
            )
            self._report.started()

    def _scaled(self, generation: Generation, message: messages.Scaled) -> None:
        generation.scaled(message)
        log.info(
            "Pool %.200r of generation %d has %d places",
            message.pool,
            generation.number,
            message.size,
            extra={
                "event": "pool_scaled",
                **_names(generation),
                "pool": message.pool,
                "size": message.size,
            },
        )

    def _proved(self, generation: Generation) -> None:
        if generation.stage is Stage.BOOTING:
            self.generations.proved(generation)
            self.reloads.proved(generation.number)
            log.info(
                "Listener #%d (pid %d) runs",
                generation.number,
                generation.pid,
                extra={"event": "generation_proved", **_names(generation)},
            )

    def _boot_failed(self, generation: Generation, message: messages.BootFailed) -> None:
        if generation.stage is not Stage.BOOTING:
            return  # it was given up before
        generation.failed(self._clock.now())
        if message.is_config_unreadable and not self.has_loaded_once:
            self._give_up(message.reason)
        else:
            self._failed(generation.number, generation.pid, message.reason)

    def _foreign(self, generation: Generation, major: int) -> None:
        reason = (
            f"the installed listener speaks protocol {major}, and this master"
            f" {messages.MAJOR}: stop resqued and start it anew"
        )
        self._boot_failed(generation, messages.BootFailed(reason, is_config_unreadable=True))

    def _failed(self, number: int, listener: int | None, reason: str) -> None:
        """Say in one block why a generation does not come, and what that means."""
        owner = self.generations.owner
        self.reloads.failed(number, reason)
        then = f"generation {owner.number} goes on" if owner else "trying again"
        fields = {
            "event": "generation_failed",
            "generation": number,
            "listener": listener,
            "reason": reason,
        }
        log.error("Generation %d failed, %s:\n%s", number, then, reason, extra=fields)
        self.last_failure = number, reason

    def _give_up(self, reason: str) -> None:
        self.has_given_up = True
        self.last_failure = self.generations.last_number, reason
        self._report.failed(reason)

    def _ended(self, generation: Generation, status: ExitStatus) -> None:
        self._read(generation)  # its last words
        untold = generation.stage is not Stage.LEAVING
        fields = {
            "event": "listener_ended",
            **_names(generation),
            "status": str(status),
            "expected": not untold,
        }
        if generation.stage is Stage.BOOTING and self.has_loaded_once:
            reason = f"its listener (pid {status.pid}) ended early: {status}"
            self._failed(generation.number, generation.pid, reason)
        elif untold:
            reason = f"its listener (pid {status.pid}) ended untold: {status}"
            self.reloads.failed(generation.number, reason)
            text = "Listener #%d (pid %d) ended untold: %s"
            log.error(text, generation.number, status.pid, status, extra=fields)
        elif not self.has_given_up:  # the reason given then is to stand alone
            log.info("Listener #%d (pid %d) ended", generation.number, status.pid, extra=fields)
        if untold or generation.has_failed:
            self.ends = Ends(self.ends.count + 1, generation.number, str(status))
        self.former_figures = self.former_figures.plus(generation.figures)
        generation.figures = NO_FIGURES  # workers may outlive it, and keep it known
        self._waiter.forget_if_watched(generation.channel)
        self.generations.lost(generation)
        generation.listener_ended()
        expected = not (untold or generation.has_failed)
        # While another works, nothing is to be started, and no pause grows.
        if expected or self.generations.owner is None:
            self._backoff.ended(expected=expected, started_at=generation.started_at)
        if untold and status.signal is None and not self.has_loaded_once:
            self._give_up(f"the process that reads the configuration left early: {status}")


def _names(generation: Generation) -> dict[str, int]:
    """Return the fields of a log record that say which listener it is about."""
    return {"generation": generation.number, "listener": generation.pid}
