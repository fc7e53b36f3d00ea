"""Pool arithmetic, as a table through the config file and as properties of expand()."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqued.config.model import PoolSpec, QueueSpec, WorkerLimits, WorkerSpec
from resqued.config.pools import concurrency, expand

TWENTY = """
worker_pool(20)
queue("low", percent=20)
queue("normal", count=8)
queue("a", percent=47)
queue("all")
"""

SECTION_FOUR = """
worker_pool(5, interval=1)
queue("high", "almosthigh")
queue("low", percent=20)
queue("normal", count=4)
queue("*")
"""

CASES = {
    "one worker": ('worker("high")', ["high"]),
    "worker order": ('worker("b", "a")\nworker("c")', ["b,a", "c"]),
    "worker of all": ("worker()", ["*"]),
    "worker of an empty list": ("worker([])", ["*"]),
    "worker of nested lists": ('worker(["a", ("b", ["c"])], "d")', ["a,b,c,d"]),
    "worker shuffled": ('worker("a", "b", "c", shuffle_queues=True)', ["c,b,a"]),
    "worker not shuffled": ('worker("a", "b", shuffle_queues=False)', ["a,b"]),
    "concise pool": ('worker_pool(2, "a", "b")', ["a,b", "a,b"]),
    "concise pool of a nested list": ('worker_pool(1, ["a", ["b"]], "c")', ["a,b,c"]),
    "concise pool with queue": (
        'worker_pool(2, "a")\nqueue("b", count=1)\nqueue("c")',
        ["a,b,c", "a,c"],
    ),
    "size by name": ('worker_pool(size=1)\nqueue("a")', ["a"]),
    "pool without queues": ("worker_pool(2)", ["*", "*"]),
    "emptied pool": ('worker_pool(0)\nqueue("a", percent=50)', []),
    "percent of a small pool is at least one": (
        'worker_pool(2)\nqueue("a", percent=1)\nqueue("b")',
        ["a,b", "b"],
    ),
    "percent 0 is at least one": ('worker_pool(2)\nqueue("a", percent=0)', ["a", "*"]),
    "percent is rounded down": ('worker_pool(3, "b")\nqueue("a", percent=99)', ["b,a", "b,a", "b"]),
    "percent 100": ('worker_pool(3)\nqueue("a", percent=100)', ["a", "a", "a"]),
    "count 0 is none": ('worker_pool(2)\nqueue("a", count=0)\nqueue("b")', ["b", "b"]),
    "count above the size": ('worker_pool(2)\nqueue("a", count=9)', ["a", "a"]),
    "None is not given": ('worker_pool(2)\nqueue("a", count=None, percent=None)', ["a", "a"]),
    "None beside a value": ('worker_pool(2)\nqueue("a", count=1, percent=None)', ["a", "*"]),
    "percent, count and plain over twenty": (
        TWENTY,
        ["low,normal,a,all"] * 4 + ["normal,a,all"] * 4 + ["a,all"] + ["all"] * 11,
    ),
    "implied star": ('worker_pool(3)\nqueue("a", count=1)', ["a", "*", "*"]),
    "fewer workers than queues": (
        'worker_pool(1)\nqueue("a")\nqueue("b", count=1)\nqueue("c", percent=10)\nqueue("d")',
        ["a,b,c,d"],
    ),
    "fewer queues than workers": ('worker_pool(4)\nqueue("a", count=2)', ["a", "a", "*", "*"]),
    "order is that of the calls": (
        'worker_pool(2)\nqueue("z", count=1)\nqueue("a")\nqueue("m", count=1)',
        ["z,a,m", "a"],
    ),
    "one queue call for several": (
        'worker_pool(3)\nqueue("a", ["b"], count=2)\nqueue("c")',
        ["a,b,c", "a,b,c", "c"],
    ),
    "shuffled pool": (
        'worker_pool(3, shuffle_queues=True)\nqueue("a", count=1)\nqueue("b", count=2)\nqueue("c")',
        ["c,b,a", "c,b", "c"],
    ),
    "several pools": (
        'worker_pool(2, "a")\nqueue("b", count=1)\nworker_pool(1)\nqueue("c")',
        ["a,b", "a", "c"],
    ),
    "only one pool shuffled": (
        'worker_pool(1, "a", "b", shuffle_queues=True)\nworker_pool(1, "a", "b")',
        ["b,a", "a,b"],
    ),
    "single workers come first": (
        'worker_pool(1, "a")\nworker("b")\nworker_pool(1, "c")\nworker("d")\nqueue("e")',
        ["b", "d", "a", "c,e"],
    ),
    "a queue twice": ('worker_pool(1)\nqueue("a")\nqueue("a")', ["a,a"]),
    "patterns": ('worker("a*", "!ab", "*")', ["a*,!ab,*"]),
    "an enum's plain value": (
        'import enum\nclass Q(str, enum.Enum):\n    HIGH = "high"\nworker(Q.HIGH)',
        ["high"],
    ),
    "the specification's example": (
        SECTION_FOUR,
        [
            "high,almosthigh,low,normal,*",
            "high,almosthigh,normal,*",
            "high,almosthigh,normal,*",
            "high,almosthigh,normal,*",
            "high,almosthigh,*",
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_workers_have_these_queues(configured, text, expected):
    """The config file gives exactly these workers, in this order, each with these queues."""
    assert [",".join(spec.queues) for spec in configured(text).workers] == expected


def test_whole_specs(configured):
    """A spec carries queues as plain strings, the interval as a float, and the pool's name."""
    config = configured(
        'worker("a")\nworker("b", interval=30)\nworker_pool(1, "c", interval=1, name="web")\n'
        'worker_pool(1, "d")\nworker_pool(1, "e", interval=0.5)'
    )
    assert config.workers == (
        WorkerSpec(queues=("a",), interval=5.0, pool=None),
        WorkerSpec(queues=("b",), interval=30.0, pool=None),
        WorkerSpec(queues=("c",), interval=1.0, pool="web"),
        WorkerSpec(queues=("d",), interval=5.0, pool="pool-2"),
        WorkerSpec(queues=("e",), interval=0.5, pool="pool-3"),
    )
    assert all(type(spec.interval) is float for spec in config.workers)


