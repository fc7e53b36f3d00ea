import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resque.errors import DecodeError, EncodeError
from resque.payload import Payload
from resque.ruby_json import encode_json

TEXT = st.text(st.characters(exclude_categories=("Cs",)))
SCALARS = st.none() | st.booleans() | st.integers() | TEXT
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def documents(scalars):
    """Return a strategy for anything JSON can hold, with these leaves."""
    return st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            [1, "two", None, 3.5, True, {"a": 1, "b": [1, 2]}, "hé 世 😀"],
            '[1,"two",null,3.5,true,{"a":1,"b":[1,2]},"hé 世 😀"]',
        ),
        ([], "[]"),
        ({}, "{}"),
        ((1, (2,)), "[1,[2]]"),
        ("</script>&/\u2028\x7f", '"</script>&/\u2028\x7f"'),
        ('"\\\b\t\n\f\r\x00\x1f', r'"\"\\\b\t\n\f\r\u0000\u001f"'),
        (12345678901234567890, "12345678901234567890"),
        (-1, "-1"),
        # keys become strings
        ({None: 1}, '{"":1}'),
        ({"null": 1}, '{"null":1}'),
        ({True: 1, False: 2}, '{"true":1,"false":2}'),
        ({7: {None: 8}}, '{"7":{"":8}}'),
        ({1.5: 1, 1e20: 2}, '{"1.5":1,"1.0e+20":2}'),
        ({"b": 1, "a": 2}, '{"b":1,"a":2}'),
        # text that only looks as if it were a number or a key
        (
            ['1e+20 null":', {"1e-05": "1234567890123456.5"}],
            r'["1e+20 null\":",{"1e-05":"1234567890123456.5"}]',
        ),
    ],
)
def test_writes_the_bytes_that_ruby_writes(value, text):
    """Compact, in order, raw UTF-8, and the same escapes."""
    assert encode_json(value) == text.encode()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (0.1, "0.1"),
        (100.0, "100.0"),
        (1e20, "1.0e+20"),
        (-1e20, "-1.0e+20"),
        (1.5e300, "1.5e+300"),
        (0.0001, "0.0001"),
        (0.00001, "1.0e-05"),
        (1.25e-7, "1.25e-07"),
        (5e-324, "5.0e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        # from 1e15 on, where Python goes on to 1e16 without an exponent
        (99999999999999.9, "99999999999999.9"),
        (999999999999999.9, "999999999999999.9"),
        (1e15, "1.0e+15"),
        (-1e15, "-1.0e+15"),
        (1234567890123456.0, "1.234567890123456e+15"),
        (1234567890123456.8, "1.2345678901234568e+15"),
        (9007199254740992.0, "9.007199254740992e+15"),
        (1e16, "1.0e+16"),
    ],
)
def test_writes_floats_as_rubys_json_gem(number, text):
    """A float looks as in Ruby, alone, between others and as a key."""
    assert encode_json(number) == text.encode()
    assert encode_json([1, {"x": number}]) == f'[1,{{"x":{text}}}]'.encode()
    assert encode_json({number: 0}) == f'{{"{text}":0}}'.encode()


@given(FLOATS)
def test_every_float_survives(number):
    """However a float is written, reading gives the same one."""
    text = encode_json(number)
    assert json.loads(text) == number
    assert math.copysign(1, json.loads(text)) == math.copysign(1, number)


@given(documents(SCALARS))
def test_without_floats_the_bytes_are_those_of_pythons_json(value):
    """Our own encoder and the standard one agree wherever Ruby and Python do."""
    expected = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert encode_json(value) == expected.encode()


@given(st.lists(documents(SCALARS | FLOATS)), TEXT)
def test_a_payload_survives(args, class_name):
    """What was encoded is decoded, and its bytes are kept."""
    raw = Payload.encode(class_name, args)
    assert Payload.decode(raw) == Payload(class_name, tuple(args), raw)


@given(st.binary())
def test_decoding_never_fails_otherwise(raw):
    """Any bytes are a job or a DecodeError."""
    try:
        payload = Payload.decode(raw)
    except DecodeError:
        return
    assert Payload.encode(payload.class_name, payload.args)


