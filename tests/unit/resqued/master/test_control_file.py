"""When the control socket's file is looked at, made anew, and complained about."""

import logging
import pathlib
from collections.abc import Iterator
from signal import Signals

import pytest

from resqued.control.socket_file import SocketFile
from resqued.master.control_file import INTERVAL, ControlFile
from tests.support.clock import HandTurnedClock


class Site:
    """A socket's file in a folder, and who keeps it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.path = folder / "a.sock"
        self.file = SocketFile(str(self.path))
        self.file.__enter__()
        self.clock = HandTurnedClock()
        self.renewed = 0
        self.keeper = ControlFile(self.file, self.clock, self._renew)
        self.keeper.keep()

    def _renew(self) -> None:
        self.renewed += 1

    def pauses(self, count: int) -> list[float]:
        """Look ``count`` times as soon as it is due; returns how long each was waited for."""
        waited = []
        for _ in range(count):
            due = self.keeper.due_in
            assert due is not None
            waited.append(due)
            self.clock.turn(due)
            self.keeper.keep()
        return waited


@pytest.fixture
def site(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> Iterator[Site]:
    """A socket in its place."""
    caplog.set_level(logging.INFO)
    one = Site(tmp_path)
    yield one
    one.file.__exit__(None, None, None)


def events(caplog: pytest.LogCaptureFixture) -> list[object]:
    """Return the events that were logged."""
    return [getattr(record, "event", None) for record in caplog.records]


def test_a_file_in_its_place(site: Site, caplog: pytest.LogCaptureFixture):
    """It is looked at every few seconds, in silence."""
    assert site.pauses(3) == [INTERVAL] * 3
    assert (site.renewed, events(caplog)) == (0, [])


def test_a_file_that_was_removed(site: Site, caplog: pytest.LogCaptureFixture):
    """It is made anew by the next look, which is said, and goes on as before."""
    site.path.unlink()
    site.keeper.keep()
    assert not site.path.exists()

    site.pauses(1)

    assert site.path.is_socket()
    assert (site.renewed, events(caplog)) == (1, ["control_socket_renewed"])
    assert site.pauses(2) == [INTERVAL] * 2
    assert site.renewed == 1


def test_hup_has_it_looked_at_at_once(site: Site):
    """No other signal does."""
    site.path.unlink()
    site.keeper.hear([Signals.SIGCHLD])
    site.keeper.keep()
    assert not site.path.exists()

    site.keeper.hear([Signals.SIGHUP])

    assert site.keeper.due_in == 0.0
    site.keeper.keep()
    assert site.path.is_socket()


def test_one_that_cannot_be_made(site: Site, caplog: pytest.LogCaptureFixture):
    """It is said once, and tried again after longer and longer pauses, until it can."""
    site.path.unlink()
    site.path.mkdir()

    assert site.pauses(7) == [INTERVAL, 1.0, 2.0, 4.0, 8.0, 16.0, 16.0]

    assert (site.renewed, events(caplog)) == (0, ["control_socket_lost"])
    assert "there is a file that is no socket" in caplog.text
    site.path.rmdir()
    site.pauses(1)
    assert (site.renewed, site.path.is_socket()) == (1, True)
    assert events(caplog) == ["control_socket_lost", "control_socket_renewed"]


def test_a_pool_without_a_socket():
    """There is nothing to look at."""
    keeper = ControlFile(None, HandTurnedClock(), lambda: None)
    assert keeper.due_in is None
    keeper.keep()
