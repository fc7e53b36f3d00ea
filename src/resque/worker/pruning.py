"""Clear away the workers that have died without a word (protocol, section 9)."""

import logging
import re
import socket
from collections.abc import Iterator, Mapping, Sequence

from resque import times
from resque.burial import Burial
from resque.client import Resque
from resque.errors import DecodeError, DirtyExit, PruneDeadWorkerDirtyExit
from resque.inspection import shown
from resque.payload import Payload
from resque.store import queues, workers
from resque.store.workers import Roll
from resqued.process.command_line import command_line

log = logging.getLogger(__name__)

#: Seconds without a heartbeat after which a worker counts as dead.
PRUNE_INTERVAL = 300.0
#: What the command line or the title of a living worker has, Ruby's or ours.
_WORKER_LINE = re.compile(rb"resque:work|resque: Starting|resque-\d")
_NO_WORKER_LINE = re.compile(rb"resque-web")
#: Digits. No system has pids of more; Python refuses to read a number of thousands.
_LONGEST_PID = 19


class Pruner:
    """Looks, on behalf of one worker, for others that are dead; runs in that worker.

    Ids and heartbeats that cannot be read are left alone: they are somebody else's, and nothing
    can be concluded from them.
    """

    def __init__(
        self,
        client: Resque,
        worker_id: str,
        patterns: Sequence[str],
        burial: Burial,
        *,
        prune_interval: float,
    ) -> None:
        """``prune_interval`` is the silence in seconds after which a worker is dead."""
        self._client = client
        self._id = worker_id
        self._patterns = frozenset(patterns)
        self._burial = burial
        self._prune_interval = prune_interval

    def prune(self, roll: Roll) -> None:
        """Clear those away that are dead by this roll; raises what the server's calls raise."""
        server, keys = self._client.server, self._client.keys
        silent = list(self._silent(roll.heartbeats, roll.now))
        for worker_id in silent:
            name = shown(worker_id)
            fields = {"event": "worker_pruned", "worker_id": name, "reason": "silent"}
            log.warning("Pruning worker %s, which has been silent for long", name, extra=fields)
            job = _class_in_hand(workers.record(server, keys, worker_id))
            self._burial.bury(worker_id, PruneDeadWorkerDirtyExit(name, job))
        for worker_id in roll.ids:
            if worker_id not in silent and self._is_dead_neighbour(worker_id):
                name = shown(worker_id)
                fields = {"event": "worker_pruned", "worker_id": name, "reason": "gone"}
                log.warning("Pruning worker %s, whose process is gone", name, extra=fields)
                self._burial.bury(worker_id, DirtyExit())

    def _silent(self, beats: Mapping[bytes, bytes], now: float) -> Iterator[bytes]:
        """Yield those whose last heartbeat is too old; future ones never are."""
        for worker_id, text in beats.items():
            beat = times.read_heartbeat(text)
            is_old = beat is not None and int(now - beat) > self._prune_interval
            if is_old and worker_id != self._id.encode():
                yield worker_id

    def _is_dead_neighbour(self, worker_id: bytes) -> bool:
        """Tell whether it is a worker of this host, for our queues, without a process.

        Pids that are no plain numbers are other implementations', whose processes we would not
        recognize.
        """
        host, _, rest = worker_id.partition(b":")
        pid, _, listed = rest.partition(b":")
        if host != socket.gethostname().encode() or not listed:
            return False
        if not pid.isdigit() or len(pid) > _LONGEST_PID:
            return False
        try:
            theirs = frozenset(listed.decode().split(","))
        except UnicodeDecodeError:
            return False
        ours = frozenset(p for p in self._patterns if not p.startswith("!"))
        if "*" not in ours and theirs != ours:
            return False
        return not is_worker(int(pid))


def is_worker(pid: int) -> bool:
    """Tell whether a process of this host is, or may be, a living Resque worker."""
    line = command_line(pid)
    if line is None:
        return True
    return is_worker_line(line)


def is_worker_line(line: bytes) -> bool:
    """Tell whether a title or command line is that of a Resque worker."""
    return bool(_WORKER_LINE.search(line)) and not _NO_WORKER_LINE.search(line)


def _class_in_hand(record: bytes | None) -> str | None:
    if not record:
        return None
    try:
        return Payload.decode(queues.from_record(record).element).class_name
    except DecodeError:
        return None
