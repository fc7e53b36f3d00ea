from dataclasses import dataclass
from enum import Enum

import pytest

from resqued.typed import from_json


class Colour(Enum):
    """Something with names."""

    RED = "red"


@dataclass(frozen=True)
class Thing:
    """What a later version has added has a default."""

    colour: Colour
    number: int
    added: str = "default"


def test_a_field_with_a_default_may_be_missing():
    """An older program has not written it; a newer one may write what is passed over."""
    content = {"colour": "red", "number": 1}

    assert from_json(Thing, content) == Thing(Colour.RED, 1, "default")
    assert from_json(Thing, content | {"added": "x", "more": 1}) == Thing(Colour.RED, 1, "x")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"number": 1}, KeyError),
        ({"colour": "red"}, KeyError),
        ({"colour": "red", "number": "1"}, TypeError),
        ({"colour": "red", "number": True}, TypeError),
        ({"colour": "red", "number": 1, "added": None}, TypeError),
        ({"colour": "blue", "number": 1}, ValueError),
        ([], TypeError),
    ],
)
def test_anything_else_is_refused(content: object, error: type[Exception]):
    """A field that is missing, of another type, or no member of its enum."""
    with pytest.raises(error):
        from_json(Thing, content)
