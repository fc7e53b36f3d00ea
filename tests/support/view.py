"""The server as a worker's test looks at it, past the worker itself."""

import json
from typing import Any

from resque.client import Resque
from resque.store.words import Reply, Word
from tests.support.working import WorkerProcess


class View:
    """Looks at the keys of one namespace, and puts elements into its queues as they are."""

    def __init__(self, client: Resque) -> None:
        self._client = client
        self.keys = client.keys

    def call(self, name: Word, *words: Word) -> Reply:
        """Send one command."""
        return self._client.server.call(name, *words)

    def push(self, queue: str, *elements: bytes) -> None:
        """Append elements that need not be jobs."""
        self.call("SADD", self.keys.queues, queue)
        self.call("RPUSH", self.keys.queue(queue), *elements)

    def size(self, queue: str) -> int:
        """Return how many elements wait in a queue."""
        return self._client.size(queue)

    def failures(self) -> list[dict[str, Any]]:
        """Return the failure records, oldest first."""
        return [json.loads(record) for record in self.call("LRANGE", self.keys.failed, 0, -1)]

    def worker_ids(self) -> list[str]:
        """Return who is registered."""
        return self._client.worker_ids()

    def record(self, worker: WorkerProcess) -> bytes | None:
        """Return the record of a worker's job."""
        found: bytes | None = self.call("GET", self.keys.worker(worker.id))
        return found

    def stats(self) -> tuple[int, int]:
        """Return how many jobs were processed, and how many have failed."""
        return self._numbers(self.keys.stat("processed"), self.keys.stat("failed"))

    def stats_of(self, worker: WorkerProcess) -> tuple[int, int]:
        """Return the same for one worker."""
        keys = self.keys
        return self._numbers(*(keys.worker_stat(n, worker.id) for n in ("processed", "failed")))

    def traces(self, worker: WorkerProcess) -> list[str]:
        """Return which keys speak of a worker, without the namespace, its id shown as ID."""
        found = [
            key.decode().removeprefix(f"{self.keys.namespace}:").replace(worker.id, "ID")
            for key in self.call("KEYS", "*")
            if worker.id.encode() in key
        ]
        if self.call("SISMEMBER", self.keys.workers, worker.id):
            found.append("workers")
        if self.call("HEXISTS", self.keys.heartbeats, worker.id):
            found.append("workers:heartbeat")
        return sorted(found)

    def _numbers(self, *names: str) -> tuple[int, int]:
        processed, failed = (int(value or 0) for value in self.call("MGET", *names))
        return processed, failed
