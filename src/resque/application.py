"""The jobs and the server that the functions of the package ``resque`` itself mean.

This is the library's one piece of state of the process: an application declares its jobs where
they are defined, long before it knows where its server is.
"""

from resque.client import Client, Resque
from resque.failure.backend import BackendChoice, FailureBackend
from resque.keys import Keys
from resque.registry import Declare, Registry
from resque.store.server import Server
from resque.store.server import connect as connect_server
from resque.worker_hooks import WorkerHooks


class Application(Client):
    """Declared jobs, and the client of the server that was connected to last."""

    def __init__(self) -> None:
        self._registry = Registry()
        self.worker_hooks = WorkerHooks()
        self._client: Resque | None = None

    @property
    def registry(self) -> Registry:
        """The application's jobs."""
        return self._registry

    @property
    def client(self) -> Resque:
        """The client of the last ``connect``; without one, that of the default address."""
        return self._client or self.connect()

    @property
    def server(self) -> Server:
        """That client's server."""
        return self.client.server

    @property
    def keys(self) -> Keys:
        """That client's keys."""
        return self.client.keys

    @property
    def failure_backend(self) -> FailureBackend:
        """What takes that client's failures."""
        return self.client.failure_backend

    def connect(
        self,
        url_or_client: object = None,
        namespace: str = "resque",
        *,
        failures: BackendChoice = "redis",
    ) -> Resque:
        """Use this server from now on; nothing is sent yet.

        A URL, see docs/server.md, or a ``redis.Redis`` or ``valkey.Valkey``. Without one:
        ``RESQUE_REDIS_URL``, else ``REDIS_URL``, else redis://localhost:6379/0. ``failures`` is
        where failed jobs go: a backend's name, one of your own, or a factory; see
        docs/failures.md. Raises AddressError, NamespaceError,
        UnknownBackendError, or TypeError for an object that is none of these.
        """
        server = connect_server(url_or_client)
        self._client = Resque(server, self.registry, namespace, failures=failures)
        return self._client

    def job(self, *, queue: str, name: str | None = None, timeout: float | None = None) -> Declare:
        """Declare the decorated function, or class with a class method ``perform``, as a job.

        ``name`` is the payload's class, by default "module.qualname". ``timeout`` is how many
        seconds it may take in a worker, whatever the worker's own limit. Raises QueueNameError,
        DuplicateJobError, TypeError, ValueError.
        """
        return self.registry.declare(
            queue=queue, name=name, enqueue=self.enqueue_prepared, timeout=timeout
        )


#: The application of this process.
APPLICATION = Application()
