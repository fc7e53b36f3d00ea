import json
import typing
from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqued.figures import JobTally
from resqued.ipc import messages
from resqued.ipc.messages import (
    MAJOR,
    MINOR,
    ForeignMessageError,
    MalformedMessageError,
    Message,
    SlotSight,
)

T = typing.TypeVar("T")
TYPES = typing.get_args(Message)

seconds = st.floats(allow_nan=False, allow_infinity=False)


def built(kind: type[T]) -> st.SearchStrategy[T]:
    """Return values of a dataclass, whose numbers JSON has."""
    numbers = {float: seconds, float | None: st.none() | seconds}
    given = {f.name: numbers[f.type] for f in fields(kind) if f.type in numbers}  # type: ignore[arg-type]
    return st.builds(kind, **given)


st.register_type_strategy(SlotSight, built(SlotSight))
st.register_type_strategy(JobTally, built(JobTally))

anything = st.one_of(*map(built, TYPES))

STARTED = {"v": "1.0", "type": "Started", "slot": 1, "pid": 2}


@pytest.mark.parametrize("kind", TYPES)
@given(data=st.data())
def test_every_message_survives_the_journey(kind: type, data: st.DataObject):
    """parse(encode(message)) is the message, of the same types, in a single line."""
    message = data.draw(built(kind))

    line = messages.encode(message)

    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert messages.parse(line) == message
    assert repr(messages.parse(line)) == repr(message)


def test_the_line_names_version_and_type():
    """What an older or newer reader finds out first."""
    assert messages.encode(messages.Started(3, 4711)) == (
        b'{"v":"1.2","type":"Started","slot":3,"pid":4711}\n'
    )


@given(anything, st.integers(MINOR + 1, 99), st.text(min_size=1), st.integers() | st.none())
def test_fields_of_a_newer_minor_version_are_passed_over(
    message: Message, minor: int, name: str, value: int | None
):
    """Whatever the next version adds to a message, its present fields are understood."""
    content = json.loads(messages.encode(message))
    if name in content:
        return
    content |= {"v": f"{MAJOR}.{minor}", name: value}

    assert messages.parse(json.dumps(content).encode()) == message


def test_a_type_of_a_newer_minor_version_is_passed_over():
    """It is no error, and no message."""
    assert messages.parse(b'{"v":"1.7","type":"Snapshot","text":[]}') is None


@pytest.mark.parametrize("version", ["2.0", "0.9", "10.0", "2"])
@pytest.mark.parametrize("kind", ["Started", "Unknown"])
def test_another_major_version_is_refused(version: str, kind: str):
    """It may use the same words in another sense."""
    line = json.dumps(STARTED | {"v": version, "type": kind}).encode()

    with pytest.raises(ForeignMessageError, match="protocol") as caught:
        messages.parse(line)

    assert caught.value.major == int(version.partition(".")[0])


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"not json",
        b"{",
        b"null",
        b"1",
        b"[]",
        b'"text"',
        b"{}",
        b'{"v":"1.0"}',
        b'{"type":"Kill"}',
        b'{"v":1,"type":"Kill"}',
        b'{"v":null,"type":"Kill"}',
        b'{"v":"","type":"Kill"}',
        b'{"v":"x.1","type":"Kill"}',
        b'{"v":"1.0","type":[]}',
        b'{"v":"1.0","type":{}}',
        b'{"v":"1.0","type":"Started"}',
        b'{"v":"1.0","type":"Started","slot":1}',
        b'{"v":"1.0","type":"Started","slot":"1","pid":2}',
        b'{"v":"1.0","type":"Started","slot":true,"pid":2}',
        b'{"v":"1.0","type":"Started","slot":1.0,"pid":2}',
        b'{"v":"1.0","type":"Started","slot":null,"pid":2}',
        b'{"v":"1.0","type":"Started","slot":[1],"pid":2}',
        b'{"v":"1.0","type":"Loaded","workers":"ab","boot_timeout":1,"stop_timeout":1}',
        b'{"v":"1.0","type":"Loaded","workers":["ab"],"boot_timeout":1,"stop_timeout":1}',
        b'{"v":"1.0","type":"Loaded","workers":[[1]],"boot_timeout":1,"stop_timeout":1}',
        b'{"v":"1.0","type":"Loaded","workers":[],"boot_timeout":"1","stop_timeout":1}',
        b'{"v":"1.0","type":"Loaded","workers":[],"boot_timeout":1,"stop_timeout":null}',
        b'{"v":"1.0","type":"Loaded","workers":[],"boot_timeout":1,"stop_timeout":true}',
        b'{"v":"1.0","type":"Proved","app_version":7}',
        b'{"v":"1.0","type":"Proved"}',
        b'{"v":"1.0","type":"Loaded","workers":[],"stop_timeout":1}',
        b'{"v":"1.0","type":"Boot","generation":1,"file_limit":"no","paths":[]}',
        b'{"v":"1.0","type":"BootFailed","reason":"x","is_config_unreadable":1}',
        b"[" * 100_000,
        b'{"v":"1.0","type":"Started","slot":' + b"1" * 10_000 + b',"pid":2}',
    ],
)
def test_malformed_lines(line: bytes):
    """One kind of error for everything that is no message, with the line's beginning in it."""
    with pytest.raises(MalformedMessageError) as caught:
        messages.parse(line)

    assert repr(line[:200])[2:-1] in str(caught.value)
    assert len(str(caught.value)) < 1000


@given(st.binary())
def test_garbage_is_malformed_and_nothing_else(line: bytes):
    """No bytes at all raise anything but MalformedMessageError."""
    with pytest.raises(MalformedMessageError):
        messages.parse(line)


def test_whole_numbers_are_seconds_too():
    """JSON writers of other versions may shorten 15.0 to 15."""
    line = b'{"v":"1.0","type":"Loaded","workers":[["a"]],"boot_timeout":null,"stop_timeout":15}'

    message = messages.parse(line)

    assert message == messages.Loaded((("a",),), None, 15.0)
    assert isinstance(message, messages.Loaded)
    assert type(message.stop_timeout) is float


def test_every_field_is_of_a_type_that_parse_checks():
    """A new message with an annotation that _convert does not know would pass unchecked."""
    known = (int, str, bool, float)

    def leaves(annotation: typing.Any) -> set[typing.Any]:
        arguments = [a for a in typing.get_args(annotation) if a not in (Ellipsis, type(None))]
        if not arguments and is_dataclass(annotation):
            arguments = [field.type for field in fields(annotation)]
        return set().union(*map(leaves, arguments)) if arguments else {annotation}

    for kind in TYPES:
        for field in fields(kind):
            assert leaves(field.type) <= set(known), (kind, field.name)


def test_a_number_that_no_float_can_be():
    """As malformed as one of another type."""
    line = b'{"v":"1.0","type":"Loaded","workers":[],"boot_timeout":null,"stop_timeout":1%s}'

    with pytest.raises(MalformedMessageError, match="a wrong Loaded"):
        messages.parse(line % (b"0" * 400))
