"""Draws docs/images/top.svg: a real pool with a real server, as ``resqued top`` shows it.

make pictures
"""

import asyncio
import pathlib
import tempfile
from typing import Any

from textual.pilot import Pilot

from resque.client import Resque
from resque.registry import Registry
from resque.store.server import connect
from resqued.backlog.reader import BacklogReader
from resqued.cli.running import Pool
from resqued.clock import MonotonicClock
from resqued.top.app import Top
from resqued.top.sources import Sources
from resqued.top.watch import BacklogWatch, place_of
from tests.support.daemon import Daemon
from tests.support.server import ValkeyServer

PICTURE = pathlib.Path(__file__).parents[2] / "docs" / "images" / "top.svg"
SIZE = (112, 28)
#: Seconds that the pool works before it is drawn: as long as the bars of a worker go back.
LOOKS = 11
APP = """
import random, time
import resque

@resque.job(queue="mail", name="Mail::Send")
def send(address):
    time.sleep(random.expovariate(9))
    if random.random() < 0.01:
        raise ConnectionRefusedError(f"no route to {address}")

@resque.job(queue="reports", name="Reports::Daily")
def report(day):
    time.sleep(random.uniform(2, 6))

@resque.job(queue="images", name="Images::Thumbnail")
def thumbnail(path):
    time.sleep(random.expovariate(4))
    if random.random() < 0.05:
        raise ValueError(f"{path} is no image")
"""
POOL = """
for _ in range(3):
    worker("mail", interval=0.1)
for _ in range(2):
    worker("images", "mail", interval=0.1)
worker("reports", "mail", interval=0.1)
worker("reports", interval=0.1)

@before_fork
def load():
    import app
"""


class Renamed:
    """A pool whose folder has another name: that of a temporary one tells a reader nothing."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def ask(self, verb: str, /, **fields: object) -> dict[str, Any]:
        """Return the answer of the pool's master, but for the folder."""
        answer = self._pool.ask(verb, **fields)
        if "master" in answer:
            answer["master"] = {**answer["master"], "folder": "/srv/myapp", "paths": ["pool.py"]}
        return answer


def enqueue(url: str) -> None:
    """Give the pool something to do for as long as it is drawn."""
    client = Resque(connect(url), Registry())
    for number in range(900):
        client.enqueue_to("mail", "Mail::Send", f"user{number}@example.org")
    for number in range(200):
        client.enqueue_to("images", "Images::Thumbnail", f"{number}.png")
    for number in range(15):
        client.enqueue_to("reports", "Reports::Daily", number)
    client.close()


async def draw(app: Top) -> str:
    """Run the view until every bar is there, and return the picture of its screen."""
    async with app.run_test(size=SIZE) as pilot:
        await _seconds(pilot, LOOKS)
        return app.export_screenshot(title="resqued top")


async def _seconds(pilot: Pilot[int], seconds: float) -> None:
    """Let the view run: the bars are of the time that has passed."""
    clock = MonotonicClock()
    until = clock.now() + seconds
    while clock.now() < until:
        await pilot.pause(0.1)


def main() -> None:
    """Draw it."""
    with tempfile.TemporaryDirectory() as folder, ValkeyServer() as server:
        daemon = Daemon(pathlib.Path(folder))
        daemon.write("app.py", APP)
        daemon.start(POOL, "-p", "a.pid", environment={"REDIS_URL": server.url})
        try:
            daemon.wait_for_log("Worker .* works", count=7)
            daemon.run("reload", "-p", "a.pid", "--wait")
            enqueue(server.url)
            clock = MonotonicClock()
            master = Renamed(Pool(f"{folder}/a.sock", clock))
            backlog = BacklogWatch(
                lambda: place_of(master), lambda place: BacklogReader(place, clock), clock
            )
            sources = Sources(master=master, backlog=backlog, stacks=str)
            picture = asyncio.run(draw(Top(sources, clock, 1.0)))
        finally:
            daemon.clean_up()
    PICTURE.write_text(picture, encoding="utf-8")
    print(f"wrote {PICTURE}")


if __name__ == "__main__":
    main()
