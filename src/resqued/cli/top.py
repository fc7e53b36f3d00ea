"""``resqued top``: a running pool, its queues and its failures, live in a terminal."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from signal import Signals
from typing import Any

from resqued.backlog.reader import BacklogReader
from resqued.cli import running, stacks
from resqued.cli.arguments import UsageError, seconds
from resqued.cli.running import Call, Pool, Syntax
from resqued.clock import Clock
from resqued.control.client import NotRunningError
from resqued.control.status import read_pool
from resqued.errors import ResquedError
from resqued.ipc.messages import QueueServer
from resqued.process.signals import SignalInbox

_SYNTAX = Syntax(
    name="top",
    help="""Usage: resqued top [options]
Shows what a running pool does, what waits in its queues and what has failed, live in a terminal,
and steers it by keys; ? names them. Needs Textual: pip install 'resqued[top]'.
    -h, --help                       Show this message
        --interval SECONDS           Look so often (1)
        --url URL                    Look for the queues on that server, not on the pool's own
        --namespace NAMESPACE        With --url: and in that namespace (resque)
Exit status: 0 it was quit, and the pool goes on; 1 the pool does not answer; 2 wrong usage, no
terminal, or no Textual; 3 no such pool runs; 128 and more: a signal has ended it.""",
    options=("interval=", "url=", "namespace="),
)
#: Seconds: more often than the least nobody can read it, and it would only disturb the pool.
_LEAST, _MOST = 0.1, 3600.0
#: Seconds that an answer may take; whoever quits waits for it.
_PATIENCE = 2.0
_NAMESPACE = "resque"
#: Those that end it, and the one that comes when it was put aside and is to go on.
_SIGNALS = (Signals.SIGTERM, Signals.SIGINT, Signals.SIGHUP, Signals.SIGCONT)


@dataclass(frozen=True, slots=True)
class _Order:
    """What the command line asks for."""

    interval: float
    server: QueueServer | None  #: None: the pool's own


class _Master:
    """The master of the pool that was named, also of the one that comes after it.

    Not all of them have the same socket: without a pidfile, its name is that of a pid.
    """

    def __init__(self, pool: Pool, find: Callable[[], str]) -> None:
        """``find`` looks for the pool that was named, and returns the path of its socket."""
        self._pool = pool
        self._find = find

    def ask(self, verb: str, /, **fields: object) -> dict[str, Any]:
        """Return the content of the master's answer. Raises ResquedError."""
        pool = self._pool
        try:
            return pool.ask(verb, **fields)
        except NotRunningError:
            path = self._path_by_now()
            if path in (None, pool.path):
                raise
            self._pool = replace(pool, path=path)
            return self._pool.ask(verb, **fields)

    def _path_by_now(self) -> str | None:
        try:
            return self._find()
        except ResquedError:
            return None  # there is none yet, or it is not clear which one would be meant


def main(argv: Sequence[str]) -> int:
    """Run the command with the arguments after its name; returns its exit status."""
    return running.run(_SYNTAX, argv, _show)


def _show(pool: Pool, call: Call) -> int:
    order = _read(call)
    _check_terminal()
    _check_textual()
    pool = replace(pool, patience=_PATIENCE)
    read_pool(pool.ask("status"))  # whether there is such a pool is said before the screen is taken
    return _run(_Master(pool, partial(running.find, call)), pool, order)


def _run(master: _Master, pool: Pool, order: _Order) -> int:
    from resqued.top.app import Top  # noqa: PLC0415 - an extra, and heavy
    from resqued.top.sources import Sources  # noqa: PLC0415 - likewise
    from resqued.top.watch import BacklogWatch, place_of  # noqa: PLC0415 - likewise

    def find() -> QueueServer | None:
        return order.server or place_of(master)

    def opened(place: QueueServer | None) -> BacklogReader:
        return BacklogReader(place, pool.clock)

    with SignalInbox(_SIGNALS) as inbox:
        sources = Sources(
            master=master,
            backlog=BacklogWatch(find, opened, pool.clock),
            stacks=partial(_stacks, master, pool.clock),
            inbox=inbox,
        )
        app = Top(sources, pool.clock, order.interval)
        status = app.run()
    return app.return_code or 0 if status is None else status


def _stacks(master: _Master, clock: Clock, worker: int) -> str:
    left_out: list[str] = []
    found = stacks.stacks_of(master, clock, worker, left_out.append)
    return "\n".join([stacks.as_text(found), *left_out])


def _check_textual() -> None:
    """Raises UsageError where the extra is not installed."""
    try:
        import textual  # noqa: F401, PLC0415 - an extra, and heavy
    except ImportError as error:
        raise UsageError(
            "it needs Textual, which is not installed: pip install 'resqued[top]'"
        ) from error


def _read(call: Call) -> _Order:
    """Read the options. Raises UsageError."""
    text = call.values.get("--interval", "1")
    interval = seconds(text)
    if interval is None or not _LEAST <= interval <= _MOST:
        raise UsageError(
            f"option --interval must be a number of seconds from {_LEAST:g} to {_MOST:g},"
            f" not {text!r:.200}"
        )
    url, namespace = call.values.get("--url"), call.values.get("--namespace")
    if url is None and namespace is not None:
        raise UsageError("option --namespace is for --url")
    for name, value in (("--url", url), ("--namespace", namespace)):
        if value == "":
            raise UsageError(f"option {name} must not be empty")
    if url is None:
        return _Order(interval, None)
    return _Order(interval, QueueServer(url, namespace or _NAMESPACE, "redis"))


def _check_terminal() -> None:
    """Raises UsageError where there is no screen to draw on."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError("it needs a terminal: standard input, output and error must all be one")
    name = os.environ.get("TERM", "")
    if name in ("", "dumb"):
        raise UsageError(f"it needs a terminal that can move its cursor; TERM is {name!r}")
