"""The master: wiring, and the loop that keeps a pool as its configuration wants it."""

import logging
from signal import Signals

from resqued import __version__
from resqued.clock import Clock
from resqued.control.socket_file import SocketFile
from resqued.exit_codes import ExitCode
from resqued.ipc import messages
from resqued.master import replace
from resqued.master.commands import Commands
from resqued.master.control import Control
from resqued.master.control_file import ControlFile
from resqued.master.health import HealthProcess
from resqued.master.listeners import Listeners
from resqued.master.options import FirstStart, Options
from resqued.master.pool import Pool
from resqued.master.replace import Replacement
from resqued.master.service import Service
from resqued.master.shutdown import Shutdown
from resqued.master.state import SCHEMA, SavedState, save_generations
from resqued.master.steering import Steering
from resqued.process import kernel, signals
from resqued.process.reaper import ExitStatus
from resqued.process.signals import HANDLED, SignalInbox
from resqued.process.start_context import StartContext
from resqued.process.title import set_title
from resqued.process.waiter import Waiter

log = logging.getLogger(__name__)


class Master:
    """The long-lived process above all others. It never blocks but in ``tick``'s wait."""

    def __init__(
        self,
        options: Options,
        context: StartContext,
        clock: Clock,
        report: FirstStart,
        resumed: SavedState | None = None,
        control: SocketFile | None = None,
    ) -> None:
        """Prepare to start, or to go on from ``resumed``, what this process was before an exec.

        ``control`` is the file of the socket that the options name.
        """
        self._options = options
        self._context = context
        self._clock = clock
        self._resumed = resumed
        self._waiter = Waiter()
        self._signals = SignalInbox(HANDLED)
        self._listeners = Listeners(options, context, clock, report, self._waiter, resumed)
        self._generations = self._listeners.generations
        self._watching = self._listeners.watching
        self._launcher = self._listeners.launcher
        self._pool = Pool(self._generations, clock)
        self._steering = Steering(self._listeners, self._pool, clock)
        self._shutdown = Shutdown(clock)
        self._commands = Commands(self._steering, self._shutdown, self._listeners, self._pool)
        self._control = Control(
            options, context.folder, self._commands, self._listeners, self._waiter, clock
        )
        self._control_file = ControlFile(control, clock, self._control.listen_anew)
        self._service = Service(
            options.manager, self._listeners, self._commands, self._shutdown, clock
        )
        self._health = HealthProcess(options, context, self._launcher.lifeline.reader, clock)
        self._replacement: Replacement | None = None
        self._title = ""

    def run(self) -> ExitCode:
        """Supervise until told to stop and all is gone, or until there is nothing to run."""
        kernel.become_subreaper()
        with self._signals:
            self._waiter.watch(self._signals)
            if self._resumed is not None:
                self._go_on(self._resumed)
            while not self._is_done:
                self.tick()
            self._service.tell()
        if self._replacement is not None:
            self._replacement.end()
        self._health.end()
        self._control.close()
        self._waiter.close()
        self._listeners.close()
        if self._listeners.verdicts.has_given_up:
            return ExitCode.FAILED
        log.info("resqued ends", extra={"event": "master_ended"})
        return ExitCode.OK

    def tick(self) -> None:
        """Do one round: act on what is the case, wait for news, take the news in."""
        self._commands.carry_on()
        self._listeners.kill_hanging()
        self._watching.watch_missing(may_take_last=self._shutdown.is_asked_for)
        self._replace_if_wanted()
        self._health.keep()
        self._control_file.keep()
        self._show_title()
        self._service.tell()
        self._listeners.watch_output()
        ready = self._waiter.wait(self._patience)
        # Before anything is reaped: who ends after that must be able to wake the next wait.
        received = self._signals.drain()
        self._listeners.read()
        self._watching.notice_ends(ready)
        may_be_replaced = self._reap()
        self._generations.forget_empty()
        self._service.hear(received)
        self._control_file.hear(received)
        for number in received:
            self._commands.obey(number)
        self._control.serve(ready)
        if may_be_replaced:
            self._become_installed()

    @property
    def _is_done(self) -> bool:
        if self._listeners.verdicts.has_given_up:
            return True
        return self._shutdown.is_asked_for and (
            self._options.fast_exit or self._generations.is_empty
        )

    @property
    def _patience(self) -> float | None:
        """Seconds until something is due that no descriptor reports; None: nothing is."""
        due = [
            self._listeners.next_deadline_in,
            self._watching.next_try_in,
            self._commands.next_step_in,
            self._control.next_step_in,
            self._control_file.due_in,
            self._service.due_in,
            self._health.due_in,
        ]
        if self._replacement is not None:
            due.append(self._replacement.due_in)
        return min((seconds for seconds in due if seconds is not None), default=None)

    def _reap(self) -> bool:
        """Take in who has ended; True if that was a probe that found the installed program fit."""
        verdicts = [self._stranger_ended(status) for status in self._listeners.reap()]
        return any(verdicts)

    def _stranger_ended(self, status: ExitStatus) -> bool:
        """Take in the end of an adopted process, or of a probe; True if that found all well."""
        if self._health.takes_in(status):
            return False
        replacement = self._replacement
        if replacement is None or status.pid != replacement.pid:
            fields = {"event": "process_reaped", "reaped": status.pid, "status": str(status)}
            log.debug("Reaped process %d: %s", status.pid, status, extra=fields)
            if status.signal is not None:  # what an adopted worker has left must not run unseen
                signals.send_group(status.pid, Signals.SIGKILL)
            return False
        self._replacement = None
        return replacement.is_good(status)

    # --- re-exec ---------------------------------------------------------------------------

    def _replace_if_wanted(self) -> None:
        """See to the probe, or start it if one is wanted: not before the first start is reported.

        Who waits for that report would wait for a program that is no more.
        """
        if self._replacement is not None:
            self._replacement.end_if_overdue()
        elif self._commands.wants_replacement and self._listeners.verdicts.has_loaded_once:
            self._commands.wants_replacement = False
            if not self._shutdown.is_asked_for:
                self._start_probe()

    def _start_probe(self) -> None:
        try:
            self._replacement = Replacement(self._context, self._state(), self._clock)
        except OSError as error:
            text = "Cannot start %s: %s; this master goes on"
            fields = {"event": "replacement_failed", "reason": str(error)}
            log.error(text, self._context.program, error, extra=fields)  # noqa: TRY400

    def _become_installed(self) -> None:
        """Exec the installed program; signals are held back, so that none falls between.

        If another USR1 came since the probe began, what is installed may have changed: it is
        probed anew.
        """
        if self._shutdown.is_asked_for or self._commands.wants_replacement:
            return
        self._service.tell()  # what was heard in this round; the next program has not heard it
        self._health.leave()
        with signals.blocked():
            pending = self._signals.drain()
            replace.become(self._context, self._state(pending))
        for received in pending:
            self._commands.obey(received)

    def _state(self, pending: list[Signals] | None = None) -> SavedState:
        owner, fallback = self._generations.owner, self._generations.fallback
        lifeline = self._launcher.lifeline
        return SavedState(
            schema=SCHEMA,
            protocol=messages.MAJOR,
            options=self._options,
            program=self._context.program,
            folder=self._context.folder,
            lifeline=(lifeline.reader, lifeline.writer),
            file_limit=self._launcher.file_limit,
            generations=save_generations(self._generations),
            last_number=self._generations.last_number,
            owner=owner.number if owner else None,
            fallback=fallback.number if fallback else None,
            is_paused=self._commands.is_paused,
            pending=tuple(pending or ()),
            listener_ends=self._listeners.ends,
            reloads=self._listeners.reloads.known,
            reload_tallies=self._listeners.reloads.tallies,
            figures=self._listeners.former_figures,
        )

    def _go_on(self, state: SavedState) -> None:
        fields = {"event": "master_replaced", "version": __version__}
        log.info("resqued %s has taken over from itself", __version__, extra=fields)
        self._listeners.resume()
        self._commands.go_on(is_paused=state.is_paused)
        self._service.hear(state.pending)
        for number in state.pending:
            self._commands.obey(number)
        # What ended meanwhile will not be reported by a signal again.
        self._listeners.read()
        self._reap()

    def _show_title(self) -> None:
        paused = " [paused]" if self._commands.is_paused else ""
        title = (
            f"resqued-{__version__} master [gen {self._generations.last_number}]"
            f" [{len(self._generations.with_listener)} running]{paused}"
            f" {' '.join(self._options.paths)}"
        )
        if title != self._title:
            self._title = title
            set_title(title)
