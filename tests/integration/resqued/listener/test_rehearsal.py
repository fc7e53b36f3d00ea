"""A real rehearsal, with the test in the place of the command that looks at it."""

import os
import pathlib
import select
import sys

from resqued.ipc.channel import Channel
from resqued.ipc.messages import Boot, Loaded, Message, Proved, Started
from resqued.process.spawn import spawn_interpreter
from resqued.process.start_context import StartContext
from resqued.process.watch import ProcessWatch
from tests.support.forks import wait_for_end
from tests.support.waiting import PATIENCE

CONFIG = """
import os

class Worker:
    def __init__(self, queues):
        self.queues = queues
    def work(self, interval):
        open("worked", "w").close()

@before_fork
def load(resqued):
    resqued.app_version = "9ab04e"

@after_fork
def note(worker):
    open(f"built.{worker.queues[0]}", "w").close()

worker_factory(Worker)
boot_timeout(70)
worker("a")
worker("b")
"""


def heard(channel: Channel) -> list[Message]:
    """Return all that is said up to Proved."""
    found: list[Message] = []
    while not any(isinstance(message, Proved) for message in found):
        received = channel.receive_now(PATIENCE)
        assert received, f"nothing more after {found}"
        found += received
    return found


def test_from_its_first_word_to_its_end(tmp_path: pathlib.Path):
    """All workers are built and none is let to work; all leave when nobody looks any more."""
    (tmp_path / "resqued.py").write_text(CONFIG)
    channel, theirs = Channel.pair()
    context = StartContext(sys.executable, str(tmp_path), dict(os.environ))
    end = theirs.fileno()
    pid = spawn_interpreter(context, "resqued.cli.rehearsal", [str(end)], [end])
    theirs.close()
    channel.send(Boot(0, 1024, ("resqued.py",), str(tmp_path), None))

    loaded, *started, proved = heard(channel)

    assert loaded == Loaded((("a",), ("b",)), 70, 15)
    assert proved == Proved("9ab04e")
    pids = [message.pid for message in started if isinstance(message, Started)]
    assert started == [Started(slot, pid) for slot, pid in enumerate(pids)]
    assert len(set(pids)) == 2
    assert {path.name for path in tmp_path.glob("built.*")} == {"built.a", "built.b"}
    watches = [ProcessWatch(worker) for worker in pids]

    channel.close()

    assert wait_for_end(pid) == 0
    for watch in watches:
        assert select.select([watch], [], [], PATIENCE)[0]
        watch.close()
    assert not (tmp_path / "worked").exists()