def test_limits(configured):
    """Each worker's own, and all of its pool's; a size in bytes; None is as if not given."""
    config = configured(
        'worker("a", timeout=30, max_jobs=100, max_age=3600, max_memory="1.5GB")\n'
        'worker("b", timeout=None, max_jobs=None, max_age=None, max_memory=None)\n'
        'worker_pool(2, "c", max_memory="200 mb")\nworker("d", max_memory=4096)'
    )
    limits = {spec.queues[0]: spec.limits for spec in config.workers}
    assert limits == {
        "a": WorkerLimits(timeout=30, max_jobs=100, max_age=3600, max_memory=3 * 2**29),
        "b": WorkerLimits(),
        "c": WorkerLimits(max_memory=200 * 2**20),
        "d": WorkerLimits(max_memory=4096),
    }


def test_what_becomes_of_a_dead_workers_job(configured):
    """Each worker and each pool says it for itself."""
    config = configured(
        'worker("a", on_worker_death="requeue")\nworker("b", max_deaths=1)\n'
        'worker_pool(1, "c", on_worker_death="requeue", max_deaths=5)\nworker_pool(1, "d")'
    )
    found = [(spec.on_worker_death, spec.max_deaths) for spec in config.workers]
    assert found == [("requeue", 3), ("fail", 1), ("requeue", 5), ("fail", 3)]


def test_each_worker_of_a_pool_is_shuffled_by_itself():
    """With a real shuffle, workers of one pool get different orders of the same queues."""
    queues = tuple(QueueSpec(name=name) for name in "abcdefgh")
    pool = PoolSpec(name="p", size=20, interval=1.0, shuffle_queues=True, queues=queues)
    workers = expand(pool, random.Random(1).shuffle)
    assert {frozenset(spec.queues) for spec in workers} == {frozenset("abcdefgh")}
    assert len({spec.queues for spec in workers}) == 20


def unused(_: list[str]) -> None:
    """Fail: a pool that does not ask for a shuffle must not be shuffled."""
    raise AssertionError


def queue_specs() -> st.SearchStrategy[list[QueueSpec]]:
    """Draw queues with distinct names and any mix of counts, shares and neither."""
    counted = st.builds(dict, count=st.integers(0, 60))
    shared = st.builds(dict, percent=st.integers(0, 100))
    limits = st.lists(counted | shared | st.just({}), max_size=8)
    return limits.map(lambda all_: [QueueSpec(name=f"q{i}", **one) for i, one in enumerate(all_)])


def pools(*, is_shuffled: bool = False) -> st.SearchStrategy[PoolSpec]:
    """Draw pools of up to fifty workers."""
    return st.builds(
        PoolSpec,
        name=st.just("p"),
        size=st.integers(0, 50),
        interval=st.just(2.0),
        shuffle_queues=st.just(is_shuffled),
        queues=queue_specs().map(tuple),
    )


@given(pools())
def test_a_pool_has_its_size(pool):
    """There are as many workers as asked for, all of the pool's name and interval."""
    workers = expand(pool, unused)
    assert len(workers) == pool.size
    assert all((spec.pool, spec.interval) == ("p", 2.0) for spec in workers)


@given(pools())
def test_the_order_of_the_queues_is_kept(pool):
    """Each worker's list is in the order of the calls; a worker without any has the star."""
    names = [queue.name for queue in pool.queues]
    for spec in expand(pool, unused):
        assert spec.queues == ("*",) or list(spec.queues) == [
            name for name in names if name in spec.queues
        ]
        assert spec.queues


@given(pools())
def test_the_concurrency_is_exact(pool):
    """The first workers serve a queue, exactly as many as its count or share says."""
    workers = expand(pool, unused)
    for queue in pool.queues:
        serving = [queue.name in spec.queues for spec in workers]
        if queue.count is not None:
            wanted = sorted((0, queue.count, pool.size))[1]
        elif queue.percent is not None:
            wanted = min(pool.size, max(1, int(pool.size * queue.percent / 100 + 1e-9)))
        else:
            wanted = pool.size
        assert sum(serving) == wanted == concurrency(queue, pool.size)
        assert all(serving[:wanted])


@given(pools(is_shuffled=True), st.randoms(use_true_random=False))
def test_a_shuffle_changes_only_the_order(pool, rng):
    """Shuffled or not, the workers serve the same queues."""
    plain = PoolSpec(name="p", size=pool.size, interval=2.0, queues=pool.queues)
    shuffled = [sorted(spec.queues) for spec in expand(pool, rng.shuffle)]
    assert shuffled == [sorted(spec.queues) for spec in expand(plain, unused)]
