"""A kernel made of values: processes, sockets, signals and time, for whole daemons without one.

The real master and the real listeners run on it, each in turns that a test decides on. Only what
stands below them is replaced, so each race between them can be had at will, and again.
"""

import errno
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from enum import Enum
from signal import Signals
from types import SimpleNamespace
from typing import Any, Protocol, Self

from resqued.clock import Clock
from resqued.config.model import Config, Hooks, PoolSpec, QueueSpec, WorkerSpec
from resqued.config.pools import expand
from resqued.ipc import messages
from resqued.listener import after_exit as listener_after_exit
from resqued.listener import app as listener_app
from resqued.listener import forking as listener_forking
from resqued.listener import slots as listener_slots
from resqued.listener.boot import BootError
from resqued.master import app as master_app
from resqued.master import commands as master_commands
from resqued.master import launcher as master_launcher
from resqued.master import listeners as master_listeners
from resqued.master import watching as master_watching
from resqued.process.reaper import ExitStatus
from resqued.worker.board import Board


class Death(BaseException):
    """Raised in a simulated process at the place where it is killed."""


class Hang(BaseException):
    """Raised in a simulated process that never gets beyond this place."""


class Stage(Enum):
    """How far a simulated worker is."""

    BUILDING = "building"  #: in the factory or a hook
    WAITING = "waiting"  #: at its gate
    WORKING = "working"  #: let through


class Trouble(Enum):
    """What is wrong with a config file."""

    NONE = "none"
    UNREADABLE = "unreadable"  #: a syntax error, say
    RAISES = "raises"  #: before_fork
    HANGS = "hangs"  #: before_fork
    CANARY_FAILS = "canary fails"
    CANARY_HANGS = "canary hangs"
    WORKERS_FAIL = "workers fail"  #: all but the canary, before their gate
    LIST_FAILS = "one list fails"  #: the workers of the last list, before their gate
    WORKERS_CRASH = "workers crash"  #: shortly after they have begun to work
    WORKERS_HANG = "workers hang"  #: before their gate


@dataclass(slots=True)
class File:
    """What stands in the config file at some time. ``trouble`` may be cured in place."""

    singles: tuple[tuple[str, ...], ...]  #: each a ``worker()``
    trouble: Trouble = Trouble.NONE
    pool: PoolSpec | None = None

    @property
    def lists(self) -> tuple[tuple[str, ...], ...]:
        """The queues of each worker that it asks for."""
        return self.scaled(None)

    def scaled(self, size: int | None) -> tuple[tuple[str, ...], ...]:
        """Return the same with another size of its pool; None: its own."""
        return self.singles + tuple(spec.queues for spec in self._pooled(size))

    def config(self) -> Config:
        """Return what loading it gives."""
        singles = (WorkerSpec(queues=q, interval=1.0, pool=None) for q in self.singles)
        return Config(
            paths=(),
            workers=(*singles, *self._pooled(None)),
            pools=() if self.pool is None else (self.pool,),
            hooks=Hooks(),
            worker_factory=list,  # never called, and without a way with dead workers
            boot_timeout=10.0,
        )

    def _pooled(self, size: int | None) -> tuple[WorkerSpec, ...]:
        if self.pool is None:
            return ()
        return expand(self.pool if size is None else replace(self.pool, size=size), _nothing)


def pool_of(size: int, *queues: tuple[str, int | None, int | None]) -> PoolSpec:
    """Return a pool of that size; of each queue its name, count and percent."""
    specs = tuple(QueueSpec(name=n, count=count, percent=share) for n, count, share in queues)
    return PoolSpec(name="pool", size=size, interval=1.0, queues=specs)


class Witness(Protocol):
    """Who is told of all that passes between master, listeners and kernel."""

    def master_says(self, generation: int, message: messages.Message) -> None: ...  # noqa: D102
    def master_hears(self, generation: int, message: messages.Message) -> None: ...  # noqa: D102
    def listener_says(self, listener: "Process", message: messages.Message) -> None: ...  # noqa: D102
    def master_signals(self, process: "Process", number: Signals) -> None: ...  # noqa: D102
    def master_notices(self, worker: "Process") -> None: ...  # noqa: D102
    def master_reaped(self, process: "Process") -> None: ...  # noqa: D102


