import pytest

from resque import __version__
from resque.worker.title import Title


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        ("Waiting for high,low", "Waiting for high,low"),
        ("Processing hé 世 since 1 [A::B]", "Processing hé 世 since 1 [A::B]"),
        ("a\nb\0c\x1bd\x7f", "a?b?c?d?"),
        ("a\u2028b\u202ec\ud83d", "a?b?c?"),
        ("x" * 500, "x" * 200),
        ("\n" * 500, "?" * 200),
    ],
)
def test_titles_are_printable_and_short(what, shown):
    """A queue's or a class's name comes from anywhere, and ends in a terminal."""
    assert Title("").of(what) == f"resque-{__version__}: {shown}"
