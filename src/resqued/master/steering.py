"""A reload, from the first listener of the new generation to the end of the old one."""

import logging
from signal import Signals

from resqued.clock import Clock
from resqued.ipc import messages
from resqued.master.generation import Generation, Stage
from resqued.master.listeners import Listeners
from resqued.master.pool import Pool

log = logging.getLogger(__name__)

#: Failed starts in a row after which a new generation gives way to the one before it.
TOO_MANY = 3
#: Seconds between two looks whether a listener still turns, and until it is said not to.
PING_EVERY = 5.0
SILENT_AFTER = 12.0
#: What becomes of the workers of a listener that does not answer.
_GO_ON = "go on; those that die are not replaced until it answers"
_TOLD = "were told to leave by the master itself"


class Steering:
    """Moves the workers from generation to generation, one step a round."""

    def __init__(self, listeners: Listeners, pool: Pool, clock: Clock) -> None:
        self._listeners = listeners
        self._generations = listeners.generations
        self._pool = pool
        self._clock = clock
        self._next_ping = 0.0

    def reload(self) -> None:
        """Start the next generation beside the present one; one that still loads is given up."""
        self.give_up_booting()
        self._listeners.reloads.begin(self._generations.last_number + 1)
        self._listeners.start()

    def give_up_booting(self) -> None:
        """Stop a generation that has not proved itself yet."""
        booting = self._generations.booting
        if booting is not None:
            fields = {"event": "generation_abandoned", "generation": booting.number}
            log.info("Generation %d is given up before it was ready", booting.number, extra=fields)
            self._listeners.stop(booting, Signals.SIGQUIT)

    def stop_all(self, number: Signals) -> None:
        """Have every listener leave, with its workers; nothing is fallen back on any more."""
        for generation in self._generations.with_listener:
            self._listeners.stop(generation, number)

    def step(self) -> None:
        """Do what the present state of the generations calls for."""
        self._listeners.start_if_due()
        self._listeners.fail_overdue()
        self._go_back_if_failing()
        self._pool.grant()
        self._pool.retire()
        self._finish()
        self.look_after_listeners()

    @property
    def next_step_in(self) -> float | None:
        """Seconds until something is due that no descriptor reports; None: nothing is."""
        due = [self._listeners.next_start_in, self._pool.next_look_in, self.next_look_in]
        return min((seconds for seconds in due if seconds is not None), default=None)

    def look_after_listeners(self) -> None:
        """Ask the listeners now and then whether they turn; the application's hooks may hang.

        Those that leave as well: an order that one does not pass on its workers get from us.
        """
        now = self._clock.now()
        if now < self._next_ping:
            return
        self._next_ping = now + PING_EVERY
        for generation in self._generations.answering:
            self._report_if_silent(generation, now)
            if not generation.channel.has_output:  # or the questions would pile up for days
                generation.channel.send(messages.Ping())

    @property
    def next_look_in(self) -> float | None:
        """Seconds until the listeners are to be asked again; None: there is none to ask."""
        if not self._generations.answering:
            return None
        return max(0.0, self._next_ping - self._clock.now())

    def _go_back_if_failing(self) -> None:
        owner, fallback = self._generations.owner, self._generations.fallback
        if owner is None or fallback is None or owner.failed_starts < TOO_MANY:
            return
        log.error(
            "Generation %d failed: %d of its workers in a row did not get to work;"
            " generation %d takes over again",
            owner.number,
            owner.failed_starts,
            fallback.number,
            extra={
                "event": "generation_reverted",
                "generation": owner.number,
                "fallback": fallback.number,
                "failed_starts": owner.failed_starts,
            },
        )
        reason = f"{owner.failed_starts} of its workers in a row did not get to work"
        self._listeners.reloads.failed(owner.number, reason)
        self._generations.disown()

    def _finish(self) -> None:
        """Let go of the generations that have nothing left to do."""
        if self._generations.change_over():
            assert self._generations.owner is not None
            number = self._generations.owner.number
            fields = {"event": "generation_took_over", "generation": number}
            log.info("Generation %d has taken over", number, extra=fields)
        owner = self._generations.owner
        if owner is not None and self._generations.is_settled:
            self._listeners.reloads.done(owner.number)
        for generation in self._generations.superseded():
            self._listeners.stop(generation, Signals.SIGQUIT)

    def _report_if_silent(self, generation: Generation, now: float) -> None:
        if now - generation.heard_at >= SILENT_AFTER and not generation.is_silent:
            generation.is_silent = True
            generation.signal_told()
            is_leaving = generation.stage is Stage.LEAVING
            log.error(
                "Listener #%d (pid %d) does not answer: does an after_exit hook hang? Its workers"
                " %s",
                generation.number,
                generation.pid,
                _TOLD if is_leaving else _GO_ON,
                extra={
                    "event": "listener_silent",
                    "generation": generation.number,
                    "listener": generation.pid,
                },
            )
