"""The master: wiring, and the loop that keeps a pool as its configuration wants it."""

import logging
from signal import Signals

from resqued import __version__
from resqued.clock import Clock
from resqued.exit_codes import ExitCode
from resqued.ipc import messages
from resqued.master.generations import Stage
from resqued.master.listeners import Listeners
from resqued.master.options import Options, StartReport
from resqued.master.pool import Pool
from resqued.master.shutdown import Shutdown, Urgency
from resqued.process import kernel, signals
from resqued.process.signals import SignalInbox
from resqued.process.start_context import StartContext
from resqued.process.title import set_title
from resqued.process.waiter import Waiter

log = logging.getLogger(__name__)

_STOPPING = (Signals.SIGQUIT, Signals.SIGTERM, Signals.SIGINT)
#: Must not end the master, whose life the workers hang on: containers and systemd send them.
_HARMLESS = (Signals.SIGHUP, Signals.SIGUSR1, Signals.SIGUSR2, Signals.SIGCONT)


class Master:
    """The long-lived process above all others. It never blocks but in ``tick``'s wait."""

    def __init__(
        self, options: Options, context: StartContext, clock: Clock, report: StartReport
    ) -> None:
        self._options = options
        self._waiter = Waiter()
        self._signals = SignalInbox((*_STOPPING, *_HARMLESS, Signals.SIGCHLD))
        self._listeners = Listeners(options, context, clock, report, self._waiter)
        self._generations = self._listeners.generations
        self._pool = Pool(self._generations, self._waiter, clock)
        self._shutdown = Shutdown(clock)
        self._title = ""

    def run(self) -> ExitCode:
        """Supervise until told to stop and all is gone, or until there is nothing to run."""
        kernel.become_subreaper()
        with self._signals:
            self._waiter.watch(self._signals)
            while not self._is_done:
                self.tick()
        self._waiter.close()
        self._listeners.close()
        if self._listeners.has_given_up:
            return ExitCode.FAILED
        log.info("resqued ends")
        return ExitCode.OK

    def tick(self) -> None:
        """Do one round: act on what is the case, wait for news, take the news in."""
        if self._shutdown.is_asked_for:
            self._escalate()
        else:
            self._listeners.start_if_due()
            self._pool.grant()
            self._pool.retire()
        self._show_title()
        self._listeners.watch_output()
        ready = self._waiter.wait(self._patience)
        # Before anything is reaped: who ends after that must be able to wake the next wait.
        received = self._signals.drain()
        self._listeners.read()
        self._pool.notice_ends(ready)
        self._listeners.reap()
        self._generations.forget_empty()
        self._obey(received)

    @property
    def _is_done(self) -> bool:
        if self._listeners.has_given_up:
            return True
        return self._shutdown.is_asked_for and (
            self._options.fast_exit or self._generations.is_empty
        )

    @property
    def _patience(self) -> float | None:
        """Seconds until something is due that no descriptor reports; None: nothing is."""
        if self._shutdown.is_asked_for:
            return self._shutdown.wake_in(self._generations.stop_timeout)
        due = (self._listeners.next_start_in, self._pool.next_look_in)
        return min((seconds for seconds in due if seconds is not None), default=None)

    def _obey(self, received: list[Signals]) -> None:
        for number in received:
            if number in _STOPPING and self._shutdown.ask(number):
                log.info("%s received, stopping", number.name)
                self._pass_on()

    def _pass_on(self) -> None:
        """Tell everything below what was asked; a listener tells its own workers."""
        if self._shutdown.urgency is Urgency.KILL:
            self._order_kill()
            return
        for generation in self._generations.with_listener:
            signals.send(generation.pid, self._shutdown.signal)
            if generation.stage is Stage.RUNNING:
                generation.stage = Stage.LEAVING
        self._pool.signal_orphans(self._shutdown.signal)

    def _order_kill(self) -> None:
        for generation in self._generations.with_listener:
            generation.channel.send(messages.Kill())
        self._pool.signal_orphans(Signals.SIGKILL)

    def _escalate(self) -> None:
        """Kill what had its time: what is left of workers, a listener that hangs."""
        if self._shutdown.is_time_over(self._generations.stop_timeout):
            log.warning("Not all has stopped in time, killing what is left")
            self._order_kill()
        for generation in self._generations.with_listener:
            hangs = generation.stage is Stage.BOOTING and self._shutdown.must_kill_booting
            if hangs or self._shutdown.must_kill_listeners:
                signals.send(generation.pid, Signals.SIGKILL)
        if self._shutdown.must_kill_listeners:
            self._pool.signal_orphans(Signals.SIGKILL)

    def _show_title(self) -> None:
        title = (
            f"resqued-{__version__} master [gen {self._generations.last_number}]"
            f" [{len(self._generations.with_listener)} running] {' '.join(self._options.paths)}"
        )
        if title != self._title:
            self._title = title
            set_title(title)
