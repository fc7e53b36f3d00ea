"""What reaches the terminal."""

import json

import pytest

from resque.cli.screen import cut, print_json, print_json_list, print_table, safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain hé 世 😀 [red]", "plain hé 世 😀 [red]"),
        ("\x1b[31m\r\n\t\x00\x7f\x9b", r"\x1b[31m\r\n\t\x00\x7f\x9b"),
        ("\u202e\u2066\u200f\u2028\ufeff\xad", r"\u202e\u2066\u200f\u2028\ufeff\xad"),
        ("\ud83d\U000e0041", r"\ud83d\U000e0041"),
    ],
)
def test_safe(text, shown):
    """Only printable characters are left as they are."""
    assert safe(text) == shown
    assert safe(text).isprintable()


def test_cut():
    """It never gets longer than wanted."""
    assert cut("a" * 60) == "a" * 60
    assert cut("a" * 61) == "a" * 57 + "..."


def test_columns(capsys):
    """They stand below each other, also those of wide characters; the last one is not padded."""
    print_table(("A", "B", "C"), [("世界", 1, "x"), ("e\u0301", None, "long"), ("\n", "", "")])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["A     B  C", "世界  1  x", "e\u0301     -  long", "\\n    -  -"]


@pytest.mark.parametrize("count", [0, 1, 2, 2500])
def test_long_tables_and_lists(capsys, count):
    """Each row once, one header; one JSON document."""
    print_table(("N",), ([number] for number in range(count)))
    rows = capsys.readouterr().out.split()
    assert rows == ["N", *map(str, range(count))]
    print_json_list(range(count))
    assert json.loads(capsys.readouterr().out) == list(range(count))


def test_json_is_ascii(capsys):
    """A terminal shows it as it is."""
    value = {"\x1b": "\x7f\u202e\ud83d\n"}
    print_json(value)
    printed = capsys.readouterr().out
    assert printed.removesuffix("\n").isprintable()
    assert json.loads(printed) == value
