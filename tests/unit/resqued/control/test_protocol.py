import json

import pytest
from hypothesis import given

from resqued.control import protocol
from resqued.control.protocol import Code, RefusedError, Request, parse_answer, parse_request
from tests.support.json_values import VALUES


def test_a_request_survives_the_journey():
    """One line of ASCII; its fields are there with the verb."""
    line = protocol.encode_request("stop", now=True)

    assert line == b'{"v":1,"verb":"stop","now":true}\n'
    request = parse_request(line)
    assert (request.verb, request.flag("now"), request.flag("later")) == ("stop", True, False)


def test_an_answer_survives_the_journey():
    """What was refused is raised again, with its code."""
    assert parse_answer(protocol.encode_answer({"workers": 3}))["workers"] == 3

    line = protocol.encode_refusal(RefusedError(Code.NOT_NOW, "the pool is paused"))
    with pytest.raises(RefusedError, match=r"^the pool is paused$") as caught:
        parse_answer(line)
    assert caught.value.code is Code.NOT_NOW


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        (b"", "malformed", "a request is one JSON object in one line"),
        (b"\xff\x00", "malformed", "a request is one JSON object in one line"),
        (b"[1]", "malformed", "a request is one JSON object in one line"),
        (b"[" * 60_000, "malformed", "a request is one JSON object in one line"),
        (b"{}", "unsupported-version", '"v" must be 1, which is what this master speaks, and is'),
        (b'{"v":2}', "unsupported-version", '"v" must be 1, which is what this master speaks, not'),
        (b'{"v":true}', "unsupported-version", '"v" must be 1, which is what this master speaks'),
        (b'{"v":1}', "malformed", '"verb" must be a text, and is missing'),
        (b'{"v":1,"verb":3}', "malformed", '"verb" must be a text, not 3'),
    ],
)
def test_what_is_no_request(line: bytes, code: str, text: str):
    """One error in one line, whatever it is."""
    with pytest.raises(RefusedError) as caught:
        parse_request(line)

    assert caught.value.code.value == code
    assert str(caught.value).startswith(text)


@given(VALUES)
def test_any_json(value: object):
    """A request or a refusal, and the refusal is one printable line of bounded length."""
    for content in (value, {"v": value}, {"v": 1, "verb": value}):
        refusal = _refusal(json.dumps(content).encode())
        assert refusal.isprintable()
        assert len(refusal) < 200


def _refusal(line: bytes) -> str:
    try:
        parse_request(line)
    except RefusedError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, 'progress: "reload" must be a whole number, 0 or more, and is missing'),
        ({"reload": True}, 'progress: "reload" must be a whole number, 0 or more, not true'),
        ({"reload": -1}, 'progress: "reload" must be a whole number, 0 or more, not -1'),
        ({"reload": "x" * 99}, '"reload" must be a whole number, 0 or more, not "xxxx'),
    ],
)
def test_a_field_that_is_no_number(fields: dict[str, object], text: str):
    """The error names verb, field and value."""
    with pytest.raises(RefusedError) as caught:
        Request("progress", fields).number("reload")

    assert text in str(caught.value)
    assert caught.value.code is Code.BAD_ARGUMENT


@pytest.mark.parametrize("line", [b"", b"HTTP/1.1 400\r\n", b"[]", b'{"v":2,"ok":true}', b"\xff"])
def test_what_is_no_answer(line: bytes):
    """The client says so; nothing of it is believed."""
    with pytest.raises(RefusedError, match="the answer is none of version 1: "):
        parse_answer(line)


def test_an_unknown_verb_is_told_what_there_is():
    """In the order of the alphabet."""
    error = protocol.unknown_verb("dance", {"stop": 1, "pause": 2})

    assert str(error) == 'unknown verb "dance"; this master knows pause, stop'


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, 'scale: "pools" must be an object of whole numbers, and is missing'),
        ({"pools": [1]}, 'scale: "pools" must be an object of whole numbers, not [1]'),
        (
            {"pools": {"a": -1}},
            'the number of "a" in "pools" must be a whole one, 0 or more, not -1',
        ),
        (
            {"pools": {"a": 1, "b": True}},
            'of "b" in "pools" must be a whole one, 0 or more, not true',
        ),
        ({"pools": {"a": 1.0}}, "0 or more, not 1.0"),
        ({"pools": {"\x1b": "1"}}, 'the number of "\\u001b" in "pools"'),
    ],
)
def test_a_field_that_is_no_object_of_numbers(fields: dict[str, object], text: str):
    """The error names verb, field, key and value, in ASCII."""
    with pytest.raises(RefusedError) as caught:
        Request("scale", fields).numbers("pools")

    assert text in str(caught.value)
    assert caught.value.code is Code.BAD_ARGUMENT


def test_an_object_of_numbers():
    """It comes as it is; what it means is the verb's business."""
    assert Request("scale", {"pools": {"a": 0, "": 7}}).numbers("pools") == {"a": 0, "": 7}
