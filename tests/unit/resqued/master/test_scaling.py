import pytest

from resqued.control.protocol import Code, RefusedError
from resqued.ipc.channel import Channel
from resqued.ipc.messages import PoolSlots
from resqued.master.generation import Generation
from resqued.master.generations import Generations
from resqued.master.reloads import Outcome, Reload
from resqued.master.scaling import check_sizes, scalable
from resqued.pool_size import MAX_POOL_SIZE

POOLS = (PoolSlots("mail", 1, (0,)), PoolSlots("\x1b[2J", 0, ()))
DONE = Reload(number=1, generation=1, asked_at=0.0, outcome=Outcome.DONE)
LOADING = Reload(number=1, generation=2, asked_at=0.0)
MOVING = Reload(number=1, generation=1, asked_at=0.0, outcome=Outcome.MOVING)


def loaded(
    generations: Generations, pools: tuple[PoolSlots, ...] | None = POOLS, *, is_proved: bool = True
) -> Generation:
    """Note a listener that has a worker of a pool, and can scale pools."""
    ours, theirs = Channel.pair()
    theirs.close()
    generation = generations.add(1000 + generations.last_number, ours, 0.0)
    generation.loaded((("a",),), None, 15.0, "0.1.0", pools)
    if is_proved:
        generations.proved(generation)
    return generation


@pytest.mark.parametrize("reload", [None, DONE, LOADING])
def test_the_owner_can_be_scaled(generations: Generations, reload: Reload | None):
    """Whatever reload there was has ended, or has no room for a listener: less may make some."""
    owner = loaded(generations)
    assert scalable(generations, reload) is owner


def refused(generations: Generations, reload: Reload | None = None) -> str:
    """Return why nothing can be scaled now."""
    with pytest.raises(RefusedError) as caught:
        scalable(generations, reload)
    assert caught.value.code is Code.NOT_NOW
    return str(caught.value)


def test_while_nothing_works(generations: Generations):
    """Not even while the first generation loads."""
    loaded(generations, is_proved=False)

    assert refused(generations).startswith("no generation works")


def test_during_a_reload(generations: Generations):
    """While it loads, while workers move, and where the former generation is gone already."""
    owner = loaded(generations)
    assert "a reload is under way, to generation 1" in refused(generations, MOVING)

    new = loaded(generations, is_proved=False)
    assert "a reload is under way, to generation 2" in refused(generations)
    generations.proved(new)
    assert generations.fallback is owner
    assert "a reload is under way, to generation 2" in refused(generations)


def test_a_listener_that_cannot(generations: Generations):
    """Of an older version, or one that hangs: what to do is said."""
    owner = loaded(generations, None)
    assert "is of a resqued that cannot scale; reload" in refused(generations)
    owner.is_silent = True
    assert "does not answer" in refused(generations)


@pytest.mark.parametrize(
    ("sizes", "complaint"),
    [
        ({}, '"pools" names no pool'),
        ({"mail": 1, "mial": 2}, 'no pool "mial"; the files have "mail", "\\u001b[2J"'),
        ({"mail": MAX_POOL_SIZE + 1}, 'of pool "mail" must be a whole number from 0 to 10000, not'),
        ({"x" * 500: 1}, 'no pool "' + "x" * 59 + "...;"),
        ({"mail": 10**5000}, "not what it is"),
    ],
)
def test_wrong_sizes(generations: Generations, sizes: dict[str, int], complaint: str):
    """One line in ASCII names the pool, the value, and what there is."""
    owner = loaded(generations)

    with pytest.raises(RefusedError) as caught:
        check_sizes(owner, sizes)

    assert caught.value.code is Code.BAD_ARGUMENT
    assert complaint in str(caught.value)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


def test_files_without_a_pool(generations: Generations):
    """It is said that there is none."""
    with pytest.raises(RefusedError, match="the files have no worker_pool"):
        check_sizes(loaded(generations, ()), {"mail": 1})


def test_sizes_at_the_ends(generations: Generations):
    """Nothing, and the most; the pools come as they are now."""
    owner = loaded(generations)
    owner.asked_to_scale("mail", 7)

    found = check_sizes(owner, {"mail": 0, "\x1b[2J": MAX_POOL_SIZE})

    assert [(pool.name, pool.size) for pool in found] == [("mail", 7), ("\x1b[2J", 0)]
