"""One schedule: a daemon of its own, random events under load, and what must be true at the end."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from signal import Signals

from tests.chaos.feeder import Feeder
from tests.chaos.files import MOST, POOL, File, Style, Trouble, changed
from tests.chaos.sizes import Sizes
from tests.chaos.watcher import Kind, Seen, Watcher
from tests.support import processes
from tests.support.control import ask
from tests.support.server import ValkeyServer

#: Seconds until a daemon that nobody disturbs must be as its last file wants it, and be gone.
SETTLED = 20.0
GONE = 15.0

#: The config file; its name must not hide the package.
FILE = "pool.py"

_ROOT = pathlib.Path(__file__).parents[2]


class Breach(Exception):  # noqa: N818 - it is what was found
    """Raised where something is not as it must be."""


@dataclass
class Outcome:
    """What a schedule has led to; travels between processes."""

    number: int
    seed: int
    kind: str
    seconds: float = 0.0
    events: Counter[str] = field(default_factory=Counter)
    history: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    log: str = ""
    looks: int = 0
    longest_look: float = 0.0
    overlaps: int = 0
    least: int | None = None


@dataclass(frozen=True)
class Order:
    """Which schedule to run, and how."""

    number: int
    seed: int
    kind: str | None = None  #: None: as the number has it

    @property
    def style(self) -> str:
        """Every fifth has resque's own workers; every other fifth is calm, to see the floor."""
        return self.kind or ("chaos", "chaos", "calm", "chaos", "real")[self.number % 5]


def run(order: Order) -> Outcome:
    """Run one schedule from start to end."""
    outcome = Outcome(order.number, order.seed, order.style)
    began = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="resqued-chaos-"))
    schedule = Schedule(order, folder, outcome)
    try:
        schedule.run()
    except Breach as breach:
        outcome.breaches.append(str(breach))
    except Exception as error:  # noqa: BLE001 - one schedule's failure must not end the others
        outcome.breaches.append(f"the harness failed: {error!r}")
    finally:
        schedule.clean_up()
        outcome.seconds = time.monotonic() - began
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


