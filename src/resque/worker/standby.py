"""A process that is forked before there is a job for it, and is told when there is one.

The next job starts at once, as its fork is over already: that went on while the job before ran, or
while the worker waited.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from struct import Struct
from typing import TypeAlias

from resque.store.queues import Reserved
from resque.store.server import Server
from resque.worker.child import JobChild
from resque.worker.deadline import Deadline, TimeLimit
from resque.worker.processes import JobProcesses

log = logging.getLogger(__name__)

#: The job's number, how many jobs the process may take, and the bytes of its queue and its element.
_HEAD = Struct("=qdII")
#: Bytes of an order at most: what a pipe takes without waiting for its reader (pipe(7)).
_MOST = 65536
_MOST_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Order:
    """What a process that stands by is told."""

    reserved: Reserved
    jobs: float  #: how many jobs it may take, this one included

    def pack(self) -> bytes:
        """Return it as it goes through the pipe."""
        queue, element = (
            self.reserved.queue.encode("utf-8", "surrogateescape"),
            self.reserved.element,
        )
        # Who may write on the server may have set a counter to anything.
        number = min(max(self.reserved.number, -_MOST_NUMBER), _MOST_NUMBER)
        return _HEAD.pack(number, self.jobs, len(queue), len(element)) + queue + element

    @classmethod
    def unpack(cls, data: bytes) -> "Order | None":
        """Read what ``pack`` has made; None: not all of it is there."""
        if len(data) < _HEAD.size:
            return None
        number, jobs, queue_size, size = _HEAD.unpack_from(data)
        end = _HEAD.size + queue_size
        if len(data) != end + size:
            return None
        queue = data[_HEAD.size : end].decode("utf-8", "surrogateescape")
        return cls(Reserved(queue, data[end:], number), jobs)


#: What a process does that stands by: it calls the function for its order, None if it is to leave,
#: and returns its exit status.
Body: TypeAlias = Callable[[Callable[[], Order | None], Deadline | None], int]


@dataclass(frozen=True, slots=True)
class _Ready:
    """The process that stands by."""

    child: JobChild
    writer: int  #: the worker's end of its pipe
    openings: int  #: of the connection that it has a copy of


class Standby:
    """At most one process that stands by for one worker; all of it runs in the worker.

    It is told of one job, and is that job's process from then on. Until then it has done nothing,
    and can be ended at any time.
    """

    def __init__(
        self,
        processes: JobProcesses,
        server: Server,
        body: Body,
        deadline: Callable[[], Deadline | None],
    ) -> None:
        """``deadline`` makes what keeps the time of a process's jobs; None if none has a limit."""
        self._processes = processes
        self._server = server
        self._body = body
        self._deadline = deadline
        self._ready: _Ready | None = None

    def prepare(self) -> None:
        """Have a fit process stand by, unless the kernel has no room."""
        if self._fit() is not None:
            return
        try:
            reader, writer = os.pipe()
        except OSError as error:
            _log_failure(error)
            return
        try:
            os.set_blocking(writer, False)
            child = self._fork(reader, writer)
        except OSError as error:
            _log_failure(error)
            os.close(writer)
        else:
            self._ready = _Ready(child, writer, self._server.openings)
        finally:
            os.close(reader)

    def take(self, order: Order, limit: TimeLimit | None) -> JobChild | None:
        """Give the process its job, of which nothing has begun; None: it cannot be had.

        ``limit`` is the job's, if it has any.
        """
        ready, data = self._fit(), order.pack()
        if ready is None or len(data) > _MOST:
            return None
        deadline = ready.child.deadline
        if limit is not None and deadline is None:
            self.dismiss()  # the limit was declared after the fork
            return None
        if deadline is not None:
            deadline.first_job(limit)
        if not _send(ready.writer, data):
            self.dismiss()
            return None
        self._forget(ready)
        return ready.child

    def dismiss(self) -> None:
        """End the process, if there is one."""
        if self._ready is not None:
            self._ready.child.end_now()
            self._forget(self._ready)

    def _fit(self) -> _Ready | None:
        """Return the process if it is there, and what it has a copy of is still in use."""
        ready = self._ready
        if ready is None:
            return None
        if ready.child.reap() is not None:
            self._forget(ready)
        elif ready.openings != self._server.openings:
            self.dismiss()  # it would speak over a connection that is gone
        return self._ready

    def _fork(self, reader: int, writer: int) -> JobChild:
        deadline = self._deadline()

        def body() -> int:
            os.close(writer)  # or the pipe would not end with the worker
            return self._body(partial(_read, reader), deadline)

        return self._processes.fork_now(body, deadline)

    def _forget(self, ready: _Ready) -> None:
        """Let go of it: it has its job, or is gone."""
        os.close(ready.writer)
        self._ready = None


def _send(writer: int, data: bytes) -> bool:
    """Whether all of it is on its way; what is not whole is no order."""
    try:
        return os.write(writer, data) == len(data)
    except OSError:
        return False  # the process has just ended


def _log_failure(error: OSError) -> None:
    fields = {"event": "standby_failed", "reason": str(error)}
    log.debug("No process can stand by: %s", error, extra=fields)


def _read(reader: int) -> Order | None:
    """Wait for the order, in the process that stands by; None: it is to leave."""
    data = b""
    while part := os.read(reader, _MOST):
        data += part
        # Not up to the pipe's end: what an earlier job has started may hold that open.
        if (order := Order.unpack(data)) is not None:
            os.close(reader)
            return order
    return None
