"""The jobs and the server that the functions of the package ``resque`` itself mean.

This is the library's one piece of state of the process: an application declares its jobs where
they are defined, long before it knows where its server is.
"""

from typing import Any

from resque.client import Resque
from resque.definition import Definition
from resque.failure.backend import BackendChoice
from resque.registry import Declare, Registry
from resque.store.server import connect as connect_server
from resque.worker_hooks import WorkerHooks


class Application:
    """Declared jobs, and the client they are enqueued through."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.worker_hooks = WorkerHooks()
        self._client: Resque | None = None

    @property
    def client(self) -> Resque:
        """The client of the last ``connect``; without one, that of the default address."""
        return self._client or self.connect()

    def connect(
        self,
        url_or_client: object = None,
        namespace: str = "resque",
        *,
        failures: BackendChoice = "redis",
    ) -> Resque:
        """Use this server from now on; nothing is sent yet.

        A URL (``redis://``, ``rediss://``, ``unix://``), or a ``redis.Redis`` or
        ``valkey.Valkey``. Without one: ``RESQUE_REDIS_URL``, else ``REDIS_URL``, else
        redis://localhost:6379/0. ``failures`` is where failed jobs go: a backend's name, one of
        your own, or a factory; see docs/failures.md. Raises AddressError, NamespaceError,
        UnknownBackendError, or TypeError for an object that is none of these.
        """
        server = connect_server(url_or_client)
        self._client = Resque(server, self.registry, namespace, failures=failures)
        return self._client

    def job(self, *, queue: str, name: str | None = None) -> Declare:
        """Declare the decorated function, or class with a class method ``perform``, as a job.

        ``name`` is the payload's class, by default "module.qualname". Raises QueueNameError,
        DuplicateJobError, TypeError.
        """
        return self.registry.declare(queue=queue, name=name, enqueue=self._enqueue)

    def enqueue(self, target: object, *args: Any, **kwargs: Any) -> bool:
        """See ``Resque.enqueue``."""
        return self.client.enqueue(target, *args, **kwargs)

    def enqueue_to(self, queue: str, target: object, *args: Any, **kwargs: Any) -> bool:
        """See ``Resque.enqueue_to``."""
        return self.client.enqueue_to(queue, target, *args, **kwargs)

    def _enqueue(self, definition: Definition, args: tuple[Any, ...]) -> bool:
        return self.client.enqueue_definition(definition, args)


#: The application of this process.
APPLICATION = Application()
