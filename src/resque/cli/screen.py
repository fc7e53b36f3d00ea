"""What reaches the terminal: tables, JSON, questions, progress.

All text of others passes ``safe`` or JSON's escapes: nothing moves the cursor, hides, or colours.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

#: Rows laid out together; what is longer is printed in pieces.
_AT_ONCE = 1000

Row = Sequence[object]


def safe(text: str) -> str:
    """Return text for one line; controls, newlines and marks of direction become escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def cut(text: str, limit: int = 60) -> str:
    """Return the beginning of a text that would be too wide."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def print_json(value: Any) -> None:
    """Print one JSON document, in ASCII."""
    print(_json(value))


def print_json_list(items: Iterable[Any]) -> None:
    """Print a list as it comes, one element a line."""
    separator = "["
    for item in items:
        print(separator, _json(item), sep="\n" if separator == "[" else "", end="")
        separator = ",\n"
    print("[]" if separator == "[" else "\n]")


def print_table(headers: Sequence[str], rows: Iterable[Row]) -> None:
    """Print rows as they come; with rich, where it is installed, at a terminal only."""
    cells = ([_cell(value) for value in row] for row in rows)
    if not (sys.stdout.isatty() and _print_rich(headers, cells)):
        _print_plain(headers, cells)


def confirm(question: str, *, yes: bool) -> bool:
    """Ask at a terminal, unless it was answered beforehand; where nobody can answer, it is yes."""
    if yes or not sys.stdin.isatty():
        return True
    print(f"{safe(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    is_yes = sys.stdin.readline().strip().lower() in {"y", "yes"}
    if not is_yes:
        print("nothing was done", file=sys.stderr)
    return is_yes


class Progress:
    """One line on stderr that counts, where that is a terminal."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._is_shown = sys.stderr.isatty() and total > 0

    def show(self, done: int) -> None:
        """Count up to ``done``."""
        if self._is_shown:
            bar = "#" * min(30, 30 * done // self._total)
            print(f"\r[{bar:<30}] {done:,} of {self._total:,}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line."""
        if self._is_shown:
            print(file=sys.stderr)


def _json(value: Any) -> str:
    return json.dumps(value).replace("\x7f", "\\u007f")


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else safe(str(value))


def _print_rich(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> bool:
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra, and heavy
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415
    except ImportError:
        return False
    for some in _chunks(rows):
        table = Table(*headers, box=None, header_style="bold", pad_edge=False)
        for row in some:
            table.add_row(*map(Text, row))  # a Text's brackets are no markup
        Console().print(table)
    return True


def _print_plain(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    widths = [len(header) for header in headers]
    for some in _chunks([headers], rows):
        columns = zip(*some, strict=True)
        widths = [max([w, *map(_width, column)]) for w, column in zip(widths, columns, strict=True)]
        for row in some:
            pairs = zip(row, widths, strict=True)
            print("  ".join(c + " " * (w - _width(c)) for c, w in pairs).rstrip())


def _chunks(*parts: Iterable[Sequence[str]]) -> Iterator[list[Sequence[str]]]:
    rows = chain(*parts)
    while some := list(islice(rows, _AT_ONCE)):
        yield some


def _width(text: str) -> int:
    """Return the columns that a terminal needs: two for ideographs, none for accents alone."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
