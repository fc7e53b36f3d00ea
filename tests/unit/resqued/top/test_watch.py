from collections.abc import Mapping

import pytest

from resqued.control.protocol import Code, RefusedError
from resqued.control.status import PoolStatus
from resqued.errors import ResquedError
from resqued.ipc.messages import QueueServer
from resqued.process.memory import Memory
from resqued.top import watch
from resqued.top.rounds import Rounds
from resqued.top.watch import BacklogWatch, PoolWatch, place_of
from tests.support.clock import HandTurnedClock
from tests.support.top import BACKLOG, PLACE, ToldMaster, ToldReader

OTHER = QueueServer("redis://other:6379/0", "resque", "redis")
MEMORY = {4260: Memory(pss=1, private=2, shared=3, rss=4)}


class Places:
    """Says where the jobs are, as a test wants; opens readers there, and keeps them."""

    def __init__(self) -> None:
        self.place: QueueServer | None = PLACE
        self.is_silent = False
        self.asked = 0
        self.opened: list[tuple[QueueServer | None, ToldReader]] = []
        self.clock = HandTurnedClock()
        self.watch = BacklogWatch(self._find, self._open, self.clock)

    @property
    def reader(self) -> ToldReader:
        """The last that was opened."""
        return self.opened[-1][1]

    def _find(self) -> QueueServer | None:
        self.asked += 1
        if self.is_silent:
            raise ResquedError("nobody listens")
        return self.place

    def _open(self, place: QueueServer | None) -> ToldReader:
        self.opened.append((place, ToldReader()))
        return self.reader


def test_the_pool_is_asked_for_its_server_seldom():
    """A connection is kept, and the question costs the pool something."""
    places = Places()
    for _ in range(9):
        assert places.watch.look().backlog == BACKLOG
        places.clock.turn(1)
    assert (places.asked, len(places.opened)) == (1, 1)

    places.clock.turn(5)
    places.watch.look()

    assert (places.asked, len(places.opened)) == (2, 1)


def test_the_pool_moves_to_another_server():
    """The connection to the former one is closed."""
    places = Places()
    places.watch.look()
    former, places.place = places.reader, OTHER
    places.clock.turn(20)

    places.watch.look()

    assert former.is_closed
    assert [place for place, _ in places.opened] == [PLACE, OTHER]


def test_no_worker_has_told_yet():
    """The environment's server is looked at, until one has."""
    places = Places()
    places.place = None
    places.watch.look()
    places.watch.look()
    assert (places.asked, [place for place, _ in places.opened]) == (2, [None])

    places.place = PLACE
    places.watch.look()
    places.watch.look()

    assert (places.asked, [place for place, _ in places.opened]) == (3, [None, PLACE])


def test_a_pool_without_workers():
    """A paused one, say: its jobs are where they were, whatever the environment says."""
    places = Places()
    places.watch.look()
    places.place = None
    places.clock.turn(20)
    assert places.watch.look().backlog == BACKLOG
    assert [place for place, _ in places.opened] == [PLACE]


def test_a_server_that_is_away():
    """It is told since when; the pool is asked whether it is still the one."""
    places = Places()
    places.watch.look()
    places.reader.backlog = None

    view = places.watch.look()

    assert view.trouble is not None
    assert view.trouble.reason == "connection refused"
    assert view.backlog == BACKLOG
    places.reader.backlog = BACKLOG
    assert places.watch.look().trouble is None
    assert (places.asked, len(places.opened)) == (2, 1)


def test_a_master_that_is_away():
    """The server is asked all the same; unless nobody has ever told which one that is."""
    places = Places()
    places.watch.look()
    places.is_silent = True
    places.clock.turn(20)
    assert places.watch.look().trouble is None

    others = Places()
    others.is_silent = True
    trouble = others.watch.look().trouble
    assert trouble is not None
    assert trouble.reason == "nobody listens"


def test_closing():
    """Closes the connection, once, if there is any."""
    places = Places()
    places.watch.close()
    places.watch.look()

    places.watch.close()
    places.watch.close()

    assert places.reader.is_closed


def test_a_master_that_does_not_know_the_question():
    """It is of an older version: then the environment says where the jobs are."""

    class Older(ToldMaster):
        def ask(self, verb: str, /, **fields: object) -> dict[str, object]:
            raise RefusedError(Code.UNKNOWN_VERB, "unknown verb")

    assert place_of(Older()) is None


def test_a_master_that_refuses():
    """What it says is passed on."""

    class Refusing(ToldMaster):
        def ask(self, verb: str, /, **fields: object) -> dict[str, object]:
            raise RefusedError(Code.INTERNAL, "something went wrong")

    with pytest.raises(RefusedError, match="something went wrong"):
        place_of(Refusing())


def test_measuring_takes_a_tenth_of_the_time_at_most(monkeypatch: pytest.MonkeyPatch):
    """A look between two measurements shows what the last one has found."""
    clock, measured = HandTurnedClock(), 0

    def slow(status: PoolStatus) -> Mapping[int, Memory]:
        nonlocal measured
        measured += 1
        clock.turn(0.5)
        return MEMORY

    monkeypatch.setattr(watch, "memory_of", slow)
    pool = PoolWatch(ToldMaster(), clock)
    for _ in range(5):
        assert pool.look().memory == MEMORY
        clock.turn(1)
    assert measured == 1

    clock.turn(0.5)
    pool.look()

    assert measured == 2


def test_an_answer_that_is_none():
    """It is told as any other trouble."""
    master = ToldMaster()
    master.status = None
    pool = PoolWatch(master, HandTurnedClock())

    view = pool.look()

    assert view.status is None
    assert view.trouble is not None
    assert "no resqued runs" in view.trouble.reason


def test_rounds_end_at_once():
    """However long the pause between two of them is."""
    rounds, done = Rounds(3600), []

    def step() -> None:
        done.append(len(done))
        rounds.hurry() if len(done) < 3 else rounds.end()

    rounds.run(step)

    assert done == [0, 1, 2]
