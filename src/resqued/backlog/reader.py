"""Ask the server what waits there, in a process that may wait for it a little."""

from typing import TYPE_CHECKING

from resqued.backlog.ages import HeadAges
from resqued.backlog.model import Backlog, BacklogError, FailedJob, QueueDepth
from resqued.clock import Clock
from resqued.ipc.messages import QueueServer

if TYPE_CHECKING:
    from resque.client import Resque
    from resque.failure.entry import FailureEntry

#: Seconds until a server that does not answer counts as away.
PATIENCE = 1.0


class BacklogReader:
    """Reads one server's queues and failures, over one connection that is kept.

    Loads ``resque`` when it is first asked. Not for several threads at a time.
    """

    def __init__(self, place: QueueServer | None, clock: Clock) -> None:
        """``place`` is where the pool's jobs are; None: where the environment says.

        That is as for the command ``resque``: RESQUE_REDIS_URL, REDIS_URL, else the local server.
        """
        self._place = place
        self._ages = HeadAges(clock)
        self._client: Resque | None = None

    def read(self, failures: int = 0) -> Backlog:
        """Return what waits now, and up to ``failures`` of the newest failure records.

        Takes two round trips, and three with failures; about a second if there is no answer.
        Raises BacklogError.
        """
        from resque.errors import ResqueError  # noqa: PLC0415 - who never asks never loads it

        try:
            client = self._client = self._client or _connect(self._place)
            return self._read(client, failures)
        except ResqueError as error:
            raise BacklogError(str(error)) from error

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()

    def _read(self, client: "Resque", failures: int) -> Backlog:
        from resque.store.heads import heads  # noqa: PLC0415 - likewise

        found = heads(client.server, client.keys)
        ages = self._ages.look({name: head.mark for name, head in found.items()})
        has_records = self._place is None or bool(self._place.failures)
        return Backlog(
            server=str(client.server.address),
            namespace=client.keys.namespace,
            queues=tuple(
                QueueDepth(name=name, depth=head.size or 0, head_age=ages[name])
                for name, head in found.items()
            ),
            failed=client.failure_count() if has_records else None,
            failures=tuple(map(_failed_job, client.failures.page(0, failures)))
            if has_records and failures > 0
            else (),
        )


def _connect(place: QueueServer | None) -> "Resque":
    """Return a client that waits for no longer than this one's users do. Raises ResqueError."""
    from resque.client import Resque  # noqa: PLC0415 - likewise
    from resque.registry import Registry  # noqa: PLC0415
    from resque.store.address import Address  # noqa: PLC0415
    from resque.store.connection import Connection, default_url  # noqa: PLC0415

    address = Address.parse(default_url() if place is None else place.url)
    server = Connection(address, connect_timeout=PATIENCE, reply_timeout=PATIENCE)
    if place is None:
        return Resque(server, Registry())
    return Resque(server, Registry(), place.namespace, failures=place.failures or "redis")


def _failed_job(entry: "FailureEntry") -> FailedJob:
    return FailedJob(
        failed_at=entry.failed_at,
        queue=entry.queue,
        job=entry.class_name,
        exception=entry.exception,
        error=entry.error,
    )
