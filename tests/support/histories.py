"""Random histories of a daemon: its real master and listeners on a simulated kernel.

A history is a list of steps, (what, which) pairs of plain values, so it can be drawn, shrunk,
printed and replayed. After each step the rules hold (``oracle``), and when nothing happens any
more the owner's workers run, and nobody else's.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from signal import Signals

from resqued.clock import Clock
from resqued.control.protocol import RefusedError, Request
from resqued.master.app import Master
from resqued.master.commands import Mode
from resqued.master.options import Options
from resqued.process.start_context import StartContext
from tests.support.oracle import Breach, Oracle
from tests.support.simulated import (
    File,
    Process,
    Stage,
    Trouble,
    Waiter,
    World,
    pool_of,
    replaced,
)

#: One thing that happens: its name in STEPS, and which of the candidates it concerns.
Step = tuple[str, int]

A, B, C, AB = ("a",), ("b",), ("c",), ("a", "b")
POOLS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (A, A, B),
    (A,),
    (A, B),
    (B,),
    (A, B, C),
    (AB, AB, A),
    (("b", "a"), ("b", "a"), C, C),
    (),
    (A, A, A, A),
    (B, B, B, A, A),
    (C, C),
    (A,) * 12,
    (A,) * 20 + (B,),
)
#: What may stand beside these, and can be scaled.
SCALABLE = (
    None,
    pool_of(4, ("a", None, None), ("b", None, 50)),
    pool_of(3, ("a", 2, None), ("c", None, None)),
    pool_of(12, ("a", None, None), ("b", None, 25), ("c", 3, None)),
    pool_of(2, ("a", None, None)),
    pool_of(0, ("b", 1, None), ("d", None, None)),
    pool_of(30, ("d", None, None)),
)
SIZES = (0, 1, 2, 3, 4, 5, 7, 10, 12, 20, 31)
#: Of eight files, five are good.
TROUBLES = (Trouble.NONE,) * 13 + tuple(t for t in Trouble if t is not Trouble.NONE)
PAUSES = (0.1, 0.4, 0.9, 1.1, 3.0, 8.0, 20.0)
#: Steps of the settling after which something turns in a circle, and simulated seconds.
MAX_ROUNDS = 3000
MAX_SECONDS = 200.0


class Unheard:
    """Nobody waits for the first start."""

    def started(self) -> None:
        """Say nothing."""

    def failed(self, reason: str) -> None:
        """Say nothing."""


class Unread:
    """Nobody reads the answer."""

    def send(self, content: object) -> None:
        """Say nothing."""


class History:
    """One daemon, and the steps it has gone through."""

    def __init__(self, world: World, trace: list[str] | None = None) -> None:
        """``world`` is in place of the kernel already."""
        self._trace = trace
        self.world = world
        report = Unheard()
        context = StartContext("python", ".", {})
        clock: Clock = self.world
        self.master = Master(Options(paths=("x.py",)), context, clock, report)
        self.oracle = Oracle(self.world, self.master)
        self.world.witness = self.oracle
        self._is_undisturbed = True  #: since the last reload
        self._is_good = True  #: whether the last file was, when it was written
        self._files = 0
        self._mix(1, "starts with")

    # --- steps ----------------------------------------------------------------------------

    def take(self, step: Step) -> None:
        """Let one step happen, and check the rules; nothing happens if there is no candidate."""
        if self.master._is_done:
            return
        what, which = step
        STEPS[what](self, which)
        self.oracle.check()

    def tick_master(self, which: int = 0) -> None:
        """One round of the master, at times with only a part of what listeners have sent.

        At times a worker ends when the master has just looked, and its listener is quicker.
        """
        self._say("master ticks")
        if which % 4 == 2:
            self.world.meanwhile = lambda: self._end_meanwhile(which // 4)
        if which % 4 == 3:
            for listener in self.world.listeners:
                assert listener.end is not None
                listener.end.peer.limit = which // 4 % 3
        self.master.tick()
        for listener in self.world.listeners:
            assert listener.end is not None
            listener.end.peer.limit = None

    def _end_meanwhile(self, which: int) -> None:
        if worker := _pick([w for w in self.world.workers if w.parent in self._awake], which):
            self._disturb("meanwhile worker %d is killed, its listener ticks", worker.pid)
            assert worker.parent is not None
            self.world.end(worker, number=Signals.SIGKILL)
            self.world.turn(worker.parent)
            if worker.parent in self._awake:
                self.world.turn(worker.parent)

    def tick_listener(self, which: int) -> None:
        """One round of a listener."""
        if listener := _pick(self._awake, which):
            self._say("listener %d ticks", listener.generation)
            self.world.turn(listener)

    def die_in_tick(self, which: int) -> None:
        """One round of a listener that is killed in the midst of it."""
        if listener := _pick(self._awake, which):
            self._disturb(
                "listener %d ticks and is killed at act %d", listener.generation, which // 4
            )
            self.world.turn(listener, deadline=which // 4)

    def all_go_on(self, _which: int = 0) -> None:
        """Everybody does what is due, the master last."""
        self._say("all go on")
        for listener in self._awake:
            self.world.turn(listener)
        for worker in list(self.world.workers):
            self._go_on(worker)
        for listener in self._awake:
            self.world.turn(listener)
        self.tick_master()

    def _go_on(self, worker: Process) -> None:
        before = worker.stage, worker.is_alive
        self._let_go_on(worker)
        if before != (worker.stage, worker.is_alive):
            self._say(
                "worker %d of %d: %s",
                worker.pid,
                worker.generation,
                worker.status or worker.stage.value,
            )

    def _let_go_on(self, worker: Process) -> None:
        if worker.stage is Stage.BUILDING:
            self.world.build(worker)
        elif self.world.can_leave(worker):
            self.world.end(worker)

    def one_goes_on(self, which: int) -> None:
        """One worker gets ready, or fails to, or leaves."""
        if worker := _pick(self.world.workers, which):
            self._say("worker %d goes on", worker.pid)
            self._go_on(worker)

    def kill_worker(self, which: int) -> None:
        """The kernel kills a worker, or a canary."""
        if worker := _pick(self.world.workers, which):
            self._disturb("worker %d is killed", worker.pid)
            self.world.end(worker, number=Signals.SIGKILL)

    def kill_listener(self, which: int) -> None:
        """The kernel kills a listener."""
        if listener := _pick(self.world.listeners, which):
            self._disturb("listener %d is killed", listener.generation)
            self.world.end(listener, number=Signals.SIGKILL)

    def stop_listener(self, which: int) -> None:
        """A listener gets no turn any more, or gets turns again."""
        if listener := _pick(self.world.listeners, which):
            self._disturb("listener %d stops, or goes on", listener.generation)
            if listener.workers is not None or listener.app is None:
                listener.is_stopped = not listener.is_stopped

    def start_job(self, which: int) -> None:
        """A worker is busy from now on, or no longer."""
        if worker := _pick([w for w in self.world.workers if w.stage is Stage.WORKING], which):
            self._say("worker %d starts, or ends, a job", worker.pid)
            worker.is_busy = not worker.is_busy

    def pass_time(self, which: int) -> None:
        """Time passes."""
        seconds = PAUSES[which % len(PAUSES)]
        self._say("%s s pass", seconds)
        self.world.time += seconds
        if self.master._generations.booting is not None:
            self._is_undisturbed = False  # its time to boot may be over

    def reload(self, which: int) -> None:
        """The file is written anew, and the master gets HUP."""
        self._mix(which, "HUP for")
        self._is_undisturbed = not self.world.lacking
        self._signal(Signals.SIGHUP)

    def scale(self, which: int) -> None:
        """Somebody asks for another size of the pool; it may be refused."""
        size = SIZES[which % len(SIZES)]
        request = Request("scale", {"pools": {"pool": size}})
        with suppress(RefusedError):
            self.master._control._answer(request, Unread())  # type: ignore[arg-type]
            self._say("the pool is scaled to %d", size)

    def rewrite(self, which: int) -> None:
        """The file is written anew, and nobody says so."""
        self._mix(which, "a file of")
        self._is_undisturbed = False

    def run_short(self, which: int) -> None:
        """The next process cannot be started: there is no room for it."""
        self._disturb("no room for %d processes", which % 3)
        self.world.lacking = which % 3

    def pause(self, _which: int) -> None:
        """The master gets USR2."""
        self._disturb("USR2")
        self._signal(Signals.SIGUSR2)

    def resume(self, _which: int) -> None:
        """The master gets CONT."""
        self._disturb("CONT")
        self._signal(Signals.SIGCONT)

    def _signal(self, number: Signals) -> None:
        self.world.deliver(self.world.master, number)

    def _mix(self, which: int, what: str) -> None:
        singles, trouble = POOLS[which % len(POOLS)], TROUBLES[which % len(TROUBLES)]
        file = File(singles, trouble, SCALABLE[which // 3 % len(SCALABLE)])
        if self._files == 0 or (not file.lists and trouble is Trouble.LIST_FAILS):
            file.trouble = Trouble.NONE
        self._files += 1
        self._is_good = file.trouble is Trouble.NONE
        self.world.file = file
        self._say("%s %s and %s, trouble: %s", what, singles, file.pool, file.trouble.value)

    # --- the end --------------------------------------------------------------------------

    def settle(self) -> None:
        """Let all faults end: exactly the owner's workers must run, in bounded time."""
        if self.master._is_done:
            return
        self._say("nothing happens any more")
        self._wake()
        self.tick_master()
        if self._mode is Mode.WORKING:
            self._see_all_told()
        self._end_jobs()
        if self._mode is Mode.PAUSED:
            self._run_until(lambda: not self._lasting, "a paused daemon keeps workers")
            self.resume(0)
        self._see_return()
        self._cure()
        self._run_until(self._has_converged, "it does not converge")
        self._see_last_reload()

    def stop(self, number: Signals, faults: Iterable[Step]) -> None:
        """Stop the daemon, amid faults: nothing may be left."""
        if self.master._is_done:
            return
        self._say("%s", number.name)
        self._signal(number)
        self.tick_master()
        for step in faults:
            self.take(step)
        self._wake()
        self._end_jobs()
        self._cure()
        self._run_until(lambda: self.master._is_done, "it does not stop")
        _require(not self._lasting, "workers outlive their master: %s", self._state)

    def _end_jobs(self) -> None:
        for worker in self.world.workers:
            worker.is_busy = False

    def _see_all_told(self) -> None:
        """A job that runs for ever holds up the end of its own worker, and nothing else.

        But that worker keeps its place, so another list may stay short, and with it its floor.
        """
        until = self.world.time + 40
        self._run(lambda: self.world.time >= until or not self._untold)
        owner = self._owner_process
        if owner is not None and owner.file is not None and owner.file.trouble is Trouble.NONE:
            _require(not self._untold, "a job holds up the change-over: %s", self._state)

    @property
    def _untold(self) -> list[Process]:
        owner = self._owner_process
        if owner is None or owner.file is None:
            return []
        live = Counter(w.queues for w in self._lasting if not w.is_canary)
        short = Counter(frozenset(queues) for queues in owner.lists) - live
        return [
            w
            for w in self._lasting
            if (w.generation != owner.generation or self.oracle.is_surplus(w))
            and not (w.is_told or w.is_canary)
            and not short[w.queues or frozenset()]
        ]

    def _wake(self) -> None:
        self.world.lacking = 0
        for listener in self.world.listeners:
            hangs = listener.app is not None and listener.workers is None
            listener.is_stopped = hangs

    def _see_return(self) -> None:
        """A generation of which no worker works must have given its right back, if it can."""
        troubled = (Trouble.WORKERS_FAIL, Trouble.WORKERS_CRASH)
        owner = self._owner_process
        if owner is None or owner.file is None or owner.file.trouble not in troubled:
            return
        until = self.world.time + 40
        self._run(lambda: self.world.time >= until or self._owner_process is not owner)
        works = any(
            w.generation == owner.generation and w.stage is Stage.WORKING
            for w in self.world.workers
        )
        _require(
            works or self._owner_process is not owner or self.master._generations.fallback is None,
            "generation %d fails and stays the owner",
            owner.generation,
        )

    def _cure(self) -> None:
        """Mend every file, without telling anybody."""
        self._say("all files are mended")
        self._run(lambda: self.master._generations.booting is None)
        self.world.file.trouble = Trouble.NONE
        for process in (*self.world.listeners, *self.world.workers):
            if process.file is not None:
                process.file.trouble = Trouble.NONE

    def _has_converged(self) -> bool:
        owner = self._owner_process
        if owner is None or owner.file is None or self.world.listeners != [owner]:
            return False
        working = sorted(sorted(w.queues or ()) for w in self.world.workers if not w.is_canary)
        wanted = sorted(sorted(set(queues)) for queues in owner.lists)
        return working == wanted and all(
            w.generation == owner.generation and w.stage is Stage.WORKING
            for w in self.world.workers
        )

    def _see_last_reload(self) -> None:
        """A good file that nothing has disturbed is the one that is in force."""
        owner = self._owner_process
        if owner is not None and self._is_undisturbed and self._is_good:
            _require(owner.file is self.world.file, "the last reload has had no effect")

    def _run_until(self, is_over: Callable[[], bool], complaint: str) -> None:
        _require(self._run(is_over), "%s: %s", complaint, self._state)

    def _run(self, is_over: Callable[[], bool]) -> bool:
        """Let everybody act on news, and time pass only when nobody has any; False: it hangs."""
        end = self.world.time + MAX_SECONDS
        self.tick_master()
        for _ in range(MAX_ROUNDS):
            if self.master._is_done or is_over():
                return True
            self.oracle.check()
            if not self._react() and not self._wait(end):
                return False
        return False

    def _react(self) -> bool:
        """Give a turn to everybody who has news; False: nobody has."""
        acted = False
        for worker in list(self.world.workers):
            before = worker.stage, worker.is_alive
            self._go_on(worker)
            acted = acted or before != (worker.stage, worker.is_alive)
        for listener in self._awake:
            if listener.workers is None or listener.app._waiter.has_news:
                acted = True
                self._say("listener %d ticks", listener.generation)
                self.world.turn(listener)
                self._blocks(listener)
        if self._waiter.has_news:
            acted = True
            self.tick_master()
            self.tick_master()
        return acted

    def _blocks(self, listener: Process) -> None:
        """Another round: what the news led to is done before a real listener waits again."""
        if listener.is_alive and not listener.is_stopped:
            self.world.turn(listener)

    def _wait(self, end: float) -> bool:
        """Sleep as long as the most impatient of them would; False: for ever, or too long."""
        patience = [(self._waiter.patience, None)]
        patience += [
            (listener.app._waiter.patience, listener)
            for listener in self._awake
            if listener.app is not None
        ]
        limited = [(seconds, who) for seconds, who in patience if seconds is not None]
        if not limited or self.world.time > end:
            return False
        shortest = min(seconds for seconds, _ in limited)
        self.world.time += max(0.0, shortest) + 1e-6
        for seconds, who in limited:
            if seconds <= shortest:
                if who is None:
                    self.tick_master()
                else:
                    self.world.turn(who)
        return True

    # --- looking --------------------------------------------------------------------------

    @property
    def _awake(self) -> list[Process]:
        return [p for p in self.world.listeners if not p.is_stopped]

    @property
    def _lasting(self) -> list[Process]:
        """The workers but those that end as soon as they are built."""
        return [w for w in self.world.workers if not w.is_doomed]

    @property
    def _waiter(self) -> Waiter:
        waiter = self.master._waiter
        assert isinstance(waiter, Waiter)
        return waiter

    @property
    def _mode(self) -> Mode:
        return self.master._commands._mode

    @property
    def _owner_process(self) -> Process | None:
        owner = self.master._generations.owner
        if owner is None:
            return None
        return next((p for p in self.world.listeners if p.generation == owner.number), None)

    @property
    def _state(self) -> str:
        workers = [
            f"{w.pid}:g{w.generation}:{w.stage.value}{':told' * w.is_told}{':canary' * w.is_canary}"
            for w in self.world.workers
        ]
        books = [
            (w.live.generation, w.live.slot, w.live.phase.value)
            for _, w in self.master._generations.workers()
        ]
        owner = self.master._generations.owner
        listeners = [p.generation for p in self.world.listeners]
        return (
            f"owner {owner and owner.number}, listeners {listeners}, workers {workers},"
            f" the master counts {books}"
        )

    def _disturb(self, line: str, *facts: object) -> None:
        self._is_undisturbed = False
        self._say(line, *facts)

    def _say(self, line: str, *facts: object) -> None:
        if self._trace is not None:
            self._trace.append(f"{self.world.time:7.1f}  {line % facts}")


