import pytest

from resqued.cli.plan import Change, changes


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ([], [], []),
        (["a"], ["a"], [Change(("a",), start=0, keep=1, stop=0)]),
        (["a", "a"], ["a"], [Change(("a",), start=0, keep=1, stop=1)]),
        (["a"], ["b", "b"], [Change(("b",), 2, 0, 0), Change(("a",), 0, 0, 1)]),
        (["ab"], ["ba", "ba"], [Change(("b", "a"), start=1, keep=1, stop=0)]),
    ],
)
def test_two_plans(before: list[str], after: list[str], found: list[Change]):
    """Each letter is a queue; in another order it is the same list."""
    assert changes(map(tuple, before), map(tuple, after)) == found
