import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resque.worker.patterns import is_dynamic, matches, select

KNOWN = ["b", "a2", "a1", "low", ".hidden", "A", "é"]


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("high", "high", True),
        ("high", "higher", False),
        ("high", "High", False),  # case counts
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "anything", True),
        ("*", "a/b", True),  # crosses a slash ...
        ("*", "a\nb", True),  # ... and a line
        ("a*c", "abbc", True),
        ("a*c", "abcb", False),
        ("a*b*c", "a-b-b-c", True),
        ("**", "x", True),
        ("*a", "bab", False),
        ("*ab", "aaab", True),
        ("?", "a", True),
        ("?", "é", True),  # one code point, however many bytes
        ("?", "😀", True),
        ("?", "ab", False),
        ("?", "", False),
        ("a?", "a\n", True),
        # a leading dot
        ("*", ".a", False),
        ("?a", ".a", False),
        ("[.]a", ".a", False),
        ("[!x]a", ".a", False),
        (".*", ".a", True),
        (r"\.*", ".a", True),
        ("*.a", "x.a", True),
        # sets
        ("[abc]", "b", True),
        ("[abc]", "d", False),
        ("[a-c]", "b", True),
        ("[a-c]", "B", False),
        ("[c-a]", "c", True),  # a range the wrong way round has its two ends
        ("[c-a]", "b", False),
        ("[!a-c]", "d", True),
        ("[!a-c]", "b", False),
        ("[^a-c]", "d", True),
        ("[^a-c]", "^", True),
        ("[^a-c]", "a", False),
        ("[a-]", "-", True),
        ("[a-]x", "ax", True),
        ("[-a]", "-", True),
        ("[à-é]", "è", True),
        (r"[\]]", "]", True),
        (r"[a\-c]", "-", True),
        (r"[a\-c]", "b", False),
        (r"[\a-\c]", "b", True),
        ("[*]", "*", True),
        ("[*]", "a", False),
        ("q[12]*", "q2x", True),
        # broken sets
        ("[ab", "a", False),
        ("[ab", "[ab", False),
        ("[a-", "a", False),
        ("x[", "x[", False),
        ("[", "[", False),
        ("[]", "", False),
        ("[]", "[]", False),
        ("[]a]", "]", False),
        ("[]a]", "a", False),
        ("[]a]", "a]", False),
        ("[!]", "!", True),
        ("[!]", "a", True),
        ("[^]", "^", True),
        ("[!]a]", "!", False),
        ("[!]a]", "xa]", True),
        # backslash
        (r"\*", "*", True),
        (r"\*", "a", False),
        (r"\?", "?", True),
        (r"\[a]", "[a]", True),
        (r"\a", "a", True),
        (r"\\", "\\", True),
        ("a\\", "a", True),
        ("a\\", "a\\", False),
        ("*\\", "abc", True),
        # braces are nothing special
        ("{a,b}", "a", False),
        ("{a,b}", "{a,b}", True),
        ("{*}", "{x}", True),
        # a space is a character
        (" low", "low", False),
    ],
)
def test_matches_as_ruby_does(pattern, name, expected):
    """A pattern matches what File.fnmatch without flags matches."""
    assert matches(pattern, name) is expected


@given(
    st.text(alphabet="ab*?", max_size=8),
    st.text(alphabet="ab/\n", max_size=8),
)
def test_agrees_with_pythons_fnmatch_where_the_rules_are_the_same(pattern, name):
    """Stars and question marks mean what they mean in Python, leading dots aside."""
    assert matches(pattern, name) is fnmatch.fnmatchcase(name, pattern)


@given(st.text(), st.text())
def test_never_fails_on_odd_patterns(pattern, name):
    """Whatever an operator types, the answer is yes or no."""
    assert matches(pattern, name) in {True, False}


def test_many_stars_do_not_explode():
    """A pattern that makes a naive matcher exponential is answered at once."""
    assert not matches("*a" * 30 + "b", "a" * 200)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["high", "low"], False),
        ([], False),
        (["*"], True),
        (["a?"], True),
        (["{"], True),
        (["}"], True),
        (["["], True),
        (["]"], True),
        (["high", "!low"], True),
        (["a\\b"], False),
        (["a!b"], False),
    ],
)
def test_tells_dynamic_lists_from_static_ones(patterns, expected):
    """One wildcard character, braces included, or one negation makes the list dynamic."""
    assert is_dynamic(patterns) is expected


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        # static: as given
        (["z", "a", "z"], ["z", "a", "z"]),
        ([""], [""]),
        # dynamic: sorted by bytes within a pattern, patterns in their order
        (["*"], ["A", "a1", "a2", "b", "low", "é"]),
        (["b", "a*"], ["b", "a1", "a2"]),
        (["a*", "b"], ["a1", "a2", "b"]),
        (["low", "*"], ["low", "A", "a1", "a2", "b", "é"]),
        (["b", "*", "b"], ["b", "A", "a1", "a2", "low", "é"]),
        (["unknown", "a*"], ["a1", "a2"]),
        (["{a1,b}", "a*"], ["a1", "a2"]),
        # negations, wherever they stand
        (["*", "!low"], ["A", "a1", "a2", "b", "é"]),
        (["!low", "*"], ["A", "a1", "a2", "b", "é"]),
        (["*", "!a*", "!é"], ["A", "b", "low"]),
        (["b", "!b"], []),
        (["a1", "b", "!nothing"], ["a1", "b"]),
        (["!a1"], []),
        (["*", "! low"], ["A", "a1", "a2", "b", "low", "é"]),
        (["*", "!*"], []),
        (["*", ".*"], ["A", "a1", "a2", "b", "low", "é", ".hidden"]),
        (["*", ".*", "!*"], [".hidden"]),
        (["[ab"], []),
    ],
)
def test_selects_queues_as_ruby_does(patterns, expected):
    """Known names are picked by pattern, in order, each once, without the negated ones."""
    assert select(patterns, KNOWN) == expected
    assert select(patterns, reversed(KNOWN)) == expected


def test_known_names_may_be_none():
    """Without any queue a dynamic list selects nothing."""
    assert select(["*"], []) == []
