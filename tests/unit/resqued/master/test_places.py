from resqued.ipc.messages import PoolSlots, Scaled
from resqued.master.cap import Plan
from resqued.master.places import Places, PoolPlaces

A, B, AB = ("a",), ("b",), ("a", "b")
LOADED = Places.loaded((B, AB, A), (PoolSlots("p", 2, (1, 2)), PoolSlots("empty", 0, ())))


def test_what_the_files_ask_for():
    """Each slot wants a worker, and belongs to a pool or to none."""
    assert LOADED.plan(3) == Plan(3, tuple(map(frozenset, (B, AB, A))))
    assert LOADED.pool_names == {1: "p", 2: "p"}
    assert LOADED.pools == (PoolPlaces("p", 2, 2, (1, 2)), PoolPlaces("empty", 0, 0, ()))


def test_a_listener_that_knows_no_pools():
    """Its slots are known all the same."""
    places = Places.loaded((A, B), None)

    assert (places.pools, places.pool_names) == (None, {})
    assert places.plan(1).asked_for.total() == 2


def test_a_size_that_was_asked_for():
    """It is known at once; the slots change when the listener has heard of it."""
    asked = LOADED.asked("p", 5)

    assert asked.pools == (PoolPlaces("p", 2, 5, (1, 2)), PoolPlaces("empty", 0, 0, ()))
    assert asked.plan(3) == LOADED.plan(3)


def test_what_a_hole_was_is_not_forgotten():
    """A worker may still be there; the cap asks for none any more."""
    places = LOADED.asked("p", 1).scaled(Scaled("p", 1, (B, AB, None, B), (1, 2, 3)))

    assert places.queues == (B, AB, A, B)
    assert places.holes == (2,)
    assert places.plan(3).slots == (frozenset("b"), frozenset("ab"), None, frozenset("b"))
    assert places.pool_names == {1: "p", 2: "p", 3: "p"}
    assert places.pools == (PoolPlaces("p", 2, 1, (1, 2, 3)), PoolPlaces("empty", 0, 0, ()))


def test_a_hole_that_is_wanted_again():
    """Its number means what it meant before."""
    once = LOADED.scaled(Scaled("p", 0, (B, None, None), (1, 2)))
    again = once.scaled(Scaled("p", 2, (B, AB, A), (1, 2)))

    assert again == LOADED


def test_a_listener_that_leaves_slots_out():
    """They are holes: a number that is in use means something for ever."""
    places = LOADED.scaled(Scaled("p", 0, (B,), ()))

    assert (places.queues, places.holes) == ((B, AB, A), (1, 2))
