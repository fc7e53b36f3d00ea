"""What goes over the wire: words out, replies in."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from hiredis import pack_command

from resque.errors import EncodeError

Word: TypeAlias = bytes | str | int | float
"""One word of a command. Text is sent as UTF-8, numbers as Python writes them."""

Reply: TypeAlias = Any
"""One reply, the same whatever client it came through.

===================  =================================================================
The server sends     The caller gets
===================  =================================================================
string, status       bytes; a status is not told from a string: ``b"OK"``
integer              int
double               float
boolean              bool
null                 None
array, set           list; a set's order means nothing
map                  dict with bytes keys
big number           bytes, its digits
error in an array    ReplyError, as an item (from a script or EXEC); it is not raised
===================  =================================================================
"""


def pack(words: Sequence[Word]) -> bytes:
    """Return the bytes of one command.

    Raises EncodeError for text that is not Unicode, and TypeError for None, a bool or another
    type: that is an error of the program, as there is no obvious way to write them.
    """
    try:
        packed: bytes = pack_command(tuple(words))  # type: ignore[arg-type] # its stub: one word
    except (UnicodeEncodeError, TypeError):
        for place, word in enumerate(words):
            encode_word(word, place)  # raises for the one at fault
        raise
    return packed


def encode_word(word: Word, place: int) -> bytes:
    """Return the bytes of the word at ``place`` of a command; raises as ``pack`` does."""
    if type(word) is bytes:
        return word
    if isinstance(word, str):
        try:
            return word.encode()
        except UnicodeEncodeError as error:
            raise EncodeError(f"word {place} of the command", f"holds {error.reason}") from None
    if isinstance(word, bytes):
        return bytes(word)
    if type(word) is int or isinstance(word, float):
        return repr(word).encode()
    raise TypeError(
        f"word {place} of a command is bytes, str, int or float, not {type(word).__name__}"
    )
