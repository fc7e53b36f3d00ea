"""Start listeners, see that they leave in time, and notice when they end."""

import logging
from signal import Signals

from resqued.backoff import Backoff
from resqued.clock import Clock
from resqued.figures import NO_FIGURES, Figures
from resqued.master.generation import Generation, Stage
from resqued.master.generations import Generations
from resqued.master.hearing import Hearing
from resqued.master.launcher import Launcher
from resqued.master.options import FirstStart, Options
from resqued.master.reloads import Reloads
from resqued.master.scaling import log_lost_sizes
from resqued.master.state import Ends, SavedState, restore_generations
from resqued.master.verdicts import Verdicts
from resqued.master.watching import Watching
from resqued.process import signals
from resqued.process.reaper import ExitStatus, reap_all
from resqued.process.start_context import StartContext
from resqued.process.waiter import Waiter

log = logging.getLogger(__name__)

#: How often a reload tries to start its listener: with the pauses in between, for 7 s at least.
START_TRIES = 4


class Listeners:
    """The master's side of every listener, from its start to its end."""

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
        self._clock = clock
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
        self.generations = restore_generations(resumed) if resumed else Generations()
        self.watching = Watching(self.generations, waiter, clock)
        self.verdicts = Verdicts(
            self.generations, self.reloads, report, has_loaded_once=resumed is not None
        )
        self._hearing = Hearing(self.generations, self.watching, self.reloads, self.verdicts, clock)
        self.launcher = Launcher(options, context, resumed)

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
            self.verdicts.failed(number, None, f"cannot start its listener: {reason}")
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
            if self.verdicts.has_loaded_once:
                reason = f"it has not proved itself within {seconds} s (boot_timeout)"
                self.verdicts.failed(generation.number, generation.pid, reason)
            else:
                self.verdicts.give_up(
                    f"the configuration was not read within {seconds} s (boot_timeout)"
                )

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
        pid, channel = self.launcher.launch()
        generation = self.generations.add(pid, channel, self._clock.now())
        self._waiter.watch(channel)
        number = generation.number
        fields = {"event": "listener_started", "generation": number, "listener": pid}
        log.debug("Started listener #%d (pid %d)", number, pid, extra=fields)
        channel.send(self.launcher.order(number))

    def watch_output(self) -> None:
        """Have the next wait end also when a listener takes what it had no room for."""
        for generation in self.generations.with_listener:
            channel = generation.channel
            if not channel.is_closed:
                self._waiter.watch_writing(channel, wanted=channel.has_output)

    def read(self) -> None:
        """Take in what the listeners have sent, and send what they had no room for."""
        for generation in self.generations.with_listener:
            self._hearing.read(generation)
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
        self.launcher.lifeline.close()

    def _ended(self, generation: Generation, status: ExitStatus) -> None:
        self._hearing.read(generation)  # its last words
        untold = generation.stage is not Stage.LEAVING
        expected = not (untold or generation.has_failed)
        self._say_ended(generation, status, untold=untold)
        # That one could not start, its reload tells, and why. One that died untold counts anyway.
        if untold or (generation.has_failed and not self.reloads.has_failed(generation.number)):
            self.ends = Ends(self.ends.count + 1, generation.number, str(status))
        self.former_figures = self.former_figures.plus(generation.figures)
        generation.figures = NO_FIGURES  # workers may outlive it, and keep it known
        self._waiter.forget_if_watched(generation.channel)
        self.generations.lost(generation)
        generation.listener_ended()
        # While another works, nothing is to be started, and no pause grows.
        if expected or self.generations.owner is None:
            self._backoff.ended(expected=expected, started_at=generation.started_at)
        if untold and status.signal is None and not self.verdicts.has_loaded_once:
            reason = f"the process that reads the configuration left early: {status}"
            self.verdicts.give_up(reason)

    def _say_ended(self, generation: Generation, status: ExitStatus, *, untold: bool) -> None:
        fields = {
            "event": "listener_ended",
            "generation": generation.number,
            "listener": generation.pid,
            "status": str(status),
            "expected": not untold,
        }
        if generation.stage is Stage.BOOTING and self.verdicts.has_loaded_once:
            reason = f"its listener (pid {status.pid}) ended early: {status}"
            self.verdicts.failed(generation.number, generation.pid, reason)
        elif untold:
            reason = f"its listener (pid {status.pid}) ended untold: {status}"
            self.reloads.failed(generation.number, reason)
            text = "Listener #%d (pid %d) ended untold: %s"
            log.error(text, generation.number, status.pid, status, extra=fields)
            if generation is self.generations.owner:
                log_lost_sizes(generation)
        elif not self.verdicts.has_given_up:  # the reason given then is to stand alone
            log.info("Listener #%d (pid %d) ended", generation.number, status.pid, extra=fields)