def _pick(candidates: list[Process], which: int) -> Process | None:
    return candidates[which % len(candidates)] if candidates else None


def _require(condition: object, complaint: str, *facts: object) -> None:
    if not condition:
        raise Breach(complaint % facts)


#: Everything that can happen, and how often it does beside the others.
STEPS: dict[str, Callable[[History, int], None]] = {
    "all": History.all_go_on,
    "master": History.tick_master,
    "listener": History.tick_listener,
    "worker": History.one_goes_on,
    "time": History.pass_time,
    "hup": History.reload,
    "scale": History.scale,
    "job": History.start_job,
    "kill-worker": History.kill_worker,
    "kill-listener": History.kill_listener,
    "kill-in-tick": History.die_in_tick,
    "stop-listener": History.stop_listener,
    "rewrite": History.rewrite,
    "no-room": History.run_short,
    "usr2": History.pause,
    "cont": History.resume,
}
_WEIGHTS = (30, 14, 14, 14, 12, 8, 10, 6, 6, 2, 2, 1, 1, 1, 1, 2)
FAULTS = (
    "all",
    "master",
    "listener",
    "worker",
    "time",
    "kill-worker",
    "kill-listener",
    "kill-in-tick",
)
ENDINGS = (Signals.SIGQUIT, Signals.SIGTERM)


