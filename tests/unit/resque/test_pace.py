"""How the pauses of an idle worker grow."""

from resque.pace import Growth, Pace


def test_a_fixed_pause():
    """It stays, whatever happens."""
    pace = Pace(5.0)
    assert [pace.next_pause() for _ in range(2)] == [5.0, 5.0]
    pace.worked()
    assert pace.next_pause() == 5.0
    assert not pace.is_once


def test_growing_pauses():
    """As measured on Ruby Resque: the step is added before sleeping (protocol, section 4)."""
    pace = Pace(5.0, Growth(least=0.2, most=1.0, step=0.3))
    assert [pace.next_pause() for _ in range(4)] == [0.5, 0.8, 1.0, 1.0]
    pace.worked()
    assert pace.next_pause() == 0.5
    assert not pace.is_once


def test_no_pause_means_once():
    """A worker that does not wait leaves when its queues are empty, unless its pauses grow."""
    assert Pace(0).is_once
    assert not Pace(0, Growth(least=0.0, most=0.0, step=0.0)).is_once
