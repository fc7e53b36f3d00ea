import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resque.failure.raw_object import RawObject

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def encoded(value):
    """Return what Ruby would write, or nearly."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_every_value_is_taken_out_as_it_stands(value):
    """The texts of the values, put together again, are the object's bytes."""
    found = RawObject.parse(encoded(value))
    expected = json.loads(encoded(value))
    assert [member.key for member in found.members] == list(expected)
    for key, item in expected.items():
        assert found.raw(key) == encoded(item)
    assert found.without("not there at all") == encoded(value)


@given(st.dictionaries(st.text(), VALUES, max_size=4), st.sampled_from(["", " ", "\n\t", "\r\n  "]))
def test_white_space_is_no_matter(value, space):
    """It may stand wherever JSON lets it."""
    text = json.dumps(value, indent=3, separators=(space + ",", space + ":" + space))
    found = RawObject.parse(f"{space}{text}{space}".encode())
    assert {m.key: json.loads(m.value_text) for m in found.members} == json.loads(text)


@given(st.binary(max_size=40) | st.text(alphabet='{}[]",:0-1.e\\untrue ').map(str.encode))
def test_it_reads_what_json_is_and_nothing_else(raw):
    """Of any bytes it takes those that Python's JSON library takes as an object."""
    try:
        value = json.loads(raw.decode(), parse_constant=lambda name: 1 / 0)
    except (ValueError, ZeroDivisionError):
        value = None
    if isinstance(value, dict):
        RawObject.parse(raw)
    elif b"\xff" not in raw:
        try:
            raw.decode()
        except UnicodeDecodeError:
            return  # such bytes may stand in strings
        with pytest.raises(ValueError, match="it is"):
            RawObject.parse(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"b":"\xff\xfe","c":2}',
        b'{"a":%s}' % (b"7" * 10_000),
        b'{"a":1e999,"b":-0.0,"c":1E+2}',
        b'{"a":"\\ud83d","b":"\\u0000"}',
        b'{"a":' + b"[" * 400 + b"]" * 400 + b"}",
    ],
)
def test_what_other_readers_stumble_over(raw):
    """Bytes that are not UTF-8, numbers of any length, half surrogate pairs: byte for byte."""
    assert RawObject.parse(raw).without("x") == raw


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "it is not JSON"),
        (b" ", "it is not JSON"),
        (b"{", "it is not JSON"),
        (b'{"a"}', "it is not JSON: Expecting"),
        (b'{"a":1', "it is not JSON: Expecting"),
        (b'{"a":1,}', "it is not JSON"),
        (b'{"a":1,"b"', "it is not JSON"),
        (b"{1:2}", "it is not JSON: Expecting property name"),
        (b'{"a":1} x', "it is not JSON: Extra data"),
        (b'{"a":NaN}', "it is not JSON: NaN is none of its values"),
        (b'{"a":-Infinity}', "it is not JSON"),
        (b'{"a":"\n"}', "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"\xef\xbb\xbf{}", "it is not JSON"),
        (b"null", "it is a JSON null, not an object"),
        (b"[1]", "it is a JSON array, not an object"),
        (b'"{}"', "it is a JSON string, not an object"),
        (b"7", "it is a JSON number, not an object"),
        (b"true", "it is a JSON boolean, not an object"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"a":' * 100_000, "it is nested too deeply"),
    ],
)
def test_what_is_no_object(raw, problem):
    """It says what it is instead."""
    with pytest.raises(ValueError, match="it is") as caught:
        RawObject.parse(raw)
    assert str(caught.value).startswith(problem)


def test_the_last_of_equal_keys_counts():
    """As in Ruby and in Python."""
    found = RawObject.parse(b'{"a":1,"b":2,"a":"x"}')
    assert (found.get("a"), found.raw("a"), found.get("c"), found.raw("c")) == (
        "x",
        b'"x"',
        None,
        None,
    )


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"{}", b'{"z":"new"}'),
        (b'{"a":1}', b'{"a":1,"z":"new"}'),
        (b'{"a":1,"z":"old"}', b'{"a":1,"z":"new"}'),
        (b'{"z":null,"a":1,"z":2}', b'{"a":1,"z":"new"}'),
        (b' { "a" : 1.0 }\n', b'{"a" : 1.0,"z":"new"}'),
    ],
)
def test_a_last_member(raw, expected):
    """The key stands last, once."""
    assert RawObject.parse(raw).with_last("z", "new") == expected
