import pytest
from rich.cells import cell_len
from rich.text import Text

from resqued.top.rows import FAILURE_COLUMNS, QUEUE_COLUMNS, WORKER_COLUMNS
from resqued.top.table import Column, Layout, Row, cut

COLUMNS = (
    Column(title="N", least=3, most=3, is_right=True),
    Column(title="NAME", least=4, most=10),
    Column(title="SAID", least=4, most=4, stretches=True),
    Column(title="MORE", least=6, most=6, rank=1),
)


def lines(*rows: Row, width: int) -> list[str]:
    """Return the lines of a table."""
    layout = Layout.of(COLUMNS, rows, width)
    return [layout.titles().plain, *(layout.line(row).plain for row in rows)]


def row(*cells: str) -> Row:
    """Return a row of these."""
    return Row(cells=[Text(cell) for cell in cells], key=cells)


def test_room_for_all():
    """A column is as wide as what is in it; one of them takes what is left over."""
    assert lines(row("1", "Amanda", "hello", "x"), width=30) == [
        "  N NAME   SAID         MORE  ",
        "  1 Amanda hello        x     ",
    ]


def test_less_room():
    """First the wide ones become narrower, and what is cut off is shown to be."""
    assert lines(row("1", "Amanda", "hello", "x"), width=21) == [
        "  N NAME  SAID MORE  ",
        "  1 Aman… hel… x     ",
    ]


def test_no_room():
    """Then the column that matters least is left out."""
    assert lines(row("1", "Amanda", "hello", "x"), width=19) == [
        "  N NAME   SAID    ",
        "  1 Amanda hello   ",
    ]


def test_no_room_at_all():
    """What is left is cut off."""
    assert lines(row("1", "Amanda", "hello", "x"), width=6) == ["  N N…", "  1 A…"]


def test_across():
    """A heading takes the whole line."""
    assert lines(Row(across=Text("Generation 1: owner")), width=12)[1] == "Generation …"


def test_wide_characters():
    """Columns stand below each other also where characters take two cells, or none."""
    wide = row("1", "日本語日本語日本語", "e\u0301" * 3, "x")
    layout = Layout.of(COLUMNS, [wide], 27)

    shown = layout.line(wide).plain

    assert cell_len(shown) == 27
    assert cell_len(shown[: shown.index("e")]) == cell_len("  1 NAMENAMENA ")


@pytest.mark.parametrize("columns", [WORKER_COLUMNS, QUEUE_COLUMNS, FAILURE_COLUMNS, COLUMNS])
def test_no_line_is_too_wide(columns: tuple[Column, ...]):
    """Whatever the terminal's width."""
    long = Row(cells=[Text("x" * 300) for _ in columns])
    for width in range(1, 200):
        layout = Layout.of(columns, [long, Row(across=Text("y" * 300))], width)
        for line in (layout.titles(), layout.line(long)):
            assert cell_len(line.plain) <= width


def test_cutting_changes_nothing_else():
    """The text itself stays as it is, for a wider terminal."""
    text = Text("abcdef", style="bold")

    assert cut(text, 4).plain == "abc…"
    assert (text.plain, cut(text, 9).plain) == ("abcdef", "abcdef")
