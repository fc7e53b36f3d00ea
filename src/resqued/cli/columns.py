"""How much room a text takes on a terminal, where not every character is one column wide."""

from unicodedata import category, east_asian_width

#: Categories of what stands above or within the character before it.
_NO_COLUMN = frozenset({"Mn", "Me", "Cf"})


def width_of(text: str) -> int:
    """Return how many columns a printable text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def to_left(text: str, width: int) -> str:
    """Return the text with room after it, up to that many columns."""
    return text + " " * (width - width_of(text))


def to_right(text: str, width: int) -> str:
    """Return the text with room before it."""
    return " " * (width - width_of(text)) + text


def _columns(character: str) -> int:
    if category(character) in _NO_COLUMN:
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
