"""Run a worker's code in the listener, before that forks, so that its workers share it warm.

Python rewrites the bytecode that it runs for what it meets there (PEP 659), and remembers where it
has found which attribute. Each worker would do so for itself, and each process of a job anew, every
time in a copy of the page. So a worker works here first, with jobs that do nothing, from a server
that has nothing else.
"""

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from signal import Signals
from typing import TypeVar

from resque.client import Resque
from resque.errors import ResqueError
from resque.payload import Payload
from resque.prepared import PreparedJob
from resque.registry import Registry
from resque.store.address import Address
from resque.store.connection import Connection
from resque.store.prompter import Prompter, prompter
from resque.store.sockets import keep_alive, open_socket
from resque.worker import identity
from resque.worker.child import JobChild, rehearse
from resque.worker.control import Control
from resque.worker.deadline import Deadline
from resque.worker.loop import Shift
from resque.worker.patience import Patience
from resque.worker.processes import JobProcesses
from resque.worker.worker import Worker
from resque.worker_hooks import WorkerHooks
from resqued.process import signals
from resqued.process.title import set_title, title

T = TypeVar("T")

#: What its messages would name; it is never connected to.
_ADDRESS = Address.parse("redis://localhost/0")
_NAME = "warm-up"
#: Workers one after the other, and what each does: three looks in vain, the others find a job. All
#: that together is often enough: Python 3.11 rewrites what has been called eight times.
_WORKERS = 3
_TICKS = 6
#: How many instances of a class are counted: each takes one off the number of attributes that
#: others may get besides, on a page that forks share (CPython's SHARED_KEYS_MAX_SIZE).
COUNTED = 30
#: How often a job's process is this one, before it is one of its own.
_TIMES_HERE = 2
#: Stands for the pid of the parent, in a process that plays its child; no process has it.
_PARENT = 0
#: Seconds for an answer, and between two looks; both come at once unless something is very wrong.
_PATIENCE = 1.0


def warm_up(prepare: Callable[[Worker], None]) -> None:
    """Have some workers work some jobs in this process, and in forks of it.

    Nothing is left of them but what Python has learned. ``prepare`` does with a worker what is done
    with it before it works. Signals to this process are held back meanwhile, some hundredths of a
    second. Does nothing where threads run already, which a fork breaks off, or where sockets of the
    application's own may start some. Raises OSError, or what the worker's code does, where the
    system does not have what that takes.
    """
    if threading.active_count() > 1 or socket.socket.__module__ != "socket":
        return
    registry = Registry()
    registry.declare(queue=_NAME, name=_NAME, enqueue=_refuse)(_do_nothing)
    former = title()
    element = Payload.encode(_NAME, [])
    try:
        with signals.blocked(), prompter(element, connections=_WORKERS) as server:
            for _ in range(_WORKERS):
                _work(server, registry, prepare)
                _open_in_vain()
    finally:
        set_title(former)


def _open_in_vain() -> None:
    """Connect as each worker does first of all, but where nobody can be in between.

    The port is this process's own and hears nobody, so that comes to nothing at once. What follows
    where it does not, ``keep_alive``, is done besides.
    """
    with suppress(OSError), socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        keep_alive(deaf)
        open_socket(Address.parse(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"), _PATIENCE)


def _work(server: Prompter, registry: Registry, prepare: Callable[[Worker], None]) -> None:
    """Be one of the workers."""
    connection = Connection(_ADDRESS, reply_timeout=_PATIENCE, opener=server.open)
    worker = Worker([_NAME], Resque(connection, registry=registry))
    prepare(worker)
    _isolate(worker)
    try:
        # Of a job's end alone: whatever else comes is meant for this process, and waits.
        with Control(wanted=[Signals.SIGCHLD]) as control:
            patience = _Impatience(control, worker.clock)
            claim = partial(identity.claim_id, worker.client, worker.patterns, 0.0, set())
            worker.id = patience.insist(claim)
            shift = Shift(worker, _PATIENCE, control, patience, processes=_HereAndThere)
            shift.begin()
            for _ in range(_TICKS):
                shift.tick()
            shift.end()
            _make_parts(worker, control, patience)
    finally:
        connection.close()


def _make_parts(worker: Worker, control: Control, patience: Patience) -> None:
    """Make what a worker consists of, often enough that nobody counts it any more."""
    for _ in range(COUNTED // _WORKERS):
        Worker([_NAME], worker.client)
        Connection(_ADDRESS)
        Shift(worker, _PATIENCE, control, patience)
        with Control(wanted=[]):
            pass


def _isolate(worker: Worker) -> None:
    """Undo what the environment says, and the application's hooks: they are for real workers."""
    worker.hooks = WorkerHooks()
    worker.title_prefix = f"{title()} "  # whoever looks for this process finds it
    worker.fork_per_job = True
    worker.jobs_per_fork = worker.seconds_per_fork = None
    worker.run_at_exit_hooks = False


class _HereAndThere(JobProcesses):
    """Runs what a job's process does in this one first: what a fork learns goes with it."""

    def fork(self, body: Callable[[], int], deadline: Deadline | None) -> JobChild:
        """Run it here, and there. Raises OSError if there is no room for a process."""
        connection = self._worker.client.server
        assert isinstance(connection, Connection)
        interruption = self._control.interruption
        for _ in range(_TIMES_HERE):
            connection.owner = interruption.owner = _PARENT
            try:
                status = rehearse(body)
            finally:
                connection.owner = interruption.owner = os.getpid()
            if status != 0:
                raise ResqueError(f"the process of a job would have ended with {status}")
            connection.collect()  # the reply to what was posted as if by another process
        return self.fork_now(body, deadline)


class _Impatience(Patience):
    """Raises at once what the server's calls raise."""

    def _insist(self, step: Callable[[], T], **_: object) -> T:
        return step()


def _do_nothing() -> None:
    """Be a job."""


def _refuse(job: PreparedJob) -> bool:  # noqa: ARG001
    """Enqueue nothing."""
    return False