def run(
    steps: Iterable[Step], faults: Iterable[Step] = (), ending: Signals = Signals.SIGQUIT
) -> None:
    """Go through a history to its end. Raises Breach, with the whole history in words."""
    steps, faults = list(steps), list(faults)
    try:
        _run(steps, faults, ending, None)
    except Exception as error:
        trace: list[str] = []
        try:
            _run(steps, faults, ending, trace)
        except Exception:  # noqa: BLE001 - it is the same one, and said below
            pass
        story = "\n".join(trace)
        raise Breach(
            f"{type(error).__name__}: {error}\n{story}\nsteps = {steps!r}\nfaults = {faults!r}"
        ) from error


def _run(steps: list[Step], faults: list[Step], ending: Signals, trace: list[str] | None) -> None:
    world = World(File(POOLS[0]))
    with replaced(world):
        history = History(world, trace)
        for step in steps:
            history.take(step)
        history.settle()
        history.stop(ending, faults)


def run_seed(seed: int) -> None:
    """Go through the history of a seed."""
    chance = random.Random(seed)
    length = chance.randint(5, 45)
    steps = list(
        zip(
            chance.choices(tuple(STEPS), _WEIGHTS, k=length),
            (chance.getrandbits(10) for _ in range(length)),
            strict=True,
        )
    )
    faults = [(chance.choice(FAULTS), chance.getrandbits(10)) for _ in range(chance.randint(0, 8))]
    try:
        run(steps, faults, chance.choice(ENDINGS))
    except Breach as breach:
        raise Breach(f"seed {seed}: {breach}") from breach
