from collections.abc import Iterator

import pytest

from resqued.ipc.channel import Channel
from resqued.master import status_line
from resqued.master.cap import Live, Phase
from resqued.master.generation import Generation, Worker
from resqued.master.generations import Generations

QUEUES = frozenset({"a"})


class Pool(Generations):
    """Generations that a test makes, whose workers are only counted."""

    def boot(self, slots: int, **workers: Phase) -> Generation:
        """Add one that loads, with workers by name of their phase."""
        channel, other = Channel.pair()
        other.close()
        channel.close()
        generation = self.add(4711, channel, 0.0)
        generation.loaded(slots * (("a",),), None, 15.0)
        for slot, phase in enumerate(workers.values()):
            generation.workers[slot] = Worker(Live(generation.number, slot, QUEUES, phase))
        return generation


@pytest.fixture
def pool() -> Iterator[Pool]:
    """No generation yet."""
    return Pool()


def line(pool: Pool, failure: tuple[int, str] | None = None) -> str:
    """Return the line of a pool that is neither paused nor stopping."""
    return status_line.describe(pool, failure, is_paused=False, is_stopping=False)


def test_nothing(pool: Pool):
    """Between two listeners, say."""
    assert line(pool) == "No generation works"


def test_workers_that_do_not_work_yet_are_not_counted(pool: Pool):
    """Nor those that were told to leave."""
    first = pool.boot(4, a=Phase.READY, b=Phase.STARTING, c=Phase.TOLD, d=Phase.GRANTED)
    pool.proved(first)

    assert line(pool) == "Generation 1: 1 of 4 workers"


def test_workers_of_an_older_generation(pool: Pool):
    """They are told apart."""
    pool.proved(pool.boot(2, a=Phase.TOLD, b=Phase.READY))
    pool.proved(pool.boot(2, a=Phase.STARTING))

    assert line(pool) == "Generation 2: 0 of 2 workers, 2 of others"


def test_a_failure_stays_until_something_better_comes(pool: Pool):
    """The generation that works, and one that loads, are told as well."""
    pool.proved(pool.boot(1, a=Phase.READY))
    assert line(pool, (2, "why")) == "Generation 2 failed: why; generation 1: 1 of 1 workers"
    pool.last_number = 2
    third = pool.boot(1)
    assert line(pool, (2, "why")) == (
        "Generation 2 failed: why; generation 1: 1 of 1 workers; loading generation 3"
    )
    pool.proved(third)

    assert line(pool, (2, "why")).startswith("Generation 3: ")


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("", ""),
        ("one", "one"),
        ("x.py:1: a\nx.py:2: b", "x.py:1: a"),
        ("it failed\nTraceback (most recent call last):\n  ...\nE: why", "it failed: E: why"),
        ("a\x1b[2J\tb", "a [2J b"),
        (300 * "x", 300 * "x"),
        (301 * "x", 297 * "x" + "..."),
    ],
)
def test_a_reason_is_one_short_line(pool: Pool, reason: str, shown: str):
    """Whatever it is, no other line of a message can be forged."""
    assert line(pool, (1, reason)) == f"Generation 1 failed: {shown}"


def test_the_ends(pool: Pool):
    """Stopping goes before a pause; both count all workers."""
    pool.proved(pool.boot(2, a=Phase.TOLD, b=Phase.READY))

    paused = status_line.describe(pool, None, is_paused=True, is_stopping=False)
    stopping = status_line.describe(pool, None, is_paused=True, is_stopping=True)

    assert (paused, stopping) == ("Paused, workers left: 2", "Stopping, workers left: 2")
