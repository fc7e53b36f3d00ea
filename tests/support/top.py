"""The live view without a terminal, of a pool and a server that say what a test wants."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from textual import events
from textual.pilot import Pilot

from resqued.backlog.model import Backlog, BacklogError
from resqued.clock import MonotonicClock
from resqued.control.client import NotRunningError
from resqued.control.status import PoolStatus
from resqued.ipc.messages import QueueServer
from resqued.top.app import Top
from resqued.top.sources import Sources
from resqued.top.watch import BacklogWatch
from tests.support.pool_status import pool_of, worker
from tests.support.waiting import PATIENCE

PLACE = QueueServer("redis://127.0.0.1:6379/0", "resque", "redis")
BACKLOG = Backlog(
    server="redis://127.0.0.1:6379/0", namespace="resque", queues=(), failed=0, failures=()
)


class ToldMaster:
    """Stands in for a running pool's master: answers what it was told to, and notes the orders."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.status: PoolStatus | None = pool_of(worker())  #: None: nobody listens
        self.orders: list[tuple[str, dict[str, object]]] = []
        self.answers = list(answers)  #: to the orders, in turn

    def ask(self, verb: str, /, **fields: object) -> dict[str, Any]:
        """Answer as a master does, through JSON's eyes."""
        if self.status is None:
            raise NotRunningError("/run/x.sock", "connection refused")
        if verb == "status":
            return _as_json(asdict(self.status))
        self.orders.append((verb, fields))
        return self.answers.pop(0) if self.answers else {}


class ToldReader:
    """Stands in for a server that holds what it was told."""

    def __init__(self) -> None:
        self.backlog: Backlog | None = BACKLOG  #: None: it is away
        self.is_closed = False

    def read(self, failures: int = 0) -> Backlog:
        """Return it."""
        if self.backlog is None:
            raise BacklogError("connection refused")
        return self.backlog

    def close(self) -> None:
        """Note that it was closed."""
        self.is_closed = True


def top(
    master: ToldMaster,
    reader: ToldReader | None = None,
    stacks: Callable[[int], str] = str,
) -> Top:
    """Return the view of a pool; a pilot waits with each key until a process rests a little."""
    found, clock = reader or ToldReader(), MonotonicClock()
    backlog = BacklogWatch(lambda: PLACE, lambda _place: found, clock)
    return Top(Sources(master=master, backlog=backlog, stacks=stacks), clock, 0.2)


def drive(
    app: Top, steps: Callable[["Driven"], Awaitable[None]], size: tuple[int, int] = (80, 24)
) -> int | None:
    """Run the view while ``steps`` press keys and look; returns what it returned."""

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await steps(Driven(app, pilot))

    asyncio.run(run())
    return app.return_value


class Driven:
    """A view that runs."""

    def __init__(self, app: Top, pilot: Pilot[int]) -> None:
        self.app = app
        self._pilot = pilot

    @property
    def lines(self) -> list[str]:
        """What is on the screen that is on top, without the blanks at the ends of lines."""
        return [strip.text.rstrip() for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        """The same as one text."""
        return "\n".join(self.lines)

    def line(self, part: str) -> str:
        """Return the first line with a text in it."""
        return next(line for line in self.lines if part in line)

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until they were taken."""
        await self._pilot.press(*keys)

    async def click(self, column: int, line: int) -> None:
        """Click somewhere on the screen."""
        await self._pilot.click(offset=(column, line))

    async def scroll_down(self, column: int, line: int) -> None:
        """Turn the wheel there."""
        await self._pilot._post_mouse_events(
            [events.MouseScrollDown], offset=(column, line), button=0
        )

    async def resize(self, columns: int, lines: int) -> None:
        """Make the terminal another size."""
        await self._pilot.resize_terminal(columns, lines)

    async def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until a condition is met; raises with the screen."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}\n{self.text}"
            await self._pilot.pause(0.01)

    async def wait_for(self, *texts: str) -> None:
        """Wait until all of these are on the screen at one time."""
        await self.wait_until(lambda: all(text in self.text for text in texts), str(texts))


def _as_json(value: Any) -> Any:
    """Return a value as JSON brings it: with lists for tuples."""
    if isinstance(value, dict):
        return {name: _as_json(each) for name, each in value.items()}
    return [_as_json(each) for each in value] if isinstance(value, tuple) else value
