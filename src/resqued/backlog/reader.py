"""Ask the server what waits there, in a process that may wait for it a little."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from resqued.backlog.ages import HeadAges
from resqued.backlog.model import Backlog, BacklogError, FailedJob, QueueDepth
from resqued.clock import Clock
from resqued.ipc.messages import QueueServer

if TYPE_CHECKING:
    from resque.client import Resque
    from resque.failure.entry import FailureEntry

T = TypeVar("T")

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

        keys = client.keys
        found = _unless_spoilt(lambda: heads(client.server, keys))
        readable = {name: head for name, head in (found or {}).items() if head.size is not None}
        ages = self._ages.look({name: head.mark for name, head in readable.items()})
        spoilt = [keys.queue(name) for name in found or {} if name not in readable]
        if found is None:
            spoilt.append(keys.queues)
        records = None
        if self._place is None or self._place.failures:
            records = _unless_spoilt(lambda: _records(client, failures))
            if records is None:
                spoilt.append(_failure_key(client, self._place))
        return Backlog(
            server=str(client.server.address),
            namespace=keys.namespace,
            queues=tuple(
                QueueDepth(name=name, depth=head.size or 0, head_age=ages[name])
                for name, head in readable.items()
            ),
            failed=None if records is None else records[0],
            failures=() if records is None else records[1],
            unreadable=tuple(spoilt),
        )


def _unless_spoilt(look: Callable[[], T]) -> T | None:
    """Return what is found; None where somebody has made a key of another type of it."""
    from resque.errors import ReplyError  # noqa: PLC0415 - likewise

    try:
        return look()
    except ReplyError as error:
        if error.code != "WRONGTYPE":
            raise
        return None


def _records(client: "Resque", most: int) -> tuple[int, tuple[FailedJob, ...]]:
    """Return how many failure records there are, and the newest."""
    count = client.failure_count()
    return count, tuple(map(_failed_job, client.failures.page(0, most))) if most > 0 else ()


def _failure_key(client: "Resque", place: QueueServer | None) -> str:
    """Return where the failure records begin, or, of several lists, the names of these."""
    has_several = place is not None and place.failures == "redis_multi_queue"
    return client.keys.failed_queues if has_several else client.keys.failed


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
