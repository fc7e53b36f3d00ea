"""Resque: one server, one namespace, and what an application does with them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from resque import removal
from resque.delivery import Inline, ToServer
from resque.failure.backend import BackendChoice, FailureBackend
from resque.failure.choice import make_backend
from resque.failure.failures import Failures
from resque.inspection import Element, Info, QueueSample, WorkerInfo, shown
from resque.job import Job
from resque.keys import Keys
from resque.payload import Payload
from resque.prepared import Delivery, PreparedJob, usable
from resque.registry import Registry
from resque.ruby_json import encode_json
from resque.store import queues, survey, workers
from resque.store.server import Server

#: Jobs that ``enqueue_many`` sends in one round trip.
_AT_ONCE = 1000


class Client(ABC):
    """Enqueue jobs, take them back, and look at what is there.

    Every method asks the server unless it says otherwise; all raise ServerUnavailable if it is
    away. What is read never makes them fail: malformed ids, records and elements are shown as
    such.
    """

    @property
    @abstractmethod
    def server(self) -> Server:
        """The server."""

    @property
    @abstractmethod
    def keys(self) -> Keys:
        """The names of the keys in the namespace."""

    @property
    @abstractmethod
    def registry(self) -> Registry:
        """The application's jobs."""

    @property
    @abstractmethod
    def failure_backend(self) -> FailureBackend:
        """What takes the failures of its workers."""

    # --- enqueueing

    def prepare(self, target: object, *args: Any, **kwargs: Any) -> PreparedJob:
        """Return a job for ``enqueue_many``; nothing is sent. Raises as ``enqueue``."""
        definition = self.registry.definition_of(target)
        return PreparedJob.of(definition, definition.positions(args, kwargs))

    def prepare_to(self, queue: str, target: object, *args: Any, **kwargs: Any) -> PreparedJob:
        """Return a job for ``enqueue_many``; nothing is sent. Raises as ``enqueue_to``."""
        if isinstance(target, str):
            if kwargs:
                raise TypeError(f"{target}: a job by name takes no keyword arguments")
            return PreparedJob.by_name(queue, target, args)
        definition = replace(self.registry.definition_of(target), queue=queue)
        return PreparedJob.of(definition, definition.positions(args, kwargs))

    def enqueue(self, target: object, *args: Any, **kwargs: Any) -> bool:
        """Put a declared function or class into its queue, for a worker to run.

        False if a ``before_enqueue`` hook said no. Raises NotAJobError for anything else,
        TypeError if the arguments do not fit, EncodeError if JSON cannot carry them, and what a
        hook raises.
        """
        return self.enqueue_prepared(self.prepare(target, *args, **kwargs))

    def enqueue_to(self, queue: str, target: object, *args: Any, **kwargs: Any) -> bool:
        """Put a job into any queue; by name also one that only another language's worker has.

        The arguments of a name are taken as they are, and no hooks run; otherwise as
        ``enqueue``. Raises QueueNameError, too.
        """
        return self.enqueue_prepared(self.prepare_to(queue, target, *args, **kwargs))

    def enqueue_prepared(self, job: PreparedJob) -> bool:
        """Put a prepared job into its queue; False if a hook said no."""
        return self._deliver([job]) == 1

    def enqueue_many(self, jobs: Iterable[PreparedJob]) -> int:
        """Enqueue prepared jobs, a thousand in a round trip, and return how many it were.

        All hooks run, for each job as for a single one; ``before_enqueue`` for the thousand
        before any of them is sent, so if one raises, none of these is.
        """
        jobs = iter(jobs)
        enqueued = 0
        while some := list(islice(jobs, _AT_ONCE)):
            enqueued += self._deliver(some)
        return enqueued

    @property
    def inline(self) -> bool:
        """Whether the application's jobs are performed as they are enqueued, without a server.

        Settable. It holds for all clients of the application. Enqueue hooks and perform hooks
        run, arguments are read back from JSON, errors are raised to who enqueues. Nothing ever
        waits, so ``dequeue`` finds nothing; all other methods still ask the server.
        """
        return isinstance(self.registry.delivery, Inline)

    @inline.setter
    def inline(self, value: bool) -> None:
        self.registry.delivery = Inline(self.registry) if value else None

    # --- taking back

    def dequeue(self, target: object, *args: Any, **kwargs: Any) -> int | None:
        """Remove jobs of a declared function or class from its queue; return how many.

        With arguments, all that have exactly these; without, all of the job. None if a
        ``before_dequeue`` hook said no; the hooks get the arguments given here. Raises as
        ``enqueue``.
        """
        return self.dequeue_from(self.registry.definition_of(target).queue, target, *args, **kwargs)

    def dequeue_from(self, queue: str, target: object, *args: Any, **kwargs: Any) -> int | None:
        """Remove jobs as ``dequeue``, from any queue; a name has no hooks."""
        if args or kwargs:
            job = self.prepare_to(queue, target, *args, **kwargs)
        elif isinstance(target, str):
            job = PreparedJob.by_name(queue, target, ())
        else:
            job = PreparedJob.of(replace(self.registry.definition_of(target), queue=queue), ())
        if not job.hooks.allow("before_dequeue", job.args):
            return None
        if job.args:
            removed = self._delivery.withdraw(job)
        else:
            removed = self._delivery.withdraw_all(queue, job.name)
        job.hooks.run("after_dequeue", job.args)
        return removed

    def reserve(self, queue: str) -> Job | None:
        """Take the next job of a queue away, to be performed by the caller; None: it is empty.

        Nobody else knows of the job then. Raises DecodeError for an element that is no job; it
        is gone from the queue, and in the error.
        """
        element = queues.pop(self.server, self.keys, queue)
        return None if element is None else Job(queue, Payload.decode(element), self.registry)

    # --- queues

    def push(self, queue: str, item: Any) -> None:
        """Append any JSON value to a queue; no hooks. Raises EncodeError, QueueNameError."""
        element = encode_json(item, "item")
        queues.push(self.server, self.keys, {usable(queue): [element]})

    def pop(self, queue: str) -> Element | None:
        """Take the first element of a queue away, whatever it is; None: it is empty."""
        element = queues.pop(self.server, self.keys, queue)
        return None if element is None else Element.of(element)

    def peek(self, queue: str, start: int = 0, count: int = 1) -> list[Element]:
        """Return elements of a queue, from its head or, for a negative ``start``, its end."""
        found = queues.elements(self.server, self.keys, queue, start, max(count, 0))
        return [Element.of(element) for element in found]

    def size(self, queue: str) -> int:
        """Return how many jobs wait in a queue."""
        return queues.size(self.server, self.keys, queue)

    def queues(self) -> list[str]:
        """Return the names of all queues ever used, sorted."""
        return [shown(name) for name in survey.queue_names(self.server, self.keys)]

    def queue_sizes(self) -> dict[str, int]:
        """Return how many jobs wait in each queue."""
        return survey.queue_sizes(self.server, self.keys)

    def sample_queues(self, count: int = 1000) -> dict[str, QueueSample]:
        """Return the size and the first elements of each queue."""
        return survey.samples(self.server, self.keys, count)

    def remove_queue(self, queue: str) -> None:
        """Forget a queue, and all jobs that wait in it."""
        queues.forget(self.server, self.keys, queue)

    # --- workers and sums

    def workers(self) -> list[WorkerInfo]:
        """Return all registered workers, sorted by id."""
        return [WorkerInfo.of(one) for one in survey.worker_entries(self.server, self.keys)]

    def working(self) -> list[WorkerInfo]:
        """Return the workers that have a job, sorted by id."""
        return [worker for worker in self.workers() if worker.job is not None]

    def worker_ids(self) -> list[str]:
        """Return the ids of all registered workers, sorted."""
        return workers.ids(self.server, self.keys)

    def remove_worker(self, worker_id: str) -> None:
        """Forget a worker, as one that is known to be dead; a job it had is recorded as failed.

        ``worker_id`` is as ``workers`` shows it. A worker that lives registers again, or works
        on unseen. Raises UnknownWorkerError.
        """
        removal.remove_worker(self, worker_id)

    def info(self) -> Info:
        """Return the sums: jobs, failures, queues, workers."""
        return survey.info(self.server, self.keys)

    @property
    def failures(self) -> Failures:
        """The failure records; raises UnreadableBackendError where a backend keeps none."""
        return Failures(self.server, self.keys, self.failure_backend)

    def failure_count(self) -> int:
        """Return how many failure records there are; raises UnreadableBackendError."""
        return self.failures.count()

    def key_names(self) -> list[str]:
        """Return the names of all keys, without the namespace, sorted."""
        return survey.key_names(self.server, self.keys)

    def close(self) -> None:
        """Let go of the connection; it is opened again when needed."""
        self.server.close()

    @property
    def _delivery(self) -> Delivery:
        instead = self.registry.delivery
        return ToServer(self.server, self.keys) if instead is None else instead

    def _deliver(self, jobs: Sequence[PreparedJob]) -> int:
        allowed = [ready for job in jobs if (ready := job.after_hooks()) is not None]
        self._delivery.deliver(allowed)
        for job in allowed:
            job.hooks.run("after_enqueue", job.args)
        return len(allowed)


class Resque(Client):
    """A client of one server and one namespace."""

    def __init__(
        self,
        server: Server,
        registry: Registry,
        namespace: str = "resque",
        *,
        failures: BackendChoice = "redis",
    ) -> None:
        """Raises NamespaceError for a namespace that cannot be used, and as ``make_backend``."""
        self._server = server
        self._registry = registry
        self._keys = Keys(namespace)
        self._failure_backend = make_backend(failures, server, self._keys)

    @property
    def server(self) -> Server:
        """The server."""
        return self._server

    @property
    def keys(self) -> Keys:
        """The names of the keys in the namespace."""
        return self._keys

    @property
    def registry(self) -> Registry:
        """The application's jobs."""
        return self._registry

    @property
    def failure_backend(self) -> FailureBackend:
        """What takes the failures of its workers."""
        return self._failure_backend
