"""What is answered over the control socket; one method for each verb (docs/control.md)."""

import logging
import os
import socket
from collections.abc import Callable, Iterable
from dataclasses import asdict
from signal import Signals

from resqued.clock import Clock
from resqued.control.protocol import Code, RefusedError, Request, unknown_verb
from resqued.control.server import Reply, Server
from resqued.ipc import messages
from resqued.master import scaling, snapshot
from resqued.master.cap import Phase
from resqued.master.commands import Commands, Mode
from resqued.master.listeners import Listeners
from resqued.master.options import Options
from resqued.master.reloads import Reload
from resqued.master.survey import Survey
from resqued.process.waiter import Source, Waiter

log = logging.getLogger(__name__)

Verb = Callable[[Request, Reply], None]


class Control:
    """The master's ear for those outside who may use its socket. No method ever waits."""

    def __init__(
        self,
        options: Options,
        folder: str,
        commands: Commands,
        listeners: Listeners,
        waiter: Waiter,
        clock: Clock,
    ) -> None:
        """Listen at the socket that ``options`` names; without one nobody will ask anything."""
        self._options = options
        self._folder = folder
        self._commands = commands
        self._listeners = listeners
        self._clock = clock
        self._survey = Survey(listeners.generations, clock)
        #: Who waits for the survey's end, and for what.
        self._curious: list[tuple[Reply, Callable[[], dict[str, object]]]] = []
        self._verbs: dict[str, Verb] = {
            "health": self._health,
            "status": self._status,
            "server": self._queue_server,
            "progress": self._progress,
            "reload": self._reload,
            "pause": self._pause,
            "resume": self._resume,
            "stop": self._stop,
            "restart": self._restart,
            "scale": self._scale,
            "reexec": self._reexec,
            "reopen-logs": self._reopen_logs,
        }
        self._server: Server | None = None
        if options.control_socket is not None:
            # A copy: the descriptor itself is the one that a re-exec hands over.
            listening = socket.socket(fileno=os.dup(options.control_socket))
            listening.setblocking(False)
            self._server = Server(listening, waiter, clock, self._answer)

    @property
    def next_step_in(self) -> float | None:
        """Seconds until ``serve`` has something to do that no descriptor reports; None: nothing."""
        due = [self._survey.due_in, self._server.next_step_in if self._server else None]
        return min((seconds for seconds in due if seconds is not None), default=None)

    def serve(self, ready: Iterable[Source]) -> None:
        """Do one round: take requests in, answer what can be answered."""
        if self._server is None:
            return
        self._server.serve(ready)
        if self._survey.is_under_way and self._survey.is_complete:
            self._answer_curious()
            self._server.watch_clients()

    def listen_anew(self) -> None:
        """Take clients in at what the descriptor leads to by now; see ``ControlFile``."""
        if self._server is not None and self._options.control_socket is not None:
            self._server.listen_anew(self._options.control_socket)

    def close(self) -> None:
        """Let go of all who are connected."""
        if self._server is not None:
            self._server.close()

    def _answer(self, request: Request, reply: Reply) -> None:
        verb = self._verbs.get(request.verb)
        if verb is None:
            raise unknown_verb(request.verb, self._verbs)
        verb(request, reply)

    # --- looking ---------------------------------------------------------------------------

    def _health(self, _request: Request, reply: Reply) -> None:
        mode = self._commands.mode.value
        reply.send(asdict(snapshot.health(mode, self._listeners.generations)))

    def _status(self, request: Request, reply: Reply) -> None:
        wants_figures = request.flag("figures")
        answer = self._status_with_figures if wants_figures else self._pool_status
        self._curious.append((reply, answer))
        self._survey.begin(wants_figures=wants_figures)

    def _queue_server(self, _request: Request, reply: Reply) -> None:
        if snapshot.queue_server(self._listeners.generations) is not None:
            reply.send(self._server_answer())
            return
        self._curious.append((reply, self._server_answer))
        self._survey.begin()

    def _answer_curious(self) -> None:
        curious, self._curious = self._curious, []
        self._survey.end()
        for reply, answer in curious:
            try:
                reply.send(answer())
            except Exception:  # noqa: BLE001 - logged, and answered
                reply.fail()

    def _status_with_figures(self) -> dict[str, object]:
        figures = snapshot.figures(self._listeners)
        return {**self._pool_status(), "figures": asdict(figures)}

    def _server_answer(self) -> dict[str, object]:
        server = snapshot.queue_server(self._listeners.generations)
        return {"server": None if server is None else asdict(server)}

    def _pool_status(self) -> dict[str, object]:
        options = self._options
        master = snapshot.master_status(
            self._commands.mode.value,
            options.paths,
            self._folder,
            (options.pidfile, options.log_path),
            os.getpid(),
        )
        now = self._clock.now()
        return asdict(snapshot.pool_status(master, self._listeners, self._survey.number, now))

    def _progress(self, request: Request, reply: Reply) -> None:
        number = request.number("reload")
        reload = self._listeners.reloads.by_number(number)
        if reload is None:
            raise RefusedError(Code.BAD_ARGUMENT, f"progress: reload {number} is not known")
        reply.send(self._progress_of(reload))

    def _progress_of(self, reload: Reload) -> dict[str, object]:
        generations = self._listeners.generations
        return asdict(snapshot.progress(reload, generations, self._clock.now()))

    # --- steering, as signals do ------------------------------------------------------------

    def _reload(self, _request: Request, reply: Reply) -> None:
        self._refuse_unless_working()
        self._commands.obey(Signals.SIGHUP, _by("reload"))
        reload = self._listeners.reloads.last
        assert reload is not None
        reply.send(self._progress_of(reload))

    def _pause(self, _request: Request, reply: Reply) -> None:
        self._refuse_stopping()
        was = self._commands.mode
        self._commands.obey(Signals.SIGUSR2, _by("pause"))
        reply.send({"was": was.value, "workers": self._workers})

    def _resume(self, _request: Request, reply: Reply) -> None:
        self._refuse_stopping()
        was = self._commands.mode
        self._commands.obey(Signals.SIGCONT, _by("resume"))
        reply.send({"was": was.value, "workers": self._workers})

    def _stop(self, request: Request, reply: Reply) -> None:
        is_now = request.flag("now")
        was = self._commands.mode
        number = Signals.SIGTERM if is_now else Signals.SIGQUIT
        self._commands.obey(number, _by("stop now" if is_now else "stop"))
        reply.send({"was": was.value, "workers": self._workers})

    def _restart(self, request: Request, reply: Reply) -> None:
        pid = request.number("worker")
        self._refuse_unless_working()
        generations = self._listeners.generations
        found = next(((g, w) for g, w in generations.workers() if w.pid == pid), None)
        if found is None:
            raise RefusedError(Code.BAD_ARGUMENT, f"no worker has pid {pid}")
        generation, worker = found
        was = worker.live.phase
        if was is not Phase.TOLD:
            if generation is not generations.owner:
                text = f"worker {pid} is of generation {generation.number}, which is being replaced"
                raise RefusedError(Code.NOT_NOW, text)
            if generation.is_surplus(worker):
                text = f"worker {pid} is one too many since its pool was scaled, and will leave"
                raise RefusedError(Code.NOT_NOW, text)
            self._commands.restart(worker.live)
        reply.send({"slot": worker.live.slot, "was": was.value})

    def _scale(self, request: Request, reply: Reply) -> None:
        """All that is asked for, or, if something is wrong with any of it, nothing."""
        sizes = request.numbers("pools")
        self._refuse_unless_working()
        owner = scaling.scalable(self._listeners.generations, self._listeners.reloads.last)
        pools = scaling.check_sizes(owner, sizes)
        for pool in pools:
            self._commands.scale(owner, pool, sizes[pool.name])
        changes = {pool.name: {"was": pool.size, "now": sizes[pool.name]} for pool in pools}
        reply.send({"generation": owner.number, "pools": changes})

    def _reexec(self, _request: Request, reply: Reply) -> None:
        self._refuse_stopping()
        self._commands.obey(Signals.SIGUSR1, _by("reexec"))
        reply.send({})

    def _reopen_logs(self, _request: Request, reply: Reply) -> None:
        """Every process does so by itself before its next line; listeners are told to do so now."""
        log_path = self._options.log_path
        told = self._listeners.generations.with_listener if log_path is not None else []
        for generation in told:
            generation.channel.send(messages.ReopenLog())
        if log_path is not None:  # this very line opens the file anew, if it was moved
            log.info("Log reopened as asked for", extra={"event": "log_reopened"})
        reply.send({"log": log_path, "listeners": len(told)})

    @property
    def _workers(self) -> int:
        """How many workers there are."""
        return len(self._listeners.generations.live())

    def _refuse_unless_working(self) -> None:
        self._refuse_stopping()
        if self._commands.mode is Mode.PAUSED:
            raise RefusedError(Code.NOT_NOW, "the pool is paused; resume loads what is there")

    def _refuse_stopping(self) -> None:
        if self._commands.mode is Mode.STOPPING:
            raise RefusedError(Code.NOT_NOW, "the pool is stopping, and stopping never goes back")


def _by(what: str) -> str:
    """Return what stands in the log in a signal's place."""
    return f"Asked at the control socket ({what})"
