"""Rows of cells, laid out for a terminal of any width."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.text import Text

_GAP = " "


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How a column is laid out; widths are cells of the terminal."""

    title: str
    least: int
    most: int
    is_right: bool = False  #: numbers stand to the right
    #: Whether it gets what is left over. What is in it does not make it wider: where that changes
    #: from look to look, nothing beside it is to move.
    stretches: bool = False
    rank: int = 0  #: where there is no room, the column of the highest rank goes first; 0: never


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: cells, or one text that goes across all columns."""

    cells: Sequence[Text] = ()
    across: Text | None = None
    key: object = None  #: by which a selection finds it again; None: it cannot be selected
    detail: Sequence[str] = field(default=())  #: all that there is to say, for who selects it


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns there is room for, and how wide each is."""

    columns: Sequence[Column]
    widths: Sequence[int]  #: of each column; 0: left out
    width: int  #: of a line; what is longer is cut off, and shown to be

    @classmethod
    def of(cls, columns: Sequence[Column], rows: Sequence[Row], width: int) -> "Layout":
        """Fit the columns to what is in the rows, and to ``width``."""
        return cls(columns, _widths(columns, rows, width), width)

    def titles(self) -> Text:
        """Return the line above the rows."""
        return self._line([Text(column.title, style="bold") for column in self.columns])

    def line(self, row: Row) -> Text:
        """Return the line of a row."""
        return self._line(row.cells) if row.across is None else cut(row.across, self.width)

    def _line(self, cells: Sequence[Text]) -> Text:
        fitted = [
            _fitted(cell, width, is_right=column.is_right)
            for column, width, cell in zip(self.columns, self.widths, cells, strict=True)
            if width
        ]
        return cut(Text(_GAP).join(fitted), self.width)


def cut(text: Text, width: int) -> Text:
    """Return a copy that is no wider; what is cut off is shown to be."""
    fitted = text.copy()
    fitted.truncate(width, overflow="ellipsis")
    return fitted


def _widths(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[int]:
    """Return a width for each column, 0 for those that there is no room for."""
    contents = [row.cells for row in rows if row.across is None]
    wanted = [
        column.most
        if column.stretches
        else min(
            column.most, max([column.least, *(cell_len(row[place].plain) for row in contents)])
        )
        for place, column in enumerate(columns)
    ]
    shown = set(range(len(columns)))
    while True:
        spare = width - (len(shown) - 1) * len(_GAP) - sum(wanted[place] for place in shown)
        room = sum(wanted[place] - columns[place].least for place in shown)
        victim = max(shown, key=lambda place: columns[place].rank)
        if spare + room >= 0 or not columns[victim].rank:
            break
        shown.remove(victim)
    widths = [wanted[place] if place in shown else 0 for place in range(len(columns))]
    return _shrunk(columns, widths, -spare) if spare < 0 else _stretched(columns, widths, spare)


def _shrunk(columns: Sequence[Column], widths: list[int], excess: int) -> list[int]:
    """Take cells from whoever has most to spare, one after another."""
    widths = list(widths)
    for _ in range(excess):
        spare = [width and width - c.least for c, width in zip(columns, widths, strict=True)]
        widest = max(range(len(widths)), key=lambda place: spare[place])
        if spare[widest] > 0:
            widths[widest] -= 1
    return widths


def _stretched(columns: Sequence[Column], widths: list[int], spare: int) -> list[int]:
    return [
        width + (spare if column.stretches else 0)
        for column, width in zip(columns, widths, strict=True)
    ]


def _fitted(cell: Text, width: int, *, is_right: bool) -> Text:
    fitted = cut(cell, width)
    fill = " " * (width - cell_len(fitted.plain))
    return Text.assemble(fill, fitted) if is_right else Text.assemble(fitted, fill)
