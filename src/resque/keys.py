"""Every Redis key, as Ruby Resque names it."""

from dataclasses import dataclass

from resque.errors import NamespaceError


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one namespace, which may hold colons; raises NamespaceError if unusable."""

    namespace: str = "resque"

    def __post_init__(self) -> None:
        if not self.namespace:
            raise NamespaceError(self.namespace, "it is empty")
        if any(_is_control(character) for character in self.namespace):
            raise NamespaceError(self.namespace, "it holds a control character")
        if not _is_unicode(self.namespace):
            raise NamespaceError(self.namespace, "it is not Unicode text")

    @property
    def queues(self) -> str:
        """Set: every queue ever pushed to."""
        return f"{self.namespace}:queues"

    def queue(self, name: str) -> str:
        """List: payloads, the next one at its head."""
        return f"{self.namespace}:queue:{name}"

    @property
    def workers(self) -> str:
        """Set: ids of registered workers."""
        return f"{self.namespace}:workers"

    def worker(self, worker_id: str) -> str:
        """String: the job in hand as JSON; absent when idle."""
        return f"{self.namespace}:worker:{worker_id}"

    def worker_started(self, worker_id: str) -> str:
        """String: the time of registration."""
        return f"{self.namespace}:worker:{worker_id}:started"

    @property
    def heartbeats(self) -> str:
        """Hash: worker id to the time of its last heartbeat."""
        return f"{self.namespace}:workers:heartbeat"

    @property
    def deaths_allowed(self) -> str:
        """Hash: worker id to how many workers a job of it may take along before it fails."""
        return f"{self.namespace}:workers:deaths_allowed"

    @property
    def prune_lock(self) -> str:
        """String with a TTL: the worker that prunes, or pruned a moment ago."""
        return f"{self.namespace}:pruning_dead_workers_in_progress"

    @property
    def pause(self) -> str:
        """String: ``true`` pauses all workers."""
        return f"{self.namespace}:pause-all-workers"

    def stat(self, name: str) -> str:
        """Integer: a total, ``processed`` or ``failed``."""
        return f"{self.namespace}:stat:{name}"

    def worker_stat(self, name: str, worker_id: str) -> str:
        """Integer: the same for one worker."""
        return f"{self.namespace}:stat:{name}:{worker_id}"

    def deaths(self, digest: str) -> str:
        """Integer with a TTL, ours: how many workers have died in the job of this digest."""
        return f"{self.namespace}:deaths:{digest}"

    @property
    def failed(self) -> str:
        """List: failure records."""
        return f"{self.namespace}:failed"

    @property
    def failed_queues(self) -> str:
        """Set: the failure lists, as ``<queue>_failed``, when each queue has its own."""
        return f"{self.namespace}:failed_queues"

    def failed_queue(self, name: str) -> str:
        """List: failure records of the jobs of the queue ``name``."""
        return f"{self.namespace}:{name}_failed"


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character < "\xa0"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
