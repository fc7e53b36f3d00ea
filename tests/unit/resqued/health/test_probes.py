import pytest

from resqued.control.status import Health
from resqued.health import probes


def health(configured: int | None = 20, serving: int = 20, **fields: object) -> Health:
    """A pool that works."""
    known = {"mode": "working", "generation": 1, **fields}
    return Health(configured=configured, serving=serving, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("configured", "enough"),
    [(0, 0), (1, 1), (2, 1), (3, 2), (10, 9), (19, 18), (20, 18), (100, 90)],
)
def test_a_pool_is_ready_with_what_a_reload_leaves_at_work(configured: int, enough: int):
    """And with one worker fewer it is not."""
    assert probes.ready(health(configured, enough)).is_good
    assert probes.ready(health(configured, enough + 1)).is_good
    if enough:
        verdict = probes.ready(health(configured, enough - 1))
        assert not verdict.is_good
        assert verdict.reason == f"{enough - 1} of {configured} workers are there"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (health(mode="paused"), "the pool is paused"),
        (health(mode="stopping"), "the pool is stopping"),
        (health(generation=None), "no generation works"),
        (health(configured=None), "no generation works"),
    ],
)
def test_a_pool_that_does_not_work_is_not_ready(found: Health, reason: str):
    """However many workers are there still."""
    assert probes.ready(found) == probes.Verdict(is_good=False, reason=reason)


def test_workers_that_nobody_asks_for_any_more():
    """They do not count among those that are; they are named besides."""
    assert probes.ready(health(1, 5)).reason == "1 of 1 workers are there, and 4 that are to leave"
    assert probes.ready(health(0, 5)).reason == "0 of 0 workers are there, and 5 that are to leave"
    assert probes.ready(health(0, 5)).is_good


def test_what_has_started_stays_so():
    """Later troubles are others' affair."""
    assert not probes.started(health(generation=None), before=False).is_good
    assert probes.started(health(), before=False).is_good
    assert probes.started(health(generation=None), before=True).is_good
