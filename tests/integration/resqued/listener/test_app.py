"""A real listener process, with the test in its master's place."""

import os
import pathlib
import select
import sys
from collections.abc import Iterator
from signal import Signals
from typing import TypeVar

import pytest

from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.ipc.messages import Message
from resqued.process.lifeline import Lifeline
from resqued.process.spawn import spawn_interpreter
from resqued.process.start_context import StartContext
from tests.support.forks import wait_for_end
from tests.support.waiting import PATIENCE

Kind = TypeVar("Kind", bound=Message)

CONFIG = """
import signal
class Worker:
    def __init__(self, queues): pass
    def work(self, interval):
        signal.pause()
worker_factory(Worker)
worker("a")
worker("b")
"""


class Master:
    """What a listener sees of its master."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.channel, theirs = Channel.pair()
        self.lifeline = Lifeline()
        self._folder = folder
        self._unread: list[Message] = []
        self._is_there = True
        context = StartContext(sys.executable, str(folder), dict(os.environ))
        inherit = (theirs.fileno(), self.lifeline.reader)
        self.pid = spawn_interpreter(
            context, "resqued.cli.listener", [str(fd) for fd in inherit], inherit
        )
        theirs.close()

    def boot(self) -> None:
        """Tell it what to load."""
        log = str(self._folder / "log")
        self.channel.send(messages.Boot(1, 1024, ("resqued.py",), str(self._folder), log))

    def hear(self, kind: type[Kind]) -> Kind:
        """Wait for the next message of a kind; others before it are dropped."""
        while True:
            while self._unread:
                message = self._unread.pop(0)
                if isinstance(message, kind):
                    return message
            assert select.select([self.channel], [], [], PATIENCE)[0], f"no {kind.__name__}"
            self._unread = self.channel.receive()
            assert self._unread or not self.channel.is_closed, f"closed before {kind.__name__}"

    def start_worker(self, slot: int) -> int:
        """Wait until a slot asks, grant it, and return its worker's pid."""
        while self.hear(messages.Ask).slot != slot:
            pass
        self.channel.send(messages.Grant(slot))
        return self.hear(messages.Started).pid

    def vanish(self) -> None:
        """Be gone, as the kernel does it for a killed master."""
        if self._is_there:
            self._is_there = False
            self.channel.close()
            self.lifeline.close()


@pytest.fixture
def master(tmp_path: pathlib.Path) -> Iterator[Master]:
    """Start a listener that waits for its order."""
    (tmp_path / "resqued.py").write_text(CONFIG)
    one = Master(tmp_path)
    yield one
    one.vanish()


def test_it_says_what_it_has_loaded_and_asks(master: Master):
    """Loaded, Proved, then an Ask for each slot; a worker is ready when it is watched."""
    master.boot()

    assert master.hear(messages.Loaded).workers == (("a",), ("b",))
    master.hear(messages.Proved)
    assert master.hear(messages.Ask).slot == 0
    pid = master.start_worker(1)
    master.channel.send(messages.Watched(pid))
    assert master.hear(messages.WorkerReady) == messages.WorkerReady(1, pid)

    master.channel.send(messages.Kill())
    assert wait_for_end(master.pid) == 0


def test_without_its_master_it_buries_also_workers_that_were_never_watched(master: Master):
    """A master killed between a grant and its news leaves no listener that waits for ever."""
    master.boot()
    master.start_worker(0)

    master.vanish()

    assert wait_for_end(master.pid) == 0


def test_a_master_that_vanishes_before_its_order(master: Master):
    """Nothing is loaded for nobody."""
    master.vanish()

    assert wait_for_end(master.pid) == 1


def test_a_signal_before_it_is_ready_is_not_lost(master: Master):
    """QUIT while the interpreter starts: it loads, starts no worker, and leaves in order."""
    os.kill(master.pid, Signals.SIGQUIT)
    master.boot()

    assert wait_for_end(master.pid) == 0


def test_garbage_from_the_master_is_passed_over(master: Master, tmp_path: pathlib.Path):
    """It says so in the log, and goes on."""
    master.boot()
    master.hear(messages.Proved)
    master.channel._socket.send(b'nonsense\n{"v":"1.99","type":"News"}\n')

    pid = master.start_worker(0)

    master.channel.send(messages.Watched(pid))
    os.kill(master.pid, Signals.SIGTERM)
    assert wait_for_end(master.pid) == 0
    assert "Ignoring a line from the other process" in (tmp_path / "log").read_text()