def test_the_payload_of_the_specification():
    """The element is the one seen from Ruby Resque."""
    args = [1, "two", None, 3.5, True, {"a": 1, "b": [1, 2]}, "hé 世 😀"]
    expected = '{"class":"Ok","args":[1,"two",null,3.5,true,{"a":1,"b":[1,2]},"hé 世 😀"]}'
    assert Payload.encode("Ok", args) == expected.encode()
    assert Payload.encode("Ok", ()) == b'{"class":"Ok","args":[]}'


class Opaque:
    """Something that JSON knows nothing of."""


def circular():
    """Return a list that holds itself."""
    items = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([1, {"x": math.nan}], r'args[1]["x"] is nan'),
        ([1, [math.inf]], "args[1][0] is inf"),
        ([-math.inf], "args[0] is -inf"),
        ([{math.nan: 1}], "args[0] is nan"),
        (["ok", "\ud83d"], "args[1] holds a lone surrogate at 0"),
        ([{"a": {"b\udc00": 1}}], 'args[0]["a"] holds a lone surrogate at 1'),
        ([Opaque()], "args[0] is of type Opaque"),
        ([{"when": [b"x"]}], 'args[0]["when"][0] is of type bytes'),
        ([{1, 2}], "args[0] is of type set"),
        ([{(1, 2): 3}], "args[0] has a key of type tuple"),
        ([{7: Opaque()}], "args[0][7] is of type Opaque"),
        ([10**5000], "args[0] is an integer of too many digits"),
        ("text", "args is of type str"),
        (None, "args is of type NoneType"),
        (circular(), "args is nested too deeply, or holds itself"),
    ],
)
def test_refuses_what_json_cannot_carry(args, message):
    """The error says which value it is and why."""
    with pytest.raises(EncodeError) as caught:
        Payload.encode("Job", args)
    assert message in str(caught.value)


@pytest.mark.parametrize(("name", "message"), [("\ud83d", "surrogate"), (None, "NoneType")])
def test_refuses_a_class_name_that_is_no_text(name, message):
    """The name of the class is checked as the arguments are."""
    with pytest.raises(EncodeError, match=f"class .*{message}"):
        Payload.encode(name, [])


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ('{"class":"A"}', ()),
        ('{"class":"A","args":null}', ()),
        ('{"class":"A","args":[]}', ()),
        ('{"class":"A","args":[[1],null]}', ([1], None)),
        ('{"class":"A","args":"str"}', ("str",)),
        ('{"class":"A","args":{"a":1}}', ({"a": 1},)),
        ('{"class":"A","args":5}', (5,)),
        ('{"class":"A","args":false}', (False,)),
        (' {"queue":"q", "args":[1], "class":"A", "id":7}\n', (1,)),
        (r'{"class":"A","args":["\ud83d\ude00"]}', ("😀",)),
        (r'{"class":"A","args":["\\ud83d"]}', ("\\ud83d",)),
    ],
)
def test_decodes_what_other_clients_push(text, args):
    """Unknown keys are let be, and arguments that are no list become one."""
    raw = text.encode()
    assert Payload.decode(raw) == Payload("A", args, raw)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "Expecting value"),
        (b"not json", "Expecting value"),
        (b'{"class":"A"', "Expecting"),
        (b'{"class":"A"} x', "Extra data"),
        (b'{"class":"\xff\xfe"}', "utf-8"),
        (b'\xef\xbb\xbf{"class":"A"}', "Expecting value"),
        (b'{"class":"A","args":[NaN]}', "NaN is not JSON"),
        (b'{"class":"A","args":[-Infinity]}', "-Infinity is not JSON"),
        (b'{"class":"A","args":[1e999]}', "1e999 is out of range"),
        (rb'{"class":"A","args":["\ud83d"]}', "surrogate"),
        (rb'{"class":"A","args":["\uDE00\uD83D"]}', "surrogate"),
        (b'{"class":"A","args":[' + b"9" * 5000 + b"]}", "digits"),
        (b"[" * 100_000, "nested too deeply"),
        (b"null", "a JSON null"),
        (b"5", "a JSON number"),
        (b"1.5", "a JSON number"),
        (b"true", "a JSON boolean"),
        (b'"str"', "a JSON string"),
        (b"[1]", "a JSON array"),
        (b"{}", "no class name"),
        (b'{"class":null,"args":[]}', "no class name"),
        (b'{"class":5}', "no class name"),
    ],
)
def test_tells_what_is_not_a_job(raw, message):
    """Whatever lies in a queue, the worker gets one kind of error."""
    with pytest.raises(DecodeError) as caught:
        Payload.decode(raw)
    assert message in str(caught.value)