class Process:
    """A simulated process: the master, a listener, a worker."""

    def __init__(self, pid: int, parent: "Process | None") -> None:
        self.pid = pid
        self.parent = parent
        self.status: ExitStatus | None = None  #: once it is dead
        self.is_reaped = False
        self.is_stopped = False  #: gets no turn, by SIGSTOP or because it hangs
        self.signals: list[Signals] = []  #: pending
        # of a listener
        self.generation = 0
        self.end: End | None = None
        self.app: Any = None
        self.workers: Any = None
        self.file: File | None = None
        self.size: int | None = None  #: of its pool, once the master has ordered another
        # of a worker
        self.queues: frozenset[str] | None = None
        self.is_canary = False
        self.gate: Gate | None = None
        self.stage = Stage.BUILDING
        self.is_busy = False
        self.is_told = False
        self.is_doomed = False  #: can never work: its listener died before it was let through

    @property
    def lists(self) -> tuple[tuple[str, ...], ...]:
        """The queues of each worker that a listener is to have."""
        assert self.file is not None
        return self.file.scaled(self.size)

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self.status is None

    def install_again(self) -> None:
        """Be a SignalInbox; here nobody else listens."""

    def drain(self) -> list[Signals]:
        """Be a SignalInbox."""
        received, self.signals = self.signals, []
        return received

    @property
    def is_ready(self) -> bool:
        """As an inbox: whether there is something in it."""
        return bool(self.signals)

    def close(self) -> None:
        """As an inbox."""


class Waiter:
    """Knows at once which sources are ready; the test decides when somebody may look."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._sources: dict[int, Any] = {}
        self.patience: float | None = None  #: of the last wait

    def watch(self, source: Any) -> None:  # noqa: D102
        assert id(source) not in self._sources, "watched twice"
        self._sources[id(source)] = source

    def watch_writing(self, source: Any, *, wanted: bool) -> None:  # noqa: D102
        assert id(source) in self._sources
        assert not wanted

    def forget(self, source: Any) -> None:  # noqa: D102
        del self._sources[id(source)]

    def forget_if_watched(self, source: Any) -> None:  # noqa: D102
        self._sources.pop(id(source), None)

    def wait(self, seconds: float | None) -> list[Any]:  # noqa: D102
        self.patience = seconds
        ready = [source for source in self._sources.values() if source.is_ready]
        self._world.waited(ready)
        return ready

    def close(self) -> None:  # noqa: D102
        pass

    @property
    def has_news(self) -> bool:
        """Whether a wait would return at once."""
        return any(source.is_ready for source in self._sources.values())


class End:
    """One end of a channel; messages stay whole, and arrive when the other side looks."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.inbox: deque[messages.Message] = deque()
        self.peer: End = self
        self.listener: Process | None = None
        self.is_masters = False
        self.is_closed = False  #: nothing more can be had from it
        self.is_gone = False  #: its process has closed it, or died
        self.limit: int | None = None  #: how many messages have arrived so far
        self.has_output = False
        self.foreign_major = None

    @property
    def is_ready(self) -> bool:  # noqa: D102
        return bool(self.inbox) or (self.peer.is_gone and not self.is_closed)

    def send(self, message: messages.Message) -> None:  # noqa: D102
        if self.is_closed:
            return
        assert self.listener is not None
        if self.is_masters:
            self._world.witness.master_says(self.listener.generation, message)
        else:
            self._world.act()
            self._world.witness.listener_says(self.listener, message)
        if not self.peer.is_gone:
            self.peer.inbox.append(message)

    send_now = send

    def flush(self) -> None:  # noqa: D102
        pass

    def receive(self) -> list[messages.Message]:  # noqa: D102
        limited = self.limit is not None and not self.peer.is_gone
        count = min(len(self.inbox), self.limit) if limited else len(self.inbox)  # type: ignore[type-var]
        received = [self.inbox.popleft() for _ in range(count)]
        if self.peer.is_gone and not self.inbox:
            self.is_closed = True
        if self.is_masters:
            assert self.listener is not None
            for message in received:
                self._world.witness.master_hears(self.listener.generation, message)
        return received

    def close(self) -> None:  # noqa: D102
        if not self._world.is_in_child:
            self.is_closed = self.is_gone = True

    def fileno(self) -> int:  # noqa: D102
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """The master lets go of the listener's end, which stays open there."""


class KeptBoard(Board):
    """One of a world in which a forked process has no memory of its own."""

    def close(self) -> None:
        """It is the parent's as well."""


