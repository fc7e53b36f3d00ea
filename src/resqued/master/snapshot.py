"""The pool as it is at one moment, for whoever asks; pure, from what the master knows."""

from dataclasses import replace

from resqued import __version__
from resqued.control.status import (
    GenerationStatus,
    Health,
    ListenerEnds,
    MasterStatus,
    PoolFigures,
    PoolSize,
    PoolStatus,
    Progress,
    ReloadStatus,
    WorkerState,
    WorkerStatus,
)
from resqued.figures import BUCKETS
from resqued.ipc.messages import QueueServer, SlotSight
from resqued.master.cap import Phase
from resqued.master.generation import Generation, Stage, Worker
from resqued.master.generations import Generations
from resqued.master.listeners import Listeners
from resqued.master.reloads import Reload

_LISTENED_STAGES = (Stage.PROVED, Stage.LEAVING)


def pool_status(
    master: MasterStatus, listeners: Listeners, look: int | None, now: float
) -> PoolStatus:
    """Return everything; ``look`` is the number of the Look whose answers are fresh."""
    last = listeners.reloads.last
    generations = listeners.generations
    return PoolStatus(
        master=master,
        generations=tuple(_generation(each, generations, look, now) for each in generations),
        listener_ends=ListenerEnds(
            count=listeners.ends.count,
            generation=listeners.ends.generation,
            last_end=listeners.ends.status,
            backoff=listeners.backoff,
        ),
        reload=reload_status(last, now) if last is not None else None,
    )


def progress(reload: Reload, generations: Generations, now: float) -> Progress:
    """Return how far a reload is."""
    new = generations.by_number(reload.generation)
    workers = [] if new is None else list(new.workers.values())
    return Progress(
        reload=reload_status(reload, now),
        configured=None if new is None else _configured(new),
        ready=sum(worker.live.phase is Phase.READY for worker in workers),
        former=sum(generation is not new for generation, _ in generations.workers()),
    )


def reload_status(reload: Reload, now: float) -> ReloadStatus:
    """Return what became of a reload."""
    return ReloadStatus(
        number=reload.number,
        generation=reload.generation,
        outcome=reload.outcome.value,
        reason=reload.reason,
        age=now - reload.asked_at,
        took=None if reload.ended_at is None else reload.ended_at - reload.asked_at,
    )


def health(mode: str, generations: Generations) -> Health:
    """Return what is known without asking a listener."""
    owner = generations.owner
    serving = (Phase.READY, Phase.TOLD)
    return Health(
        mode=mode,
        generation=None if owner is None else owner.number,
        configured=None if owner is None else _configured(owner),
        serving=sum(worker.live.phase in serving for _, worker in generations.workers()),
    )


def figures(listeners: Listeners) -> PoolFigures:
    """Return what was counted, as the listeners have said when they were last asked."""
    counted = listeners.figures
    return PoolFigures(
        jobs=counted.jobs,
        ends=counted.ends,
        reloads=listeners.reloads.tallies,
        buckets=BUCKETS[:-1],
    )


def queue_server(generations: Generations) -> QueueServer | None:
    """Return where the jobs of the newest generation that has said so are."""
    told = (each.seen.server for each in generations if each.seen is not None)
    return next(reversed([server for server in told if server is not None]), None)


def is_asked(generation: Generation) -> bool:
    """Whether a generation's listener can say what its workers do.

    One that still loads has none, and cannot answer; one of an older version does not know how.
    """
    return generation.stage in _LISTENED_STAGES and generation.version is not None


def master_status(
    mode: str, paths: tuple[str, ...], folder: str, files: tuple[str | None, str | None], pid: int
) -> MasterStatus:
    """Return what there is to say of the master; ``files`` are its pidfile and its log."""
    pidfile, log = files
    return MasterStatus(
        pid=pid,
        version=__version__,
        mode=mode,
        paths=paths,
        folder=folder,
        pidfile=pidfile,
        log=log,
    )


