import pytest
from rich.cells import cell_len

from resqued.cli.columns import to_left, to_right, width_of


@pytest.mark.parametrize("text", ["", "mail", "日本語", "é", "e\u0301", "한국", "🚀", "a日b"])
def test_the_width_of_a_text(text: str):
    """It is that which the live view reckons with."""
    assert width_of(text) == cell_len(text)


def test_room_is_counted_in_columns():
    """Whichever side it is on; a text that takes all has none."""
    assert to_left("日本", 6) == "日本  "
    assert to_right("日本", 6) == "  日本"
    assert to_left("日本", 4) == to_right("日本", 4) == "日本"
