from resqued.backlog.ages import HeadAges
from tests.support.clock import HandTurnedClock


def test_a_head_ages_until_another_one_is_there():
    """From the moment that it was first seen, not from that of the look before."""
    clock = HandTurnedClock()
    ages = HeadAges(clock)
    assert ages.look({"a": b"1", "b": None}) == {"a": 0.0, "b": None}
    clock.turn(5)
    assert ages.look({"a": b"1", "b": b"2"}) == {"a": 5.0, "b": 0.0}
    clock.turn(5)
    assert ages.look({"a": b"3", "b": b"2"}) == {"a": 0.0, "b": 5.0}


def test_a_queue_that_was_empty_begins_anew():
    """The same bytes after a gap are another job."""
    clock = HandTurnedClock()
    ages = HeadAges(clock)
    for heads in ({"a": b"1"}, {"a": None}, {"a": b"1"}, {}, {"a": b"1"}):
        clock.turn(5)
        assert ages.look(heads).get("a") in (0.0, None)