def _generation(
    generation: Generation, generations: Generations, look: int | None, now: float
) -> GenerationStatus:
    seen = generation.seen
    is_fresh = seen is not None and seen.number == look
    sights = {sight.slot: sight for sight in seen.slots} if seen is not None and is_fresh else {}
    return GenerationStatus(
        number=generation.number,
        state=_state(generation, generations),
        age=now - generation.started_at,
        listener=generation.pid if generation.has_listener else None,
        version=generation.version,
        app_version=generation.app_version,
        configured=_configured(generation),
        is_silent=generation.is_silent,
        is_stale=generation.stage in _LISTENED_STAGES and not is_fresh,
        workers=tuple(_workers(generation, generations, sights, now)),
        pools=_pools(generation),
    )


def _configured(generation: Generation) -> int | None:
    return None if generation.plan is None else generation.plan.asked_for.total()


def _pools(generation: Generation) -> tuple[PoolSize, ...] | None:
    pools = generation.places.pools
    if pools is None:
        return None
    return tuple(PoolSize(name=p.name, size=p.size, configured=p.configured) for p in pools)


def _state(generation: Generation, generations: Generations) -> str:
    match generation.stage:
        case Stage.BOOTING:
            return "booting"
        case Stage.LEAVING:
            return "leaving"
        case Stage.GONE:
            return "orphaned"
        case Stage.PROVED if generation is generations.owner:
            return "owner"
        case Stage.PROVED if generation is generations.fallback:
            return "fallback"
        case Stage.PROVED:
            return "superseded"


def _workers(
    generation: Generation, generations: Generations, sights: dict[int, SlotSight], now: float
) -> list[WorkerStatus]:
    """Return the workers that are there, and in the owner also the places without one."""
    is_owner, holes = generation is generations.owner, set(generation.places.holes)
    places = set(generation.workers)
    if is_owner:
        places |= set(range(len(generation.places.queues))) - holes
    names = generation.places.pool_names
    return [
        replace(
            _worker(generation, slot, generation.workers.get(slot), sights.get(slot), now),
            pool=names.get(slot),
            is_surplus=is_owner and slot in holes,
        )
        for slot in sorted(places)
    ]


def _worker(
    generation: Generation, slot: int, worker: Worker | None, sight: SlotSight | None, now: float
) -> WorkerStatus:
    queues = generation.places.queues[slot]
    if worker is None:
        return _empty(slot, queues, sight)
    if sight is None or sight.pid != worker.pid:  # it was too late, or of the one before
        age = None if worker.ready_at is None else now - worker.ready_at
        state = _worker_state(worker, None)
        return WorkerStatus(slot=slot, pid=worker.pid, queues=queues, state=state.value, age=age)
    return WorkerStatus(
        slot=slot,
        pid=worker.pid,
        queues=queues,
        state=_worker_state(worker, sight).value,
        age=sight.age,
        job=sight.job,
        job_age=sight.job_age,
        jobs_done=sight.jobs_done if sight.reports_jobs else None,
        restarts=sight.restarts,
        last_end=sight.last_end,
    )


def _empty(slot: int, queues: tuple[str, ...], sight: SlotSight | None) -> WorkerStatus:
    state = WorkerState.WAITING if sight is None or sight.backoff is None else WorkerState.BACKOFF
    return WorkerStatus(
        slot=slot,
        pid=None,
        queues=queues,
        state=state.value,
        restarts=None if sight is None else sight.restarts,
        last_end=None if sight is None else sight.last_end,
        backoff=None if sight is None else sight.backoff,
    )


def _worker_state(worker: Worker, sight: SlotSight | None) -> WorkerState:
    match worker.live.phase:
        case Phase.GRANTED | Phase.STARTING:
            return WorkerState.STARTING
        case Phase.TOLD:
            return WorkerState.LEAVING
        case Phase.READY if sight is None:
            return WorkerState.READY
        case Phase.READY if sight.job is not None:
            return WorkerState.BUSY
        case Phase.READY:
            return WorkerState.IDLE if sight.reports_jobs else WorkerState.READY
