"""What happens to the pool and its server, at random moments of a run."""

import os
import select
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from signal import Signals

from resque.client import Resque
from resque.errors import ResqueError
from tests.chaos_jobs.account import Kill
from tests.chaos_jobs.pool import Pool
from tests.support.processes import Process
from tests.support.server import ValkeyServer

#: How often each event happens beside the others.
_WEIGHTS = {
    "worker killed": 8,
    "job killed": 6,
    "connection cut": 4,
    "all connections cut": 2,
    "listener killed": 2,
    "pool reloaded": 2,
}
#: In a run of any length.
_RESTARTS = 5
#: Seconds in which a process without a moment's rest is sought, and in which a killed one ends.
_SEARCH = 0.2
_END = 5.0


class Tormentor:
    """Does something every so many jobs; a seed names the choices of a run."""

    def __init__(
        self, pool: Pool, server: ValkeyServer, client: Resque, chance: Random, *, jobs: int
    ) -> None:
        """``jobs`` is how many the run has, over which the server's restarts are spread."""
        self._pool = pool
        self._server = server
        self._client = client
        self._chance = chance
        self._restarts = [
            jobs * (part + chance.uniform(0.1, 0.8)) / _RESTARTS for part in range(_RESTARTS)
        ]
        self._next = 1.0  # a job: from then on the master acts on signals
        self.events: Counter[str] = Counter()
        self.kills: list[Kill] = []  #: of workers

    def act_if_due(self, begun: int, every: int) -> None:
        """Do what is due once ``begun`` jobs have begun; something happens ``every`` so many."""
        if self._restarts and begun >= self._restarts[0]:
            del self._restarts[0]
            self._restart_server()
        if begun >= self._next:
            self._next = begun + every * self._chance.uniform(0.5, 1.5)
            (name,) = self._chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
            if _EVENTS[name](self):
                self.events[name] += 1

    def kill_worker(self) -> bool:
        """KILL one worker."""
        return self._kill_and_note(self._pool.workers)

    def kill_job(self) -> bool:
        """KILL the process of one job."""
        return self._kill_and_note(self._pool.jobs)

    def kill_listener(self) -> bool:
        """KILL one listener; its workers have no part in it."""
        return self._kill_one(self._pool.listeners) is not None

    def reload(self) -> bool:
        """HUP to the master."""
        self._pool.signal(Signals.SIGHUP)
        return True

    def cut_all(self) -> bool:
        """Close every connection of the server's but the one that asks for it."""
        return self._call("CLIENT", "KILL", "TYPE", "normal") is not None

    def cut_one(self) -> bool:
        """Close one connection."""
        listed = self._call("CLIENT", "LIST")
        if not isinstance(listed, bytes):
            return False
        ids = [line.split()[0].partition(b"=")[2] for line in listed.splitlines()]
        return bool(self._call("CLIENT", "KILL", "ID", self._chance.choice(ids)))

    def _restart_server(self) -> None:
        """KILL the server, and start it on the same data a moment later."""
        self._server.stop()
        time.sleep(self._chance.uniform(0.0, 0.5))
        deadline = time.monotonic() + _END
        while True:
            try:
                self._server.start()
                break
            except AssertionError:  # a worker that looked for it got its port as its own
                if time.monotonic() > deadline:
                    raise
        self.events["server restarted"] += 1

    def _kill_and_note(self, candidates: Callable[[], Sequence[Process]]) -> bool:
        before = self._notes_size
        killed = self._kill_one(candidates)
        if killed is not None:
            self.kills.append(Kill(killed.pid, before, self._notes_size))
        return killed is not None

    def _kill_one(self, candidates: Callable[[], Sequence[Process]]) -> Process | None:
        """Kill one of these and wait until it has ended; None if there was none to be had."""
        deadline = time.monotonic() + _SEARCH
        while time.monotonic() < deadline:
            found = candidates()
            if found:
                chosen = self._chance.choice(found)
                if _kill(chosen):
                    return chosen
            time.sleep(0.002)
        return None

    def _call(self, *words: str | bytes) -> object:
        try:
            return self._client.server.call(*words)
        except ResqueError:
            return None

    @property
    def _notes_size(self) -> int:
        return self._pool.notes.stat().st_size


def _kill(process: Process) -> bool:
    """KILL a process and wait for its end; False if it had ended before."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        if not process.is_there:  # but another one of its pid
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        select.select([descriptor], [], [], _END)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


_EVENTS: dict[str, Callable[[Tormentor], bool]] = {
    "worker killed": Tormentor.kill_worker,
    "job killed": Tormentor.kill_job,
    "connection cut": Tormentor.cut_one,
    "all connections cut": Tormentor.cut_all,
    "listener killed": Tormentor.kill_listener,
    "pool reloaded": Tormentor.reload,
}
