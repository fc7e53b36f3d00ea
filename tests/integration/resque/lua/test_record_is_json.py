"""worker:<id> is JSON for every reader, whatever bytes lay in the queue."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

#: Each example leaves the server as it found it, so one server does for all of them.
examples = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

TEXT = st.text(st.characters(exclude_categories=("Cs",)))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=10
)
OBJECTS = st.dictionaries(TEXT, VALUES)

#: Parts of JSON, and of what some reader or other takes for it.
PIECES = st.sampled_from(
    [
        *rb"""{ } [ ] : , " "a" {"a": "a": \ \u \ud83d \ude00 \u0000 \n 0 1 - + . e E x
        01 1. -.5 0x1f 1e5 true false null NaN nan Infinity inf -inf TRUE""".split(),
        *(b" ", b"\n", b"\x0b", b"\x00", b"\x1f", b"\x7f"),
        *("é".encode(), "世".encode(), "😀".encode(), b"\xff", b"\xc3", b"\xed\xa0\xbd"),
    ]
)


def strictly(text):
    """Read JSON as its standard has it."""

    def refuse(name):
        raise ValueError(name)

    return json.loads(text.decode(), parse_constant=refuse)


def is_object(element):
    """Tell whether an element is a JSON object by the standard."""
    try:
        return isinstance(strictly(element), dict)
    except ValueError:
        return False


def as_text(element):
    """Return what the record shows of an element that is none: its text."""
    try:
        return element.decode()
    except UnicodeDecodeError:
        return re.sub(rb"[\x80-\xff]", b"?", element).decode()


@pytest.fixture
def recorded(reserve, push, held, finish):
    """Take an element, and return the bytes of the payload in the record."""

    def run(element):
        push("a", element)
        assert reserve("a").element == element
        record = held()
        finish()
        assert strictly(record)["queue"] == "a"
        head, _, rest = record.partition(b',"payload":')
        strictly(head + b"}")
        return rest[:-1]

    return run


@examples
@given(st.binary())
def test_random_bytes(recorded, element):
    """They are shown as a string."""
    assert strictly(recorded(element)) == as_text(element)


@examples
@given(st.lists(PIECES).map(b"".join))
def test_pieces_of_json(recorded, element):
    """What is no object by the standard is shown as a string, whatever the server makes of it."""
    payload = recorded(element)
    if payload != element:
        assert strictly(payload) == as_text(element)
    else:
        assert is_object(element)


@examples
@given(OBJECTS.map(lambda value: json.dumps(value).encode()), st.data())
def test_damaged_objects(recorded, element, data):
    """One piece put into an object, or in place of a byte, never makes a bad record."""
    place = data.draw(st.integers(0, len(element)))
    cut = data.draw(st.integers(0, 2))
    damaged = element[:place] + data.draw(PIECES) + element[place + cut :]
    payload = recorded(damaged)
    if payload != damaged:
        assert strictly(payload) == as_text(damaged)
    else:
        assert is_object(damaged)


@examples
@given(
    OBJECTS,
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:\r")]),
)
def test_objects(recorded, value, ensure_ascii, separators):
    """Every object goes in as it is, however it is written."""
    text = json.dumps(value, ensure_ascii=ensure_ascii, separators=separators, allow_nan=True)
    element = re.sub("-?Infinity", "0", text).encode()
    assert recorded(element) == element


@pytest.mark.parametrize(
    "number",
    [*b"NaN -nan Infinity inf 0x10 0x1p3 01 -01 00 1. 1.e5 -.5 +1 nan(a)".split(), b" +1"],
)
def test_numbers_that_only_the_server_takes(recorded, number):
    """They are in no JSON, wherever in an object they stand."""
    for element in (b'{"a":%s}' % number, b'{"a":[1,%s]}' % number, b'{"a":[%s,1]}' % number):
        assert strictly(recorded(element)) == element.decode()


# --- UTF-8


def from_hex(text):
    """Return the byte strings that stand in a line each, behind them a remark."""
    lines = [line.partition("#")[0] for line in text.strip().splitlines()]
    return [bytes.fromhex(word) for line in lines for word in line.split()]


CHARACTERS = from_hex("""
    61 7f
    c280 dfbf
    e0a080 e18080 ecbfbf ed8080 ed9fbf ee8080 efbfbf
    f0908080 f1808080 f3bfbfbf f4808080 f48fbfbf
""")
NO_CHARACTERS = from_hex("""
    80 bf                             # a continuation alone
    c2 df e1 e180 f1 f180 f18080      # truncated
    c080 c1bf e08080 e09fbf           # overlong
    f0808080 f08fbfbf
    eda080 edbfbf                     # surrogates
    f4908080 f5808080                 # above U+10FFFF
    fe ff f888808080                  # never used
""")


@pytest.mark.parametrize("text", CHARACTERS)
def test_every_form_of_a_character(recorded, text):
    """The first and the last character of each form are kept."""
    assert strictly(recorded(text + b"|" + text)) == (text + b"|" + text).decode()


@pytest.mark.parametrize("text", NO_CHARACTERS)
def test_every_form_of_none(recorded, text):
    """Bytes that are no character are shown as question marks."""
    assert strictly(recorded(b"a" + text + b"b")) == "a" + "?" * len(text) + "b"


@examples
@given(st.lists(st.sampled_from(CHARACTERS + NO_CHARACTERS), min_size=1).map(b"".join))
def test_utf8_as_python_has_it(recorded, element):
    """The server's script and Python agree on what is UTF-8, however the bytes come together."""
    assert strictly(recorded(element)) == as_text(element)
