"""Resque: one server, one namespace, and what an application does with them."""

from typing import Any

from resque.definition import Definition
from resque.errors import QueueNameError
from resque.failure.backend import BackendChoice
from resque.failure.choice import make_backend
from resque.job import Job
from resque.keys import Keys
from resque.payload import Payload
from resque.registry import Registry, is_queue_name
from resque.store import failures, queues, workers
from resque.store.server import Server


class Resque:
    """Enqueue jobs, and look at what is there.

    Every method asks the server; all raise ServerUnavailable if it is away.
    """

    def __init__(
        self,
        server: Server,
        registry: Registry,
        namespace: str = "resque",
        *,
        failures: BackendChoice = "redis",
    ) -> None:
        """Raises NamespaceError for a namespace that cannot be used, and as ``make_backend``."""
        self.server = server
        self.registry = registry
        self.keys = Keys(namespace)
        self.failure_backend = make_backend(failures, server, self.keys)

    def enqueue(self, target: object, *args: Any, **kwargs: Any) -> bool:
        """Put a declared function or class into its queue, for a worker to run.

        Raises NotAJobError for anything else, TypeError if the arguments do not fit, EncodeError
        if JSON cannot carry them.
        """
        definition = self.registry.definition_of(target)
        return self.enqueue_definition(definition, definition.positions(args, kwargs))

    def enqueue_to(self, queue: str, target: object, *args: Any, **kwargs: Any) -> bool:
        """Put a job into any queue; by name also one that only another language's worker has.

        The arguments of a name are taken as they are; otherwise raises as ``enqueue``.
        """
        if isinstance(target, str):
            if kwargs:
                raise TypeError(f"{target}: a job by name takes no keyword arguments")
            return self._push(queue, target, args)
        definition = self.registry.definition_of(target)
        return self._push(queue, definition.name, definition.positions(args, kwargs))

    def enqueue_definition(self, definition: Definition, args: tuple[Any, ...]) -> bool:
        """Put a declared job into its queue, its arguments in place already."""
        return self._push(definition.queue, definition.name, args)

    def queues(self) -> list[str]:
        """Return the names of all queues ever used, sorted."""
        return sorted(queues.names(self.server, self.keys))

    def size(self, queue: str) -> int:
        """Return how many jobs wait in a queue."""
        return queues.size(self.server, self.keys, queue)

    def reserve(self, queue: str) -> Job | None:
        """Take the next job of a queue away, to be performed by the caller; None: it is empty.

        Nobody else knows of the job then. Raises DecodeError for an element that is no job; it
        is gone from the queue, and in the error.
        """
        element = queues.pop(self.server, self.keys, queue)
        return None if element is None else Job(queue, Payload.decode(element), self.registry)

    def failure_count(self) -> int:
        """Return how many failure records there are."""
        return failures.count(self.server, self.keys)

    def worker_ids(self) -> list[str]:
        """Return the ids of all registered workers, sorted."""
        return workers.ids(self.server, self.keys)

    def close(self) -> None:
        """Let go of the connection; it is opened again when needed."""
        self.server.close()

    def _push(self, queue: str, class_name: str, args: tuple[Any, ...]) -> bool:
        if not is_queue_name(queue):
            raise QueueNameError(queue)
        queues.push(self.server, self.keys, queue, Payload.encode(class_name, args))
        return True
