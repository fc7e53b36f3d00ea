import logging

import pytest

from resque.errors import (
    AuthenticationError,
    EncodeError,
    ProtocolError,
    ReplyError,
    ServerUnavailable,
    ServerVersionError,
)
from resque.worker.control import Asked
from resque.worker.patience import GaveUpError, Patience
from tests.support.clock import HandTurnedClock

AWAY = ServerUnavailable("redis://a:1", "connection refused", was_sent=False)


class FakeControl:
    """Sleeps by turning the clock; may be told something during a given sleep."""

    def __init__(self, clock):
        self.asked = Asked.NOTHING
        self.pauses = []
        self.told_during = None
        self.forced_during = None
        self._clock = clock

    @property
    def is_forced(self):
        """Whether it is to leave whatever it has in hand."""
        return self.asked is Asked.LEAVE

    def wait(self, seconds, *_sources):
        """Sleep, unless a signal cuts it short."""
        self.pauses.append(seconds)
        if len(self.pauses) == self.told_during:
            self.asked = Asked.FINISH
        elif len(self.pauses) == self.forced_during:
            self.asked = Asked.LEAVE
        else:
            self._clock.turn(seconds)


class Step:
    """Fails a number of times, then returns ``done``."""

    def __init__(self, failures, error=AWAY):
        self.calls = 0
        self._failures = failures
        self._error = error

    def __call__(self):
        """Fail or return."""
        self.calls += 1
        if self.calls <= self._failures:
            raise self._error
        return "done"


@pytest.fixture
def clock():
    """A clock turned by sleeping."""
    return HandTurnedClock()


@pytest.fixture
def control(clock):
    """What the worker was told."""
    return FakeControl(clock)


@pytest.fixture
def patience(control, clock):
    """The patience of a worker."""
    return Patience(control, clock)


def test_no_patience_is_needed(patience, control, caplog):
    """A step that works is taken once, without a word."""
    step = Step(0)
    assert patience.insist(step) == "done"
    assert (step.calls, control.pauses, caplog.records) == (1, [], [])


def test_pauses_grow(patience, control):
    """They double up to 3 s, however long it takes."""
    assert patience.insist(Step(10)) == "done"
    assert control.pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3, 3, 3, 3, 3])


def test_an_outage_is_told_once(patience, caplog):
    """One warning when it begins, one line when it is over."""
    caplog.set_level(logging.INFO)
    patience.insist(Step(10))
    first, second = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert first[0] == "WARNING"
    assert first[1].startswith("Trying again until the server is well: ")
    assert first[1].endswith("cannot reach redis://a:1: connection refused")
    assert second == ("INFO", "The server is well again")


def test_the_next_outage_is_told_again(patience, caplog):
    """Silence is for one outage only, and the pauses start anew."""
    patience.insist(Step(1))
    patience.insist(Step(1))
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


@pytest.mark.parametrize(
    "error",
    [
        AWAY,
        ServerUnavailable("redis://a:1", "reset", was_sent=True),
        ProtocolError("redis://a:1", "junk"),
        ReplyError("LOADING", "Redis is loading the dataset in memory"),
        ReplyError("OOM", "command not allowed"),
        AuthenticationError("redis://a:1", "WRONGPASS"),
        ServerVersionError("redis://a:1", "unknown command"),
    ],
)
def test_what_time_can_mend(patience, error):
    """All that an operator or a failover may put right is waited for."""
    assert patience.insist(Step(1, error)) == "done"


@pytest.mark.parametrize("error", [EncodeError("x", "is bad"), ValueError("a bug"), TypeError()])
def test_what_time_cannot_mend(patience, control, error):
    """A bug is raised at once."""
    with pytest.raises(type(error)):
        patience.insist(Step(1, error))
    assert control.pauses == []


def test_it_gives_up_once_the_worker_is_to_leave(patience, control, clock):
    """From the moment it is told, a worker tries for 5 s more, at least once a second."""
    control.told_during = 7
    began = clock.now()
    with pytest.raises(GaveUpError, match="cannot reach redis://a:1"):
        patience.insist(Step(1_000))
    assert clock.now() - began - sum(control.pauses[:6]) == pytest.approx(5, abs=1)
    assert max(control.pauses[7:]) == 1.0


def test_a_worker_told_before_the_outage(patience, control, clock):
    """It has its 5 s, too, counted from the first failure."""
    control.asked = Asked.LEAVE
    began = clock.now()
    with pytest.raises(GaveUpError):
        patience.insist(Step(1_000))
    assert 5 <= clock.now() - began <= 6.1


def test_a_server_that_comes_back_in_the_last_seconds(patience, control):
    """What was to be written down still is."""
    control.asked = Asked.FINISH
    assert patience.insist(Step(4)) == "done"


def test_patience_that_has_a_limit(control, clock):
    """The try that is due when it is over is the last."""
    patience = Patience(control, clock, limit=30.0)
    assert patience.insist(Step(9)) == "done"
    began = clock.now()
    with pytest.raises(GaveUpError):
        patience.insist(Step(1_000))
    assert 30 <= clock.now() - began <= 35


def test_patience_that_ends_when_told_to_leave(control, clock):
    """With no last seconds there is one more try, at once."""
    patience = Patience(control, clock, limit=30.0, last_tries=0.0)
    control.told_during = 3
    step = Step(1_000)
    with pytest.raises(GaveUpError):
        patience.insist(step)
    assert (step.calls, len(control.pauses)) == (4, 3)


def test_an_outcome_in_hand_is_not_left_behind(patience, control, caplog):
    """Told to finish, a worker goes on for as long as it takes, and says so once."""
    control.told_during = 3
    assert patience.insist_on_outcome(Step(200)) == "done"
    assert max(control.pauses[4:]) == 1.0
    told = [r for r in caplog.records if r.event == "leaving_put_off"]
    assert [r.levelname for r in told] == ["WARNING"]


def test_an_outcome_is_given_up_when_leaving_is_forced(patience, control, clock):
    """TERM after QUIT, or at once: 5 s from then on, and no more."""
    control.told_during, control.forced_during = 3, 50
    began = clock.now()
    with pytest.raises(GaveUpError):
        patience.insist_on_outcome(Step(1_000))
    assert clock.now() - began - sum(control.pauses[:49]) == pytest.approx(5, abs=2)
    began = clock.now()
    with pytest.raises(GaveUpError):
        patience.insist_on_outcome(Step(1_000))
    assert 5 <= clock.now() - began <= 6.1


def test_an_outcome_without_a_word_of_leaving(patience, control, caplog):
    """Whoever is not told to leave has nothing to put off."""
    patience.insist_on_outcome(Step(20))
    assert not [r for r in caplog.records if r.event == "leaving_put_off"]
