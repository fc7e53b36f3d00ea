import enum

import pytest

from resque.errors import EncodeError
from resque.store.words import encode_word, pack


class Name(enum.StrEnum):
    """Text in disguise."""

    LOW = "low"


@pytest.mark.parametrize(
    ("word", "encoded"),
    [
        (b"\x00\xff\r\n", b"\x00\xff\r\n"),
        ("hé", b"h\xc3\xa9"),
        ("", b""),
        (7, b"7"),
        (-(10**30), b"-1" + b"0" * 30),
        (1.5, b"1.5"),
        (Name.LOW, b"low"),
    ],
)
def test_words_become_bytes(word, encoded):
    """A word is written the same alone and in a command."""
    assert encode_word(word, 0) == encoded
    assert pack(("SET", word)) == b"*2\r\n$3\r\nSET\r\n$%d\r\n%s\r\n" % (len(encoded), encoded)


def test_text_that_is_not_unicode_is_refused_by_its_place():
    """A lone surrogate has no UTF-8; the error says which word it is in."""
    with pytest.raises(EncodeError, match=r"word 2 of the command holds surrogates"):
        pack(("SET", "key", "\ud83d"))


@pytest.mark.parametrize("word", [None, True, [], bytearray(b"x"), object()])
def test_other_types_are_errors_of_the_program(word):
    """What has no obvious form is refused, naming its type and place."""
    with pytest.raises(TypeError, match=f"word 1 .* not {type(word).__name__}"):
        pack(("GET", word))
    with pytest.raises(TypeError, match=f"word 1 .* not {type(word).__name__}"):
        encode_word(word, 1)
