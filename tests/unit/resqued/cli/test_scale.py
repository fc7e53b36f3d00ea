import pytest

from resqued.cli.arguments import UsageError
from resqued.cli.scale import sizes


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["mail=3"], {"mail": 3}),
        (["mail=0", "pool-2=007"], {"mail": 0, "pool-2": 7}),
        (["a=b=c=1"], {"a=b=c": 1}),
        (["two words=5"], {"two words": 5}),
        (["a\nb=5"], {"a\nb": 5}),
    ],
)
def test_sizes(words: list[str], found: dict[str, int]):
    """The last = is the one that counts: a name may have others."""
    assert sizes(words) == found


@pytest.mark.parametrize(
    "word",
    [
        "mail",
        "=3",
        "mail=",
        "mail=-1",
        "mail=1.5",
        "mail=\u0663",
        "mail= 3",
        "a=1234567890",
        "",
        "\x1b=x",
    ],
)
def test_what_is_no_size(word: str):
    """It is repeated, in one printable line."""
    with pytest.raises(UsageError, match="POOL=N is needed, with a whole number N, not") as caught:
        sizes(["a=1", word])

    assert str(caught.value).isprintable()


def test_a_pool_that_is_named_twice():
    """Which size is meant cannot be told."""
    with pytest.raises(UsageError, match='pool "mail" is named twice'):
        sizes(["mail=1", "a=1", "mail=1"])
