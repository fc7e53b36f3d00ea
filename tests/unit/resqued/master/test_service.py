import pathlib
from collections.abc import Iterator
from signal import Signals
from types import SimpleNamespace

import pytest

from resqued.ipc.channel import Channel
from resqued.master.generations import Generations
from resqued.master.service import RETRY_AFTER, Service
from resqued.process.notify import Manager
from tests.support.clock import HandTurnedClock
from tests.support.notify import NotifySocket, notify_socket


class Pool:
    """What a service looks at, as a test has it."""

    def __init__(self, address: str, watchdog: float | None = None) -> None:
        self.clock = HandTurnedClock()
        self.generations = Generations()
        self.listeners = SimpleNamespace(
            generations=self.generations,
            next_start_in=None,
            verdicts=SimpleNamespace(last_failure=None),
        )
        self.commands = SimpleNamespace(is_paused=False)
        self.shutdown = SimpleNamespace(is_asked_for=False)
        self.service = Service(
            Manager(address, watchdog), self.listeners, self.commands, self.shutdown, self.clock
        )
        self._ends: list[object] = []

    def boot(self) -> None:
        """Start a generation."""
        ours, theirs = Channel.pair()
        self._ends += (ours, theirs)
        self.generations.add(4000 + self.generations.last_number, ours, self.clock.now())

    def prove(self) -> None:
        """Let the one that boots prove itself."""
        booting = self.generations.booting
        assert booting is not None
        self.generations.proved(booting)

    def close(self) -> None:
        """Let go of all sockets."""
        for end in self._ends:
            end.close()  # type: ignore[attr-defined]


@pytest.fixture
def manager(tmp_path: pathlib.Path) -> Iterator[NotifySocket]:
    """A service manager that listens."""
    with notify_socket(tmp_path) as listening:
        yield listening


@pytest.fixture
def pool(manager: NotifySocket) -> Iterator[Pool]:
    """A pool of which nothing is there yet."""
    made = Pool(manager.address)
    yield made
    made.close()


def test_nothing_is_said_twice(pool: Pool, manager: NotifySocket):
    """However often the loop turns."""
    pool.boot()
    for _ in range(3):
        pool.service.tell()
    assert [notice.lines for notice in manager.notices] == [{"STATUS": "Loading generation 1"}]
    pool.prove()

    for _ in range(3):
        pool.service.tell()

    assert manager.phases == ["READY"]
    assert pool.service.due_in is None


def test_a_reload_given_up_for_another(pool: Pool, manager: NotifySocket):
    """HUP during a boot begins anew: each is told, and only the last one ends."""
    pool.boot()
    pool.prove()
    pool.service.tell()
    for _ in range(2):
        if pool.generations.booting is not None:
            pool.generations.booting.leave(pool.clock.now())
        pool.service.hear([Signals.SIGHUP])
        pool.boot()
        pool.clock.turn(0.5)
        pool.service.tell()
    pool.prove()

    pool.service.tell()

    assert manager.phases == ["READY", "RELOADING", "RELOADING", "READY"]
    assert manager.values("MONOTONIC_USEC") == ["1000500000", "1001000000"]


def test_a_reload_that_no_signal_asked_for(pool: Pool, manager: NotifySocket):
    """A generation that loads beside the owner is one, whoever wanted it."""
    pool.boot()
    pool.prove()
    pool.service.tell()
    pool.boot()

    pool.service.tell()

    assert manager.phases == ["READY", "RELOADING"]


def test_a_listener_that_comes_back_is_no_reload(pool: Pool, manager: NotifySocket):
    """Nobody has asked for it, and nobody waits."""
    pool.boot()
    pool.prove()
    pool.service.tell()
    assert pool.generations.owner is not None
    pool.generations.lost(pool.generations.owner)
    pool.service.tell()
    assert manager.status == "No generation works"
    pool.boot()
    pool.service.tell()
    assert manager.status == "Loading generation 2"
    pool.prove()

    pool.service.tell()

    assert manager.phases == ["READY"]


def test_a_reload_for_which_there_is_no_process(pool: Pool, manager: NotifySocket):
    """It is tried again, and is not over before that."""
    pool.boot()
    pool.prove()
    pool.service.tell()
    pool.service.hear([Signals.SIGHUP])
    pool.listeners.next_start_in = 1.0
    pool.service.tell()
    assert manager.phases == ["READY", "RELOADING"]
    pool.listeners.next_start_in = None
    pool.boot()
    pool.service.tell()
    pool.prove()

    pool.service.tell()

    assert manager.phases == ["READY", "RELOADING", "RELOADING", "READY"]


def test_stopping_is_the_last_word(pool: Pool, manager: NotifySocket):
    """No reload is told any more."""
    pool.boot()
    pool.shutdown.is_asked_for = True
    pool.service.hear([Signals.SIGHUP, Signals.SIGTERM])
    pool.service.tell()
    pool.service.tell()

    assert manager.phases == ["STOPPING"]


def test_what_found_no_room_is_told_later(pool: Pool, manager: NotifySocket):
    """In the same order, as soon as the manager reads again."""
    while pool.service._notifier.send("X=1"):
        pass
    pool.boot()
    pool.prove()
    pool.service.hear([Signals.SIGHUP])
    pool.service.tell()
    assert pool.service.due_in == RETRY_AFTER
    assert manager.phases == []

    pool.service.tell()

    assert manager.phases == ["RELOADING", "READY"]
    assert manager.status
    assert pool.service.due_in is None


def test_signs_of_life(manager: NotifySocket):
    """At half the time, and never more than a hundred in a second."""
    pool = Pool(manager.address, watchdog=10.0)
    pool.service.tell()
    assert pool.service.due_in == 5.0
    pool.clock.turn(4.0)
    pool.service.tell()
    assert len(manager.told("WATCHDOG=1")) == 1
    pool.clock.turn(1.0)
    assert pool.service.due_in == 0.0
    pool.service.tell()
    assert len(manager.told("WATCHDOG=1")) == 2

    hasty = Pool(manager.address, watchdog=0.000001)
    hasty.service.tell()

    assert hasty.service.due_in == pytest.approx(0.01)


def test_no_manager():
    """Then nothing is ever due."""
    service = Service(None, SimpleNamespace(generations=None), None, None, HandTurnedClock())
    service.hear([Signals.SIGHUP])
    service.tell()

    assert service.due_in is None
