"""What the process that serves health is told."""

import json

import pytest

from resqued.ipc.health_order import HealthOrder, HealthOrderError

ORDER = HealthOrder(
    listening=5, lifeline=6, control="/run/\udcff.sock", log_path="a.log", log_format="json"
)


def test_it_arrives_as_it_was_given():
    """Every field, also a path that is no UTF-8."""
    assert HealthOrder.parse(ORDER.encode()) == ORDER


def test_a_master_of_another_version():
    """What it does not say has a default; what it says beyond is passed over."""
    said = json.dumps({"listening": 5, "lifeline": 6, "control": "a", "more": 1})
    assert HealthOrder.parse([said]) == HealthOrder(listening=5, lifeline=6, control="a")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [*ORDER.encode(), "more"],
        [""],
        ["5"],
        ["[]"],
        ["{}"],
        ["[" * 100_000],
        ['{"listening": "5", "lifeline": 6, "control": "a"}'],
        ['{"listening": true, "lifeline": 6, "control": "a"}'],
        ['{"listening": 5, "lifeline": 6, "control": null}'],
    ],
)
def test_nonsense(arguments: list[str]):
    """It is refused in one line."""
    with pytest.raises(HealthOrderError, match=r"^its one argument is a JSON object that a mast"):
        HealthOrder.parse(arguments)
