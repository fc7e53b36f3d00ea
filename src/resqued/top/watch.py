"""Who asks the master what the pool does, and the server what waits there; may wait for both."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from resqued.backlog.model import Backlog
from resqued.backlog.place import read_place
from resqued.clock import Clock
from resqued.control.measuring import memory_of
from resqued.control.protocol import Code, RefusedError
from resqued.control.status import PoolStatus, read_pool
from resqued.errors import ResquedError
from resqued.ipc.messages import QueueServer
from resqued.process.memory import Memory
from resqued.top import model
from resqued.top.model import BacklogView, PoolView

#: Failure records that are fetched at a time; each may have a long backtrace.
FAILURES = 20
#: How many times as long as a measurement took nothing is measured: a tenth of a core at most.
_MEASURING_PAUSE = 10
#: Seconds after which the pool is asked anew on which server its jobs are.
_PLACE_HOLDS = 10.0


class Master(Protocol):
    """The master of the pool that is looked at."""

    def ask(self, verb: str, /, **fields: object) -> dict[str, Any]:
        """Return the content of its answer. May take seconds. Raises ResquedError."""
        ...


class Reader(Protocol):
    """A server, as ``resqued.backlog.reader.BacklogReader`` reads it."""

    def read(self, failures: int = 0) -> Backlog:
        """Return what waits there. May take a second or so. Raises BacklogError."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class PoolWatch:
    """Asks what the pool does, and measures its processes. Not for several threads at a time."""

    def __init__(self, master: Master, clock: Clock) -> None:
        self._master = master
        self._clock = clock
        self._view = PoolView()
        self._memory: Mapping[int, Memory] = {}
        self._next_at = clock.now()  #: when there is to be measured again

    def look(self) -> PoolView:
        """Return what is known now; memory may be of a former look."""
        try:
            status = read_pool(self._master.ask("status"))
        except ResquedError as error:
            self._view = model.without_status(self._view, str(error), self._clock.now())
        else:
            now = self._clock.now()
            self._view = model.with_status(self._view, status, self._measured(status, now), now)
        return self._view

    def _measured(self, status: PoolStatus, now: float) -> Mapping[int, Memory]:
        if now >= self._next_at:
            self._memory = memory_of(status)
            ended_at = self._clock.now()
            self._next_at = ended_at + _MEASURING_PAUSE * (ended_at - now)
        return self._memory


class BacklogWatch:
    """Asks what waits on the server of the pool. Not for several threads at a time."""

    def __init__(
        self,
        find: Callable[[], QueueServer | None],
        opened: Callable[[QueueServer | None], Reader],
        clock: Clock,
    ) -> None:
        """``find`` says where the jobs are; None: nobody has told, so ``opened`` may guess."""
        self._find = find
        self._opened = opened
        self._clock = clock
        self._view = BacklogView()
        self._place: QueueServer | None = None
        self._found_at: float | None = None  #: None: it is to be asked for
        self._reader: Reader | None = None

    def look(self) -> BacklogView:
        """Return what is known now."""
        try:
            backlog = self._current().read(FAILURES)
        except ResquedError as error:
            self._found_at = None  # the pool may have moved to another server
            self._view = model.without_backlog(self._view, str(error), self._clock.now())
        else:
            self._view = model.with_backlog(backlog, self._clock.now())
        return self._view

    def close(self) -> None:
        """Let go of the connection."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _current(self) -> Reader:
        """Return the reader for where the jobs are by now."""
        if self._is_due():
            try:
                # A pool without workers, a paused one say, has its jobs where they were.
                place = self._find() or self._place
            except ResquedError:
                if self._reader is None:
                    raise
                return self._reader  # the master is away; the server need not be
            if place != self._place:
                self.close()
            self._place = place
            # Workers that have not told yet will do so soon.
            self._found_at = None if place is None else self._clock.now()
        if self._reader is None:
            self._reader = self._opened(self._place)
        return self._reader

    def _is_due(self) -> bool:
        return self._found_at is None or self._clock.now() >= self._found_at + _PLACE_HOLDS


def place_of(master: Master) -> QueueServer | None:
    """Ask a pool on which server its jobs are; None: it cannot say. Raises ResquedError."""
    try:
        return read_place(master.ask("server"))
    except RefusedError as error:
        if error.code is Code.UNKNOWN_VERB:
            return None  # an older master
        raise
