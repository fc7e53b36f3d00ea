"""What the service manager is told of the master, once a round of its loop (sd_notify(3)).

It is read off the state of things, so nothing else in the master knows that anybody is told.
"""

import os
from collections.abc import Iterable
from enum import Enum
from signal import Signals

from resqued.clock import Clock
from resqued.master import status_line
from resqued.master.commands import Commands
from resqued.master.listeners import Listeners
from resqued.master.shutdown import Shutdown
from resqued.process.notify import Manager, Notifier

#: Seconds until something is told again for which the manager had no room.
RETRY_AFTER = 1.0
#: Seconds between two signs of life at least, however often they are wanted.
_SHORTEST_PAUSE = 0.01


class Phase(Enum):
    """What the service manager believes, as far as it was told."""

    STARTING = "starting"  #: no generation has proved itself yet
    READY = "ready"  #: what was asked for is done, well or not
    RELOADING = "reloading"  #: a reload was begun, whose outcome is open
    STOPPING = "stopping"  #: the master is on its way out


class Service:
    """Keeps the service manager up to date, in the master; does nothing where there is none."""

    def __init__(
        self,
        manager: Manager | None,
        listeners: Listeners,
        commands: Commands,
        shutdown: Shutdown,
        clock: Clock,
    ) -> None:
        self._notifier = Notifier(manager.address) if manager else None
        self._must_introduce = manager is not None and manager.wants_pid
        self._pause: float | None = None  #: seconds between two signs of life
        if manager is not None and manager.watchdog is not None:
            self._pause = max(manager.watchdog / 2, _SHORTEST_PAUSE)
        self._listeners = listeners
        self._generations = listeners.generations
        self._commands = commands
        self._shutdown = shutdown
        self._clock = clock
        self._phase = Phase.STARTING
        self._reload_is_asked = False  #: by a signal, whatever became of it
        self._last_reload = 0  #: the number of the newest generation that a reload was told for
        self._status = ""
        self._next_sign = clock.now()
        self._is_behind = False  #: whether something could not be told

    @property
    def due_in(self) -> float | None:
        """Seconds until ``tell`` has something to say for which nothing need happen; or None."""
        due = [RETRY_AFTER] if self._is_behind else []
        if self._pause is not None:
            due.append(max(0.0, self._next_sign - self._clock.now()))
        return min(due, default=None)

    def hear(self, received: Iterable[Signals]) -> None:
        """Take in which signals the master obeys now.

        Whoever sends HUP may wait for a reload that a paused master does not even begin.
        """
        if Signals.SIGHUP in received:
            self._reload_is_asked = True

    def tell(self) -> None:
        """Tell what has changed, in the order in which it has; never waits, and raises nothing."""
        if self._notifier is None:
            return
        self._is_behind = False
        if self._must_introduce:
            self._must_introduce = not self._send(f"MAINPID={os.getpid()}")
        self._tell_phase()
        self._tell_status()
        self._give_sign_of_life()

    def _tell_phase(self) -> None:
        if self._shutdown.is_asked_for:
            if self._phase is not Phase.STOPPING:
                self._enter(Phase.STOPPING, "STOPPING=1")
            return
        booting = self._generations.booting
        if self._reload_is_asked or self._is_reload_new:
            # The manager compares it with the time of its own signal, on the same clock.
            moment = int(self._clock.now() * 1_000_000)
            if self._enter(Phase.RELOADING, "RELOADING=1", f"MONOTONIC_USEC={moment}"):
                self._reload_is_asked = False
                self._last_reload = booting.number if booting else self._last_reload
        if self._phase in (Phase.STARTING, Phase.RELOADING) and self._is_settled:
            self._enter(Phase.READY, "READY=1")

    @property
    def _is_reload_new(self) -> bool:
        """Whether a generation loads beside one that works, which was not told yet."""
        booting, owner = self._generations.booting, self._generations.owner
        return booting is not None and owner is not None and booting.number != self._last_reload

    @property
    def _is_settled(self) -> bool:
        """Whether nothing loads, or waits to; how that went is another matter."""
        if self._commands.is_paused:
            return True
        is_loading = self._generations.booting or self._listeners.next_start_in is not None
        return self._generations.owner is not None and not is_loading

    def _tell_status(self) -> None:
        line = status_line.describe(
            self._generations,
            self._listeners.verdicts.last_failure,
            is_paused=self._commands.is_paused,
            is_stopping=self._shutdown.is_asked_for,
        )
        if line != self._status and self._send(f"STATUS={line}"):
            self._status = line

    def _give_sign_of_life(self) -> None:
        now = self._clock.now()
        if self._pause is not None and now >= self._next_sign and self._send("WATCHDOG=1"):
            self._next_sign = now + self._pause

    def _enter(self, phase: Phase, *lines: str) -> bool:
        is_told = self._send(*lines)
        if is_told:
            self._phase = phase
        return is_told

    def _send(self, *lines: str) -> bool:
        assert self._notifier is not None
        is_told = self._notifier.send(*lines)
        self._is_behind = self._is_behind or not is_told
        return is_told
