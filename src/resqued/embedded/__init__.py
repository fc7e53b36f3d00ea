"""A private Valkey server that lives exactly as long as the pool that uses it.

Between the two stands a guard, a small process of its own: it starts the server, and ends it when
a pipe is closed that the master and every process below it hold open. So the server is there
until the last worker has let go of its job, and not longer, even if the master is killed.
"""

import json
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from resqued.errors import ResquedError
from resqued.process.spawn import spawn_interpreter
from resqued.process.start_context import StartContext
from resqued.process.watch import ProcessWatch

#: What runs in a fresh interpreter as the guard.
GUARD_MODULE = "resqued.cli.guard"
#: Seconds that the guard may take to end the server and itself.
_STOP_TIMEOUT = 15.0


class EmbeddedError(ResquedError):
    """Raised when there is no private server to be had; says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, for the process that asked for it."""

    url: str
    folder: str  #: where its data and its log are
    hold: int  #: the descriptor that keeps it alive while any process has it open
    guard: int  #: the pid of its guard


@contextmanager
def running(folder: str | None, context: StartContext, *, wait: bool) -> Iterator[Server]:
    """Run a server with its data in ``folder`` (None: a temporary one) meanwhile.

    On leaving it ends as soon as no process below holds it any more; ``wait`` for that. Raises
    EmbeddedError if it does not start.
    """
    hold_reader, hold = os.pipe()
    try:
        guard, report = _start_guard(folder, context, hold_reader)
    except BaseException:
        os.close(hold)
        raise
    finally:
        os.close(hold_reader)
    with held(hold, guard, wait=wait):
        if "error" in report:
            raise EmbeddedError(f"--embedded: {report['error']}")
        yield Server(report["url"], report["folder"], hold, guard)


@contextmanager
def held(hold: int, guard: int, *, wait: bool) -> Iterator[None]:
    """Let go of a running server afterwards, and ``wait`` for its end."""
    try:
        yield
    finally:
        os.close(hold)
        if wait:
            _wait_for_end(guard)


def _wait_for_end(pid: int) -> None:
    try:
        guard = ProcessWatch(pid)
    except ProcessLookupError:
        return
    select.select([guard], [], [], _STOP_TIMEOUT)
    guard.close()


def _start_guard(
    folder: str | None, context: StartContext, hold_reader: int
) -> tuple[int, dict[str, Any]]:
    reader, writer = os.pipe()
    arguments = [str(hold_reader), str(writer), folder or ""]
    try:
        pid = spawn_interpreter(context, GUARD_MODULE, arguments, (hold_reader, writer))
    finally:
        os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    report = json.loads(said) if said else {"error": "its guard ended before it had started"}
    return pid, report