class Gate:
    """The gate of one worker, and its ticket."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.worker: Process | None = None
        self.lines: list[list[Any]] = []
        self.is_closed = False
        self.is_shut = False  #: by the listener
        self.board = KeptBoard(world)

    @property
    def is_ready(self) -> bool:  # noqa: D102
        return bool(self.lines) or (not self.is_closed and not self._is_worker_there)

    @property
    def _is_worker_there(self) -> bool:
        return self.worker is not None and self.worker.is_alive

    def fileno(self) -> int:  # noqa: D102
        return 0

    def read(self) -> list[list[Any]]:  # noqa: D102
        said, self.lines = self.lines, []
        self.is_closed = not self._is_worker_there
        return said

    def open(self) -> None:  # noqa: D102
        self._world.act()
        if self._is_worker_there:
            assert self.worker is not None
            assert self.worker.stage is Stage.WAITING, "let through before it was ready"
            assert not self.worker.is_canary, "a canary was let through ungranted"
            self.worker.stage = Stage.WORKING
        self._world.act()

    def close(self) -> None:  # noqa: D102
        self.is_shut = self.is_shut or not self._world.is_in_child


class Watch:
    """The watch of one process."""

    def __init__(self, world: "World", process: Process) -> None:
        self._world = world
        self.process = process
        self.pid = process.pid
        self.is_closed = False

    @property
    def is_ready(self) -> bool:  # noqa: D102
        assert not self.is_closed, "closed while somebody waits on it"
        return not self.process.is_alive

    def send(self, number: Signals) -> None:  # noqa: D102
        assert not self.is_closed
        self._world.witness.master_signals(self.process, number)
        self._world.deliver(self.process, number)

    def fileno(self) -> int:  # noqa: D102
        return 0

    def close(self) -> None:  # noqa: D102
        self.is_closed = True


class World:
    """All processes, what lies between them, and the time."""

    def __init__(self, file: File) -> None:
        self.file = file  #: what stands on disk
        self.time = 100.0
        self.witness: Witness
        self.is_in_child = False
        #: Happens while the master has looked for news and not taken it in yet.
        self.meanwhile: Callable[[], None] | None = None
        self.lacking = 0  #: how many processes will find no room
        self.processes: dict[int, Process] = {}  #: until reaped
        self.master = self._new_process(None)
        self.running = self.master
        self.listeners: list[Process] = []  #: alive
        self.workers: list[Process] = []  #: alive, canaries included
        self._deadline: int | None = None  #: acts until the running process dies
        self._new_end: End | None = None
        self._new_gate: Gate | None = None

    def now(self) -> float:
        """Be the clock."""
        return self.time

    def _new_process(self, parent: Process | None) -> Process:
        process = Process(len(self.processes) + 1, parent)
        self.processes[process.pid] = process
        return process

    # --- what the code under test calls ---------------------------------------------------

    def channel_pair(self) -> tuple[End, End]:  # noqa: D102
        ours, theirs = End(self), End(self)
        ours.peer, theirs.peer = theirs, ours
        ours.is_masters = True
        self._new_end = theirs
        return ours, theirs

    def gate_pair(self) -> tuple[Gate, SimpleNamespace]:  # noqa: D102
        self._new_gate = Gate(self)
        return self._new_gate, SimpleNamespace(close=lambda: None)

    def spawn(self, *_: object) -> int:
        """Start a listener; it reads the file when it gets its first turn."""
        self._need_room()
        process = self._new_process(self.master)
        assert self._new_end is not None
        process.end = self._new_end
        process.end.listener = process.end.peer.listener = process
        process.generation = sum(p.end is not None for p in self.processes.values())
        self.listeners.append(process)
        return process.pid

    def fork(self, body: Any) -> int:
        """Fork a worker or a canary of the running listener."""
        self._need_room()
        process = self._new_process(self.running)
        process.gate, process.file = self._new_gate, self.running.file
        process.generation = self.running.generation
        assert process.gate is not None
        process.gate.worker = process
        self.workers.append(process)
        listener, self.running, self.is_in_child = self.running, process, True
        body()
        self.running, self.is_in_child = listener, False
        self.act()
        return process.pid

    def _need_room(self) -> None:
        if self.lacking:
            self.lacking -= 1
            raise BlockingIOError(errno.EAGAIN, "no room for a process")

    def run_worker(self, task: Any) -> int:
        """In the child: note what it is; it lives on in turns of its own."""
        self.running.queues = frozenset(task.spec.queues)
        self.running.is_canary = task.is_canary
        return 0

    def watch(self, pid: int) -> Watch:  # noqa: D102
        process = self.processes[pid]
        if process.is_reaped:
            raise ProcessLookupError
        return Watch(self, process)

    def send_signal(self, pid: int, number: Signals) -> None:
        """Be kill(2), for master and listener."""
        process = self.processes[pid]
        assert not process.is_reaped, "a pid was signalled that is free again"
        if self.running is self.master:
            self.witness.master_signals(process, number)
        else:
            assert process.parent is self.running, "a listener signalled a stranger"
        self.deliver(process, number)
        self.act()

    def reap_children(self) -> Iterator[ExitStatus]:
        """Be ``reap_all`` for the master."""
        for process in list(self.processes.values()):
            if process.status and process.parent is self.master and not process.is_reaped:
                process.is_reaped = True
                yield process.status
                self.witness.master_reaped(process)

    def reap_one(self, pid: int) -> ExitStatus | None:
        """Be ``reap`` for a listener."""
        process = self.processes[pid]
        assert process.parent is self.running
        assert not process.is_reaped
        if process.status is not None:
            process.is_reaped = True
        return process.status

    def load_config(self, _paths: object) -> Config:  # noqa: D102
        file = self.running.file
        assert file is not None
        if file.trouble is Trouble.UNREADABLE:
            raise BootError("unreadable", is_config_unreadable=True)
        return file.config()

    def load_application(self, _config: Config, _clock: Clock) -> None:  # noqa: D102
        file = self.running.file
        assert file is not None
        if file.trouble is Trouble.RAISES:
            raise BootError("raises", is_config_unreadable=False)
        if file.trouble is Trouble.HANGS:
            raise Hang

    # --- what a test does -----------------------------------------------------------------

    def turn(self, listener: Process, deadline: int | None = None) -> None:
        """Let a listener do one round, or die in the midst of it after some acts."""
        self.running, self._deadline = listener, deadline
        try:
            self._turn(listener)
        except BootError as error:
            assert listener.end is not None
            self._deadline = None
            listener.end.send(messages.BootFailed(error.reason, error.is_config_unreadable))
            self.end(listener, code=1)
        except Death:
            self.end(listener, number=Signals.SIGKILL)
        except Hang:
            listener.is_stopped = True
        finally:
            self.running, self._deadline = self.master, None

    def _turn(self, listener: Process) -> None:
        if listener.app is None:
            assert listener.end is not None
            order = listener.end.inbox.popleft()
            assert isinstance(order, messages.Boot)
            assert order.generation == listener.generation
            listener.file = self.file
            listener.app = listener_app.Listener(listener.end, order, 0, self, None)  # type: ignore[arg-type]
        app = listener.app
        if listener.workers is None:
            listener.workers = app._boot()
        else:
            app.tick(listener.workers)
        if app._state is listener_app.State.SHUTDOWN and not listener.workers.is_busy:
            self.end(listener)

    def build(self, worker: Process) -> None:
        """Let a worker get through its factory and hooks, or fail there."""
        assert worker.gate is not None
        assert worker.stage is Stage.BUILDING
        if self._hangs(worker):
            return
        if self._fails(worker):
            worker.gate.lines.append(["failed", "it fails"])
            self.end(worker, code=1)
        else:
            worker.gate.lines.append(["ready"])
            worker.stage = Stage.WAITING

    def _hangs(self, worker: Process) -> bool:
        assert worker.file is not None
        if worker.is_canary:
            return worker.file.trouble is Trouble.CANARY_HANGS
        return worker.file.trouble is Trouble.WORKERS_HANG

    def _fails(self, worker: Process) -> bool:
        assert worker.file is not None
        match worker.file.trouble:
            case Trouble.CANARY_FAILS:
                return worker.is_canary
            case Trouble.WORKERS_FAIL:
                return not worker.is_canary
            case Trouble.LIST_FAILS:
                return worker.queues == frozenset(worker.file.lists[-1])
            case _:
                return False

    def can_leave(self, worker: Process) -> bool:
        """Whether a worker would end by itself now."""
        assert worker.gate is not None
        assert worker.file is not None
        if worker.stage is Stage.WAITING:
            return worker.gate.is_shut
        if worker.stage is Stage.BUILDING or worker.is_busy:
            return False
        return worker.is_told or worker.file.trouble is Trouble.WORKERS_CRASH

    def act(self) -> None:
        """Note that the running process has done something that others can see."""
        if self._deadline is not None and self.running is not self.master:
            self._deadline -= 1
            if self._deadline < 0:
                raise Death

    def deliver(self, process: Process, number: Signals) -> None:
        """Do what a signal does."""
        if not process.is_alive:
            return
        if number is Signals.SIGKILL:
            self.end(process, number=number)
        elif process.end is not None or process is self.master:
            if number not in process.signals:
                process.signals.append(number)
        elif number is Signals.SIGCONT:
            pass
        elif process.stage is Stage.WORKING and number is Signals.SIGQUIT:
            process.is_told = True
        else:
            self.end(process, number=number)

    def end(self, process: Process, *, code: int = 0, number: Signals | None = None) -> None:
        """End a process; its children are the master's then, and its ends are closed."""
        status = ExitStatus(process.pid, None if number else code, number)
        process.status = status
        (self.workers if process.end is None else self.listeners).remove(process)
        for child in self.processes.values():
            if child.parent is process and not child.is_reaped:
                child.parent = self.master
                child.is_doomed = child.stage is not Stage.WORKING
                assert child.gate is not None
                child.gate.is_shut = True
                if not child.is_alive:
                    self.deliver(self.master, Signals.SIGCHLD)
        if process.end is not None:
            process.end.is_gone = True
        assert process.parent is not None
        self.deliver(process.parent, Signals.SIGCHLD)

    def waited(self, ready: list[Any]) -> None:
        """Tell the witness which ends the master is just hearing of."""
        if self.running is self.master:
            for source in ready:
                if isinstance(source, Watch):
                    self.witness.master_notices(source.process)
            if self.meanwhile is not None:
                meanwhile, self.meanwhile = self.meanwhile, None
                meanwhile()