class Schedule:
    """The events of one schedule."""

    def __init__(self, order: Order, folder: pathlib.Path, outcome: Outcome) -> None:
        self._order = order
        self._folder = folder
        self._outcome = outcome
        self._chance = Random(order.seed)
        self._style = {
            "chaos": Style(),
            "calm": Style(has_jobs=False, build=0.12),
            "real": Style(is_real=True),
        }[order.style]
        self._files: dict[int, File] = {}
        self._good = File(0, ())
        self._sizes = Sizes(time.monotonic)
        #: Of the pool, once nothing else happens; None: as in the file.
        self._size: int | None = None
        self._began = time.monotonic()
        self._server: ValkeyServer | None = None
        self._feeder: Feeder | None = None
        self._master: subprocess.Popen[bytes] | None = None
        self._watcher: Watcher | None = None

    def run(self) -> None:
        """Start, disturb, settle, stop. Raises Breach."""
        if self._style.is_real:
            self._server = ValkeyServer()
            self._server.start()
            self._feeder = Feeder(self._server.port)
        self._start()
        if self._order.style == "calm":
            self._wait_until(self._is_settled, "the first workers", SETTLED)
            self._be_calm()
        else:
            self._be_wild()
        self._settle()
        self._scale_in_peace()
        self._stop()

    # --- the daemon -----------------------------------------------------------------------

    def _start(self) -> None:
        shutil.copy(_ROOT / "tests" / "chaos" / "app.py", self._folder / "chaos_app.py")
        size = self._chance.randint(3, 6) if self._order.style == "calm" else 3
        self._write(changed(File(0, (("a",),) * size), "changed", self._chance))
        if self._order.style == "calm":
            self._write(File(2, (("a",),) * size))
        environment = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self._folder),
            "XDG_RUNTIME_DIR": str(self._folder),  # for its control socket
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            processes.MARKER: str(self._folder),
        }
        if self._server is not None:
            environment["REDIS_URL"] = self._server.url
        with (self._folder / "log").open("ab") as log:
            self._master = subprocess.Popen(
                [sys.executable, "-P", "-m", "resqued", FILE],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._watcher = Watcher(self._master.pid, self._plan)
        self._watcher.start()
        # Until it has handlers, a signal from outside does what signals do by default.
        self._wait_until(lambda: " master " in self._title, "the master's start", SETTLED)

    @property
    def _title(self) -> str:
        assert self._master is not None
        process = processes.find(self._master.pid)
        return process.title if process else ""

    def _plan(self, version: int, generation: int | None) -> tuple[frozenset[str], ...]:
        file = self._files[version]
        return file.lists(self._sizes.most(file.pool, generation))

    def _write(self, file: File) -> None:
        self._files[file.version] = file
        if file.trouble is Trouble.NONE:
            self._good = file
        path = self._folder / "new"
        path.write_text(file.text(self._style), encoding="utf-8")
        path.rename(self._folder / FILE)

    def _signal(self, number: Signals) -> None:
        assert self._master is not None
        if self._master.poll() is not None:
            raise Breach(f"the master has ended: {self._master.returncode}")
        self._master.send_signal(number)

    # --- events ---------------------------------------------------------------------------

    def _be_wild(self) -> None:
        """Everything may happen."""
        self._sleep(0.0, 0.7)
        names = list(_EVENTS)
        weights = [weight for weight, _ in _EVENTS.values()]
        for _ in range(self._chance.randint(6, 12)):
            self._check()
            name = self._chance.choices(names, weights)[0]
            self._happen(name)
            self._sleep(0.0, self._chance.choice((0.02, 0.1, 0.3, 0.6)))

    def _be_calm(self) -> None:
        """Only reloads of the same pool, idle all the time: the floor can be seen."""
        assert self._watcher is not None
        size = len(self._good.workers)
        self._watcher.expect_at_least(size - max(1, size // 10))
        for _ in range(self._chance.randint(1, 3)):
            if self._chance.random() < 0.4:
                self._reload_broken_in_peace()
            self._happen("HUP same")
            if self._chance.random() < 0.3:
                self._sleep(0.0, 0.4)
                self._happen("HUP same")
            self._wait_until(self._is_settled, "a reload of an idle pool", SETTLED)

    def _reload_broken_in_peace(self) -> None:
        """A file that does not load changes nothing for the workers."""
        former = {seen.pid for seen in self._of(Kind.WORKER)}
        troubles = [t for t in Trouble if t not in {Trouble.NONE, Trouble.HANGS}]
        self._reload_broken(self._chance.choice(troubles))
        failures = self._log.count(" failed, ")
        self._wait_until(
            lambda: self._log.count(" failed, ") > failures - 1, "the failure", SETTLED
        )
        self._sleep(0.1, 0.3)
        if {seen.pid for seen in self._of(Kind.WORKER)} != former:
            raise Breach("a broken file has changed the workers")

    def _happen(self, name: str) -> None:
        self._say(name)
        self._outcome.events[name] += 1
        _EVENTS[name][1](self)

    def _say(self, line: str) -> None:
        self._outcome.history.append(f"{time.monotonic() - self._began:7.3f} {line}")

    def reload(self, kind: str) -> None:
        """HUP, with a good file that differs from the last good one in this way."""
        last = replace(self._good, version=max(self._files))
        self._write(changed(last, kind, self._chance))
        self._say(f"  {self._good}")
        self._signal(Signals.SIGHUP)

    def reload_broken_somehow(self) -> None:
        """HUP, with a file that cannot work."""
        # Before anything has been read, a file that cannot be read ends the master, as it should.
        self._wait_until(lambda: self._has_read or self._is_paused, "the first file", SETTLED)
        if not self._has_read:
            self._say("  nothing was read yet, and nothing will be: it is paused")
            return
        self._reload_broken(self._chance.choice([t for t in Trouble if t is not Trouble.NONE]))

    @property
    def _has_read(self) -> bool:
        return " configured\n" in self._log

    @property
    def _is_paused(self) -> bool:
        return "[paused]" in self._title

    def _reload_broken(self, trouble: Trouble) -> None:
        workers = self._good.workers or (("a",),)
        file = File(max(self._files) + 1, workers, trouble, self._good.pool)
        self._say(f"  file {file.version}: {trouble.value}")
        self._outcome.events[f"  {trouble.value}"] += 1
        self._write(file)
        self._signal(Signals.SIGHUP)

    def reload_twice(self) -> None:
        """HUP, and again before anything can have come of the first."""
        self.reload("changed")
        time.sleep(self._chance.choice((0.0, 0.001, 0.01)))
        self.reload(self._chance.choice(("same", "changed", "renamed")))

    def reload_in_boot(self) -> None:
        """HUP, and again while the new listener loads."""
        self.reload("changed")
        time.sleep(self._chance.uniform(0.02, 0.25))
        self.reload(self._chance.choice(("same", "shrunk", "grown")))

    def pause(self) -> None:
        """USR2."""
        self._signal(Signals.SIGUSR2)

    def resume(self) -> None:
        """CONT."""
        self._signal(Signals.SIGCONT)

    def replace_master(self) -> None:
        """USR1."""
        self._signal(Signals.SIGUSR1)

    def scale(self) -> None:
        """Give the pool any size, if that may be."""
        self._scale(self._chance.randint(0, MOST))

    def _scale(self, size: int) -> bool:
        """Return whether the pool has this size from now on."""
        self._sizes.ask(size)
        try:
            answer = ask(self._control, "scale", pools={POOL: size})
        except (OSError, ValueError) as error:  # nobody there, or gone before the whole answer
            self._note_scaled(f"{size}: no answer: {error}", "unanswered")
            self._sizes.unanswered()
            return False
        if not answer["ok"]:
            self._note_scaled(f"{size}: {answer['error']}", answer["code"])
            self._sizes.refused()
            return False
        was = answer["pools"][POOL]["was"]
        self._note_scaled(f"{was} to {size} in generation {answer['generation']}", "done")
        self._sizes.accepted(answer["generation"], was)
        return True

    def _note_scaled(self, text: str, outcome: str) -> None:
        self._say(f"  {text}")
        self._outcome.events[f"  scale {outcome}"] += 1

    @property
    def _control(self) -> pathlib.Path:
        assert self._master is not None
        return self._folder / "resqued" / f"{self._master.pid}.sock"

    def kill(self, *kinds: Kind) -> None:
        """KILL to one of the daemon's processes, which must carry the schedule's mark."""
        candidates = sorted(self._of(*kinds), key=lambda seen: seen.pid)
        if not candidates:
            return
        seen = self._chance.choice(candidates)
        if any(process.pid == seen.pid for process in processes.below(str(self._folder))):
            self._say(f"  {seen.pid} {seen.kind.value} v{seen.version} {seen.title[:50]}")
            try:
                os.kill(seen.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it was quicker

    # --- the end --------------------------------------------------------------------------

    def _settle(self) -> None:
        """Disturb no more: the daemon must become what its last file wants."""
        assert self._watcher is not None
        self._watcher.expect_at_least(None)
        if self._feeder is not None:
            self._feeder.stop()
        last = replace(self._good, version=max(self._files))
        self._write(changed(last, "changed", self._chance))
        self._say(f"the end: {self._good}")
        self._signal(Signals.SIGCONT)
        self._signal(Signals.SIGHUP)
        self._wait_until(self._is_settled, "the last file's workers", SETTLED)
        self._sleep(0.0, 0.1)
        if not self._is_settled():
            self._wait_until(self._is_settled, "the last file's workers, to stay", SETTLED)

    def _scale_in_peace(self) -> None:
        """Nothing else happens: the pool gets any size that it is to have."""
        size = self._chance.randint(0, MOST)
        self._wait_until(lambda: self._scale(size), "leave to scale", SETTLED)
        self._size = size
        self._wait_until(self._is_settled, f"a pool of {size}", SETTLED)

    def _is_settled(self) -> bool:
        wanted = Counter(self._good.lists(self._good.pool if self._size is None else self._size))
        workers = self._of(Kind.WORKER)
        return (
            Counter(seen.queues for seen in workers) == wanted
            and all(seen.version == self._good.version for seen in workers)
            and len(self._of(Kind.LISTENER)) == 1
            and not self._of(Kind.STARTING, Kind.UNTITLED, Kind.STRANGER)
        )

    def _stop(self) -> None:
        assert self._master is not None
        self._say("QUIT")
        self._signal(Signals.SIGQUIT)
        master = self._master
        self._wait_until(lambda: master.poll() is not None, "the master's end", GONE, alive=False)
        if master.returncode != 0:
            raise Breach(f"the master ended with {master.returncode}")
        self._wait_until(
            lambda: not processes.below(str(self._folder)), "no process left", 3.0, alive=False
        )

    def _check(self) -> None:
        assert self._watcher is not None
        if self._watcher.breaches:
            raise Breach("\n".join(self._watcher.breaches))

    def _wait_until(
        self, condition: Callable[[], bool], what: str, seconds: float, *, alive: bool = True
    ) -> None:
        assert self._master is not None
        deadline = time.monotonic() + seconds
        while not condition():
            if alive:
                self._check()
                if self._master.poll() is not None:
                    raise Breach(f"the master has ended: {self._master.returncode}")
            if time.monotonic() > deadline:
                there = processes.shown(processes.below(str(self._folder)))
                raise Breach(f"waited {seconds:g} s in vain for {what}\n{there}")
            time.sleep(0.01)

    def clean_up(self) -> None:
        """Note what was found, and leave nothing behind."""
        if self._watcher is not None:
            self._watcher.stop()
            found = [
                b for b in self._watcher.breaches if b not in "\n".join(self._outcome.breaches)
            ]
            self._outcome.breaches += found
            self._outcome.looks = self._watcher.looks
            self._outcome.longest_look = self._watcher.longest_look
            self._outcome.overlaps = self._watcher.overlaps
            self._outcome.least = self._watcher.least
        if "resqued/master/" in self._log or "resqued/ipc/" in self._log:
            self._outcome.breaches.append("the master's log has a traceback")
        if self._outcome.breaches:
            self._outcome.log = self._log
        processes.kill_all(str(self._folder))
        if self._master is not None:
            self._master.wait()
        if self._feeder is not None:
            self._feeder.stop()
        if self._server is not None:
            self._server.stop()

    # --- looking --------------------------------------------------------------------------

    def _of(self, *kinds: Kind) -> list[Seen]:
        assert self._watcher is not None
        return self._watcher.present(*kinds)

    def _sleep(self, least: float, most: float) -> None:
        time.sleep(self._chance.uniform(least, most))

    @property
    def _log(self) -> str:
        path = self._folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""


def _reload(kind: str) -> Callable[[Schedule], None]:
    return lambda schedule: schedule.reload(kind)


def _kill(*kinds: Kind) -> Callable[[Schedule], None]:
    return lambda schedule: schedule.kill(*kinds)


#: What may happen, how often beside the others, and what it does.
_EVENTS: dict[str, tuple[int, Callable[[Schedule], None]]] = {
    "HUP same": (6, _reload("same")),
    "HUP changed": (6, _reload("changed")),
    "HUP renamed": (6, _reload("renamed")),
    "HUP grown": (4, _reload("grown")),
    "HUP shrunk": (4, _reload("shrunk")),
    "HUP emptied": (2, _reload("emptied")),
    "HUP broken": (6, Schedule.reload_broken_somehow),
    "HUP twice": (3, Schedule.reload_twice),
    "HUP during boot": (3, Schedule.reload_in_boot),
    "KILL worker": (9, _kill(Kind.WORKER, Kind.STARTING, Kind.UNTITLED)),
    "KILL canary": (2, _kill(Kind.CANARY)),
    "KILL listener": (4, _kill(Kind.LISTENER)),
    "KILL job": (3, _kill(Kind.JOB)),
    "USR2": (2, Schedule.pause),
    "CONT": (3, Schedule.resume),
    "USR1": (4, Schedule.replace_master),
    "scale": (8, Schedule.scale),
}
