"""What an idle worker waits for, and who of several is told by the server."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from resque.keys import Keys
from resque.store.queues import Nothing
from resque.worker.vigil import SAFETY_LOOK, Vigil

INTERVAL = 5.0


@dataclass
class FakeTracking:
    """A server that tells, unless it refuses."""

    is_refused: bool = False
    is_on: bool = False
    news: bool = False
    looks: int = 0

    def begin(self):
        """Count, and be told from now on."""
        self.looks += 1
        self.is_on = not self.is_refused
        self.news = False

    def has_news(self):
        """Tell what the test says."""
        return self.news


@dataclass
class FakeServer:
    """All that a vigil asks of a server."""

    told_by: FakeTracking | None

    def tracking(self, ignoring):
        """Return it."""
        assert ignoring == ["resque:stat:processed"]
        return self.told_by


@dataclass
class FakeBaton:
    """A baton that another has, until the test takes it away from there."""

    is_taken: bool = False
    is_held: bool = False
    has_stopped: bool = False
    given: int = 0

    def is_stuck(self):
        """Whether the other one is stopped."""
        return self.has_stopped

    def take(self):
        """Have it if nobody else has."""
        self.is_held = not self.is_taken
        return self.is_held

    def give(self):
        """Count."""
        self.is_held = False
        self.given += 1


@dataclass
class FakeControl:
    """Notes how a worker sleeps."""

    sleeps: list[tuple[object, float]] = field(default_factory=list)

    def wait(self, seconds):
        """Sleep on signals."""
        self.sleeps.append((None, seconds))

    def wait_for(self, source, seconds):
        """Sleep on a source, too."""
        self.sleeps.append((source, seconds))

    def wait_for_turn(self, source, seconds):
        """Sleep on a shared one."""
        self.sleeps.append((source, seconds))


@pytest.fixture
def tracking():
    """A server that tells."""
    return FakeTracking()


@pytest.fixture
def control():
    """Where the worker sleeps."""
    return FakeControl()


@pytest.fixture
def make(tracking, control):
    """Make a vigil."""

    def make(told_by=tracking, baton=None, interval=INTERVAL):
        client = SimpleNamespace(server=FakeServer(told_by), keys=Keys())
        return Vigil(client, control, baton, interval)

    return make


def look_and_stand(vigil, nothing=Nothing.EMPTY):
    """Find nothing; return for how long to wait."""
    vigil.begin_look()
    return vigil.stand(nothing, lambda: INTERVAL)


@pytest.mark.parametrize("nothing", Nothing)
def test_nobody_tells(make, control, nothing):
    """The interval counts, after each look."""
    vigil = make(told_by=None)
    for _ in range(2):
        assert vigil.begin_look() is None
        assert vigil.stand(nothing, lambda: INTERVAL) == INTERVAL
        assert not vigil.is_over()
        vigil.wait(INTERVAL)
    assert control.sleeps == [(None, INTERVAL)] * 2


def test_a_server_that_refuses(make, tracking):
    """It is asked by a second look; after that the interval counts."""
    tracking.is_refused = False
    vigil = make()
    assert look_and_stand(vigil) == 0.0
    tracking.is_refused = True
    assert look_and_stand(vigil) == INTERVAL


def test_a_server_that_tells(make, tracking, control):
    """The look that finds nothing is followed by one to be told of the next job."""
    vigil = make()
    assert look_and_stand(vigil) == 0.0
    assert tracking.looks == 0
    assert look_and_stand(vigil) == SAFETY_LOOK
    assert tracking.looks == 1
    assert not vigil.is_over()
    vigil.wait(60)
    assert control.sleeps == [(tracking, 60)]
    tracking.news = True
    assert vigil.is_over()
    assert look_and_stand(vigil) == SAFETY_LOOK  # at once one to be told of the next
    assert tracking.looks == 2


def test_between_two_jobs_a_look_is_a_plain_one(make, tracking):
    """A worker that has much to do costs the server nothing."""
    vigil = make()
    look_and_stand(vigil)
    look_and_stand(vigil)
    vigil.leave()
    assert vigil.begin_look() is None
    assert tracking.looks == 1


def test_a_connection_that_was_lost_under_way(make, tracking):
    """The look is repeated."""
    vigil = make()
    look_and_stand(vigil)
    vigil.begin_look()
    tracking.is_on = False
    assert vigil.stand(Nothing.EMPTY, lambda: INTERVAL) == 0.0


def test_something_on_the_way_that_does_not_bear_to_be_asked(make, tracking):
    """A look that fails is followed by a plain one; after some the interval counts, too."""
    vigil = make()
    look_and_stand(vigil)
    for _ in range(3):
        assert vigil.begin_look() is tracking  # and it raises
        assert vigil.begin_look() is None
        assert vigil.stand(Nothing.EMPTY, lambda: INTERVAL) == 0.0
    assert vigil.begin_look() is tracking
    assert look_and_stand(vigil) == INTERVAL
    assert look_and_stand(vigil) == SAFETY_LOOK  # it does bear it by now


def test_connections_that_are_always_lost(make, tracking):
    """The worker does not go round at full speed."""
    vigil = make()
    look_and_stand(vigil)
    pauses = []
    for _ in range(5):
        vigil.begin_look()
        tracking.is_on = False
        pauses.append(vigil.stand(Nothing.EMPTY, lambda: INTERVAL))
    assert pauses == [0.0, 0.0, 0.0, INTERVAL, INTERVAL]


# --- with a baton


def test_who_has_the_baton_is_told(make, tracking):
    """It is taken before the look that counts, and kept until there is a job."""
    baton = FakeBaton()
    vigil = make(baton=baton)
    assert look_and_stand(vigil) == 0.0
    assert baton.is_held
    assert look_and_stand(vigil) == SAFETY_LOOK
    tracking.news = True
    assert vigil.is_over()
    assert vigil.begin_look() is not None
    vigil.leave()
    vigil.leave()
    assert (baton.is_held, baton.given) == (False, 1)


def test_the_others_wait_for_their_turn(make, tracking, control):
    """Without a word to the server, until the baton comes; then they look at once."""
    baton = FakeBaton(is_taken=True)
    vigil = make(baton=baton)
    assert look_and_stand(vigil) == SAFETY_LOOK
    assert not vigil.is_over()
    vigil.wait(60)
    assert control.sleeps == [(baton, INTERVAL)]
    assert tracking.looks == 0
    baton.is_taken = False
    assert vigil.is_over()
    assert look_and_stand(vigil) == SAFETY_LOOK
    assert tracking.looks == 1


def test_a_turn_is_tried_for_at_most_once_a_second(make, control):
    """Hundreds of processes must not wake up all the time."""
    vigil = make(baton=FakeBaton(is_taken=True), interval=0.01)
    look_and_stand(vigil)
    vigil.wait(60)
    vigil.wait(0.5)
    assert [seconds for _, seconds in control.sleeps] == [1.0, 0.5]


def test_who_waits_and_leaves_passes_on_that_it_was_woken(make):
    """Only the baton knows whether it was."""
    baton = FakeBaton(is_taken=True)
    vigil = make(baton=baton)
    look_and_stand(vigil)
    vigil.leave()
    assert baton.given == 1


def test_a_busy_worker_does_not_touch_the_baton(make):
    """It costs nothing between two jobs."""
    baton = FakeBaton()
    vigil = make(baton=baton)
    vigil.begin_look()
    vigil.leave()
    assert baton.given == 0


def test_a_refusal_ends_the_watch(make, tracking):
    """The next finds out by itself."""
    baton = FakeBaton()
    vigil = make(baton=baton)
    look_and_stand(vigil)
    tracking.is_refused = True
    assert look_and_stand(vigil) == INTERVAL
    assert not baton.is_held


def test_a_pause_is_watched_by_all(make, tracking, control):
    """Nobody needs the baton for that; after it all look, and one of them watches."""
    baton = FakeBaton()
    vigil = make(baton=baton)
    look_and_stand(vigil)
    assert look_and_stand(vigil, Nothing.PAUSED) == SAFETY_LOOK
    assert not baton.is_held
    vigil.wait(60)
    assert control.sleeps == [(tracking, 60)]
    tracking.news = True
    assert vigil.is_over()
    assert vigil.begin_look() is None
    baton.is_taken = True
    assert vigil.stand(Nothing.EMPTY, lambda: INTERVAL) == SAFETY_LOOK
    assert not vigil.is_over()
