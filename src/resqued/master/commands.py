"""What the master was asked for, and what follows from it: one method each."""

import logging
from enum import Enum
from signal import Signals

from resqued.ipc import messages
from resqued.master.cap import Live
from resqued.master.generation import Generation, Stage
from resqued.master.listeners import Listeners
from resqued.master.places import PoolPlaces
from resqued.master.pool import Pool
from resqued.master.shutdown import Shutdown, Urgency
from resqued.master.steering import Steering
from resqued.process import signals

log = logging.getLogger(__name__)


class Mode(Enum):
    """What the master is about."""

    WORKING = "working"  #: keeps a generation running
    PAUSED = "paused"  #: told by USR2 to have no workers; goes on at CONT
    STOPPING = "stopping"  #: on its way out, for which there is no way back


class Commands:
    """Obeys signals, and carries on with what they have set in motion."""

    def __init__(
        self, steering: Steering, shutdown: Shutdown, listeners: Listeners, pool: Pool
    ) -> None:
        self._steering = steering
        self._shutdown = shutdown
        self._listeners = listeners
        self._generations = listeners.generations
        self._pool = pool
        self._mode = Mode.WORKING
        #: Whether the master is to be replaced by the installed program; for the master to see.
        self.wants_replacement = False

    @property
    def is_paused(self) -> bool:
        """Whether there are to be no workers for now."""
        return self._mode is Mode.PAUSED

    @property
    def mode(self) -> Mode:
        """What the master is about."""
        return self._mode

    def restart(self, live: Live) -> None:
        """Have one of the owner's workers replaced when its job is done; for a working master."""
        log.info(
            "Worker in slot %d of generation %d is restarted",
            live.slot,
            live.generation,
            extra={
                "event": "restart_requested",
                "generation": live.generation,
                "slot": live.slot,
            },
        )
        self._pool.restart(live)

    def scale(self, generation: Generation, pool: PoolPlaces, size: int) -> None:
        """Have a pool of the owner get another size, for a working master.

        How many workers there are changes afterwards, as with a reload: by the cap and the floor.
        """
        log.info(
            "Pool %.200r of generation %d is scaled from %d to %d",
            pool.name,
            generation.number,
            pool.size,
            size,
            extra={
                "event": "scale_requested",
                "generation": generation.number,
                "pool": pool.name,
                "was": pool.size,
                "size": size,
            },
        )
        self._pool.scale(generation, pool.name, size)

    def obey(self, received: Signals, by: str = "") -> None:
        """Do what a signal asks; stopping never goes back, so then most ask nothing.

        ``by`` is for the log: what stands in the signal's place, if it was none.
        """
        by = by or f"{received.name} received"
        match received:
            case Signals.SIGQUIT | Signals.SIGTERM | Signals.SIGINT:
                self._stop(received, by)
            case Signals.SIGHUP if self._mode is Mode.WORKING:
                log.info("%s, reloading", by, extra={"event": "reload_requested"})
                self._steering.reload()
            case Signals.SIGUSR1 if self._mode is not Mode.STOPPING:
                fields = {"event": "replacement_requested"}
                log.info("%s, replacing this master", by, extra=fields)
                self.wants_replacement = True
            case Signals.SIGUSR2 if self._mode is Mode.WORKING:
                self._pause(by)
            case Signals.SIGCONT if self._mode is not Mode.STOPPING:
                self._resume(by)
            case _:
                pass  # SIGCHLD has done its work by waking us; logs reopen by themselves

    def go_on(self, *, is_paused: bool) -> None:
        """Go on after an exec: paused as before, or with a reload."""
        if is_paused:
            self._mode = Mode.PAUSED
        else:
            self._steering.reload()

    def carry_on(self) -> None:
        """Do what is due now."""
        match self._mode:
            case Mode.WORKING:
                self._steering.step()
            case Mode.STOPPING:
                self._escalate()
                self._steering.look_after_listeners()
            case Mode.PAUSED:
                self._steering.look_after_listeners()

    @property
    def next_step_in(self) -> float | None:
        """Seconds until ``carry_on`` has something to do; None: only after other news."""
        match self._mode:
            case Mode.WORKING:
                return self._steering.next_step_in
            case Mode.STOPPING:
                wake_in = self._shutdown.wake_in(self._generations.stop_timeout)
                due = [wake_in, self._steering.next_look_in]
                return min((seconds for seconds in due if seconds is not None), default=None)
            case Mode.PAUSED:
                return self._steering.next_look_in

    def _pause(self, by: str) -> None:
        log.info("%s, pausing", by, extra={"event": "pause_requested"})
        self._listeners.reloads.abandon("the pool was paused")
        self._mode = Mode.PAUSED
        self._steering.stop_all(Signals.SIGQUIT)
        self._pool.signal_orphans(Signals.SIGQUIT)

    def _resume(self, by: str) -> None:
        if self._mode is Mode.PAUSED:
            log.info("%s, resuming", by, extra={"event": "resume_requested"})
            self._mode = Mode.WORKING
            self._listeners.start()
        for generation in self._generations.with_listener:
            if generation.stage is Stage.PROVED:
                signals.send(generation.pid, Signals.SIGCONT)

    def _stop(self, received: Signals, by: str) -> None:
        if not self._shutdown.ask(received):
            return
        fields = {"event": "stop_requested", "signal": received.name}
        log.info("%s, stopping", by, extra=fields)
        self._listeners.reloads.abandon("the pool stops")
        self._mode = Mode.STOPPING
        if self._shutdown.urgency is Urgency.KILL:
            self._order_kill()
        else:
            self._steering.stop_all(self._shutdown.signal)
            self._pool.signal_orphans(self._shutdown.signal)

    def _order_kill(self) -> None:
        for generation in self._generations.with_listener:
            generation.channel.send(messages.Kill())
        self._pool.signal_orphans(Signals.SIGKILL)

    def _escalate(self) -> None:
        """Kill what had its time: what is left of workers, a listener that hangs."""
        if self._shutdown.escalate_if_due(self._generations.stop_timeout):
            log.warning(
                "Not all has stopped in time, killing what is left",
                extra={"event": "stop_escalated"},
            )
            self._order_kill()
        if self._shutdown.must_kill_listeners:
            for generation in self._generations.with_listener:
                signals.send(generation.pid, Signals.SIGKILL)
            self._pool.signal_orphans(Signals.SIGKILL)
