"""What must survive a re-exec of the master, as one value, and its JSON.

The descriptors named here stay open across the exec, under their numbers. Times are those of the
monotonic clock, which goes on.
"""

import json
from dataclasses import asdict, dataclass
from enum import Enum
from signal import Signals

from resqued.errors import ResquedError
from resqued.figures import NO_FIGURES, Figures, ReloadTally
from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.master.cap import Live, Phase
from resqued.master.generation import Generation, Stage, Worker
from resqued.master.generations import Generations
from resqued.master.options import Options
from resqued.master.places import Places, PoolPlaces
from resqued.master.reloads import Reload
from resqued.process.watch import ProcessWatch
from resqued.typed import from_json

#: Changes when an older or newer master could misunderstand what is saved.
SCHEMA = 1


class StateError(ResquedError):
    """Raised for a state that this version cannot go on with."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The listeners that have ended untold, or could not start and were no reload's."""

    count: int = 0
    generation: int | None = None  #: the last one's
    status: str | None = None  #: how that has ended


@dataclass(frozen=True, slots=True)
class SavedWorker:
    """A live worker."""

    slot: int
    queues: tuple[str, ...]
    phase: Phase
    told_at: float
    ready_at: float | None
    pid: int | None  #: None: granted, and not reported yet
    watch: int | None  #: the descriptor of its pidfd; None: not watched yet