@contextmanager
def replaced(world: World) -> Iterator[None]:
    """Put ``world`` below master and listener meanwhile, in place of the kernel."""
    former = [(module, name, getattr(module, name)) for module, name, _ in _seams(world)]
    for module, name, ours in _seams(world):
        setattr(module, name, ours)
    try:
        yield
    finally:
        for module, name, theirs in former:
            setattr(module, name, theirs)


def _seams(world: World) -> list[tuple[Any, str, Any]]:
    def inbox(_wanted: object) -> Process:
        return world.running

    def waiter() -> Waiter:
        return Waiter(world)

    batons = SimpleNamespace(wake=_nothing, keep=_nothing, close=_nothing, extend=_nothing)
    limits = SimpleNamespace(raise_file_limit=lambda: 1024, refuse_last_files=_nothing)
    sender = SimpleNamespace(send=world.send_signal, send_group=lambda _pid, _number: None)
    return [
        (master_app, "Waiter", waiter),
        (master_app, "SignalInbox", inbox),
        (master_app, "set_title", _nothing),
        (master_launcher, "Channel", SimpleNamespace(pair=world.channel_pair)),
        (master_launcher, "spawn_interpreter", world.spawn),
        (master_launcher, "Lifeline", lambda *_: SimpleNamespace(reader=0, close=_nothing)),
        (master_launcher, "limits", limits),
        (master_watching, "limits", limits),
        (master_watching, "ProcessWatch", world.watch),
        (master_listeners, "reap_all", world.reap_children),
        (master_listeners, "signals", sender),
        (master_commands, "signals", sender),
        (listener_app, "Waiter", waiter),
        (listener_app, "SignalInbox", inbox),
        (listener_app, "set_title", _nothing),
        (listener_app, "boot", world),
        (listener_app, "kernel", SimpleNamespace(outlive_parent=_nothing)),
        (listener_app, "run_worker", world.run_worker),
        (listener_forking, "Gate", SimpleNamespace(pair=world.gate_pair)),
        (listener_forking, "Batons", lambda _groups: batons),
        (listener_forking, "limits", limits),
        (listener_after_exit, "time_limit", nullcontext),
        (listener_slots, "fork_child", world.fork),
        (listener_slots, "reaper", SimpleNamespace(reap=world.reap_one)),
        (listener_slots, "signals", sender),
    ]


def _nothing(*_: object) -> None:
    """Stand in for what is without effect here."""
