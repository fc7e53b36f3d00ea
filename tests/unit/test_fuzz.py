"""A short run of ``make fuzz``, the same each time."""

import pytest

from tests.fuzz.__main__ import TARGETS, Run
from tests.fuzz.target import Target, attempt

#: A config file is read by a process of its own.
INPUTS = {"config": 30, "pidfile": 100}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_input_breaks_a_contract(target: Target):
    """Some hundred inputs a reader, and first the corpus as it is."""
    crashes = [attempt(target, data) for data in target.corpus]
    run = Run([target], seed=0)
    crashes += [run.try_one(target) for _ in range(INPUTS.get(target.name, 300))]

    assert [crash for crash in crashes if crash is not None] == []


def test_a_crash_is_found_and_can_be_tried_again():
    """The fuzzer is no net without meshes: what raises, or hangs, is reported with its input."""
    broken = Target("broken", (b"abc",), lambda data: data.decode("ascii") and None)
    run = Run([broken], seed=0)

    found = [crash for crash in (run.try_one(broken) for _ in range(200)) if crash is not None]

    assert len(found) == 1
    assert found[0].kind.startswith("broken UnicodeDecodeError ")
    again = attempt(broken, found[0].data)
    assert again is not None
    assert again.kind == found[0].kind