@dataclass(frozen=True, slots=True)
class SavedGeneration:
    """A generation."""

    number: int
    pid: int
    channel: int | None  #: the descriptor of its socket; None: its listener is gone
    unread: str  #: bytes as Latin-1
    unsent: str
    stage: Stage
    started_at: float
    kill_at: float | None
    has_failed: bool
    told_by: Signals
    slots: tuple[tuple[str, ...], ...] | None  #: the queues of each; None: not loaded yet
    boot_timeout: float | None
    stop_timeout: float
    asking: tuple[int, ...]
    workers: tuple[SavedWorker, ...]
    failed_starts: int
    failed_at: float
    told_elsewhere: int
    heard_at: float
    is_silent: bool
    # What has a default may be missing in the state of an older master.
    version: str | None = None
    app_version: str | None = None
    figures: Figures = NO_FIGURES
    holes: tuple[int, ...] = ()  #: which of the slots want no worker any more
    pools: tuple[PoolPlaces, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedState:
    """A master."""

    schema: int
    protocol: int  #: the major version that the listeners speak
    options: Options
    program: str
    folder: str
    lifeline: tuple[int, ...]
    file_limit: int
    generations: tuple[SavedGeneration, ...]
    last_number: int
    owner: int | None
    fallback: int | None
    is_paused: bool
    pending: tuple[Signals, ...]  #: signals that were received and not obeyed yet
    listener_ends: Ends = Ends()
    reloads: tuple[Reload, ...] = ()
    reload_tallies: tuple[ReloadTally, ...] = ()
    figures: Figures = NO_FIGURES  #: of listeners that have ended

    def encode(self) -> bytes:
        """Return the state's JSON."""
        return json.dumps(asdict(self), default=_of_enum).encode()

    @classmethod
    def decode(cls, content: bytes) -> "SavedState":
        """Read a state, of which nothing is opened yet.

        Raises StateError if it cannot be understood, or its listeners could not be.
        """
        try:
            fields = json.loads(content)
            schema = fields["schema"]
            if schema != SCHEMA:
                raise StateError(f"the state has schema {schema}, this version knows {SCHEMA}")
            state = from_json(cls, fields)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise StateError(
                f"the state cannot be read: {type(error).__name__}: {error}"
            ) from error
        has_listeners = any(generation.channel is not None for generation in state.generations)
        if has_listeners and state.protocol != messages.MAJOR:
            raise StateError(
                f"the listeners speak protocol {state.protocol}, this version {messages.MAJOR}:"
                " pause first (USR2), or stop resqued and start it anew"
            )
        return state

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Everything that must stay open across the exec."""
        own = [*self.lifeline, *self.options.inherit, self.options.pidfile_lock]
        own += [self.options.control_socket, self.options.health_socket]
        for generation in self.generations:
            own += [generation.channel, *(worker.watch for worker in generation.workers)]
        return tuple(descriptor for descriptor in own if descriptor is not None)


def _of_enum(member: Enum) -> object:
    return member.value


def save_generations(generations: Generations) -> tuple[SavedGeneration, ...]:
    """Return all generations as values."""
    return tuple(_save(generation) for generation in generations)


def restore_generations(state: SavedState) -> Generations:
    """Take over the generations of the master that this process was, sockets and pidfds."""
    generations = Generations([_restore(saved) for saved in state.generations])
    generations.last_number = state.last_number
    generations.owner = generations.by_number(state.owner)
    generations.fallback = generations.by_number(state.fallback)
    return generations


def _save(generation: Generation) -> SavedGeneration:
    channel, places = generation.channel, generation.places
    return SavedGeneration(
        number=generation.number,
        pid=generation.pid,
        channel=channel.fileno() if generation.has_listener else None,
        unread=channel.unread.decode("latin-1"),
        unsent=channel.unsent.decode("latin-1"),
        stage=generation.stage,
        started_at=generation.started_at,
        kill_at=generation.kill_at,
        has_failed=generation.has_failed,
        told_by=generation.told_by,
        slots=places.queues if generation.plan else None,
        boot_timeout=generation.boot_timeout,
        stop_timeout=generation.stop_timeout,
        asking=tuple(generation.asking),
        workers=tuple(_save_worker(worker) for worker in generation.workers.values()),
        failed_starts=generation.failed_starts,
        failed_at=generation.failed_at,
        told_elsewhere=generation.told_elsewhere,
        heard_at=generation.heard_at,
        is_silent=generation.is_silent,
        version=generation.version,
        app_version=generation.app_version,
        figures=generation.figures,
        holes=places.holes,
        pools=places.pools,
    )


def _save_worker(worker: Worker) -> SavedWorker:
    live, watch = worker.live, worker.watch
    return SavedWorker(
        slot=live.slot,
        queues=tuple(sorted(live.queues)),
        phase=live.phase,
        told_at=live.told_at,
        ready_at=worker.ready_at,
        pid=worker.pid,
        watch=watch.fileno() if watch else None,
    )


def _restore(saved: SavedGeneration) -> Generation:
    unread, unsent = saved.unread.encode("latin-1"), saved.unsent.encode("latin-1")
    channel = Channel.resume(saved.channel, unread, unsent)
    generation = Generation(saved.number, saved.pid, channel, saved.started_at)
    generation.stage = saved.stage
    generation.kill_at = saved.kill_at
    generation.has_failed = saved.has_failed
    generation.told_by = saved.told_by
    if saved.slots is not None:
        generation.has_places(Places(saved.slots, saved.holes, saved.pools))
    generation.boot_timeout = saved.boot_timeout
    generation.stop_timeout = saved.stop_timeout
    generation.asking = dict.fromkeys(saved.asking)
    generation.workers = {w.slot: _restore_worker(saved.number, w) for w in saved.workers}
    generation.failed_starts = saved.failed_starts
    generation.failed_at = saved.failed_at
    generation.told_elsewhere = saved.told_elsewhere
    generation.heard_at = saved.heard_at
    generation.is_silent = saved.is_silent
    generation.version = saved.version
    generation.app_version = saved.app_version
    generation.figures = saved.figures
    return generation


def _restore_worker(number: int, saved: SavedWorker) -> Worker:
    live = Live(number, saved.slot, frozenset(saved.queues), saved.phase, saved.told_at)
    worker = Worker(live)
    worker.ready_at = saved.ready_at
    worker.pid = saved.pid
    if saved.pid is not None and saved.watch is not None:
        worker.watch = ProcessWatch(saved.pid, saved.watch)
    return worker
