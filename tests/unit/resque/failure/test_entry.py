import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resque.failure import FailureEntry, FailureList
from resque.failure.entry import parse_id
from tests.support.failures import MOMENT, RECORD, failed_job

WHERE = FailureList("ns:failed")


def entry(raw, where=WHERE):
    """Return the entry for a record."""
    return FailureEntry.parse(where, 3, raw)


def changed(**fields):
    """Return a record with other values; ``...`` leaves a field out."""
    record = json.loads(RECORD) | fields
    return json.dumps({k: v for k, v in record.items() if v is not ...}).encode()


def test_a_record_of_ruby():
    """All fields, where it was, and its bytes."""
    found = entry(RECORD)
    assert (found.where, found.index, found.raw) == (WHERE, 3, RECORD)
    assert found.failed_at == "2026/11/23 18:46:58 UTC"
    assert found.payload == b'{"class":"Boom","args":["x"]}'
    assert (found.class_name, found.queue, found.worker) == ("Boom", "q1", "vm:14522:q1")
    assert (found.exception, found.error) == ("ArgumentError", 'bad thing: ["x"]')
    assert found.backtrace == ("app/jobs.rb:4:in `perform'",)
    assert (found.is_retried, found.is_malformed) == (False, False)


def test_what_this_package_writes_is_well_formed():
    """Also where there was no job."""
    for element in (b'{"class":"X"}', b"\xff", b"null"):
        found = entry(failed_job(element).record())
        assert found.problems == ()
        assert found.failed_at.startswith(f"2026/11/2{3 if MOMENT else 4}")


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({"failed_at": 5}, ["failed_at is of type number"]),
        ({"failed_at": None}, ["failed_at is missing"]),
        ({"failed_at": ...}, ["failed_at is missing"]),
        ({"payload": [1]}, ["payload is of type array"]),
        ({"payload": 7.5}, ["payload is of type number"]),
        ({"payload": None}, []),
        ({"payload": "text"}, []),
        ({"payload": {}}, []),
        ({"payload": {"class": 5}}, []),
        ({"exception": None, "error": None}, []),
        ({"exception": ["E"]}, ["exception is of type array"]),
        ({"error": True}, ["error is of type boolean"]),
        ({"error": {"a": 1}}, ["error is of type object"]),
        ({"backtrace": None}, []),
        ({"backtrace": ...}, []),
        ({"backtrace": "text"}, ["backtrace is of type string"]),
        ({"backtrace": ["a", 5]}, ["backtrace holds what is no string"]),
        ({"worker": {}}, ["worker is of type object"]),
        ({"worker": ...}, ["worker is missing"]),
        ({"queue": 5}, ["queue is of type number"]),
        ({"queue": None}, ["queue is missing"]),
        ({"retried_at": 5}, ["retried_at is of type number"]),
        ({"worker": 1, "queue": 2}, ["worker is of type number", "queue is of type number"]),
    ],
)
def test_fields_of_other_types(fields, problems):
    """What Ruby's page cannot show is named; everything else of the record is still there."""
    found = entry(changed(**fields))
    assert sorted(found.problems) == sorted(problems)
    assert found.is_malformed is bool(problems)
    if "error" not in fields:
        assert found.error == 'bad thing: ["x"]'
    for name, value in fields.items():
        if not isinstance(value, str) and name not in {"payload", "backtrace", "retried_at"}:
            assert getattr(found, name) is None


@pytest.mark.parametrize(
    ("value", "is_retried"),
    [(..., False), (None, False), (False, False), ("2026/11/23", True), ("", True), (5, True)],
)
def test_what_a_retry_is(value, is_retried):
    """What Ruby takes for one."""
    assert entry(changed(retried_at=value)).is_retried is is_retried


@pytest.mark.parametrize("raw", [b"", b"null", b"\xff\xfe", b"[1]", b"{", b"[" * 100_000])
def test_what_is_no_record(raw):
    """There is an entry for it, which says so."""
    found = entry(raw)
    assert (found.raw, found.index, found.is_malformed) == (raw, 3, True)
    assert found.queue is found.class_name is found.failed_at is found.payload is None
    assert len(found.shown()) < 2100


def test_in_a_list_of_one_queue():
    """The list says which queue it was, whatever the record says."""
    where = FailureList("ns:low_failed", "low")
    for raw in (b"", RECORD, changed(queue=...), changed(queue=5)):
        assert entry(raw, where).queue == "low"
    assert entry(changed(queue=...), where).problems == ()


@given(st.binary(max_size=200))
def test_any_bytes_have_an_entry_that_can_be_shown(raw):
    """Nothing raises, and nothing unprintable comes out."""
    found = entry(raw)
    assert found.raw == raw
    assert found.shown().isprintable()
    found.shown().encode()


def test_what_is_shown_of_a_record():
    """Terminals must not obey it, and pages not drown in it."""
    assert entry(b"\x1b[2Ja\xff\n\x00\xe2\x80\xae").shown() == "\\x1b[2Ja\\xff\\n\\x00\\u202e"
    assert entry(b"x" * 5000).shown(10) == "xxxxxxxxxx... (5000 bytes)"
    assert entry("é".encode() * 10).shown(10) == "é" * 10


def test_text_that_is_no_unicode():
    """It is shown by escapes, so that any stream can take it."""
    raw = changed(error="half \ud83d").replace(b"ArgumentError", b"bad \xff")
    found = entry(raw)
    assert (found.error, found.exception) == ("half \\ud83d", "bad \\xff")
    assert found.problems == ()


def test_the_id():
    """It tells the record by its bytes, and where to look first."""
    found = entry(RECORD)
    assert parse_id(found.id) == (3, found.digest)
    assert entry(RECORD + b" ").digest != found.digest


@pytest.mark.parametrize(
    "text", ["", "3", "3-", "-1-0123456789abcdef", "3-xyz", f"{'9' * 30}-{'0' * 16}"]
)
def test_what_is_no_id(text):
    """It is told apart."""
    assert parse_id(text) is None
