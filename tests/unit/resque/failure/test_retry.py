import bisect
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resque.errors import NotRequeueableError
from resque.failure import FailureEntry, FailureList
from resque.failure.retry import retry_of
from resque.payload import Payload
from tests.support.failures import RECORD, failed_job

AT = "2026/11/23 18:46:58 UTC"


def retry(raw, where=None):
    """Return the retry of a record."""
    return retry_of(FailureEntry.parse(where or FailureList("ns:failed"), 3, raw), AT)


def with_payload(payload):
    """Return a record of this payload."""
    return RECORD.replace(b'{"class":"Boom","args":["x"]}', payload)


def test_a_retry():
    """The record as it was but for its end; class and arguments as they were."""
    found = retry(RECORD)
    assert (found.index, found.record) == (3, RECORD)
    assert found.retried == RECORD[:-1] + b',"retried_at":"2026/11/23 18:46:58 UTC"}'
    assert (found.queue, found.element) == ("q1", b'{"class":"Boom","args":["x"]}')


def test_a_second_retry():
    """The time of the first is replaced."""
    first = retry(RECORD)
    older = first.retried.replace(b"2026", b"2025")
    assert retry(older).retried == older.replace(b'"retried_at":"2025', b'"retried_at":"2026')


@pytest.mark.parametrize(
    ("payload", "element"),
    [
        (b'{"class":"A","args":[]}', b'{"class":"A","args":[]}'),
        (b'{"class":"A"}', b'{"class":"A","args":[]}'),
        (b'{"class":"A","args":null}', b'{"class":"A","args":[]}'),
        (b'{"class":"A","args":"x"}', b'{"class":"A","args":["x"]}'),
        (b'{"class":"A","args":{"k":1}}', b'{"class":"A","args":[{"k":1}]}'),
        (b'{"class":"A","args":0}', b'{"class":"A","args":[0]}'),
        (b'{"args":[1],"queue":"q","id":7,"class":"A"}', b'{"class":"A","args":[1]}'),
        (b'{"class":"A","args":[1],"class":"B"}', b'{"class":"B","args":[1]}'),
        (b'{ "class" : "A" , "args" : [ 1, 2.50 ] }', b'{"class":"A","args":[ 1, 2.50 ]}'),
        (b'{"class":"A","args":[[],{},1e400]}', b'{"class":"A","args":[[],{},1e400]}'),
        (b'{"class":"A","args":["\xff"]}', b'{"class":"A","args":["\xff"]}'),
        (
            b'{"class":"\\u0041","args":["\\u00e9\\/"]}',
            b'{"class":"\\u0041","args":["\\u00e9\\/"]}',
        ),
    ],
)
def test_what_is_pushed(payload, element):
    """Class and arguments only, in the record's own bytes."""
    assert retry(with_payload(payload)).element == element


def test_numbers_of_any_length():
    """Through a JSON library of floats they would be rounded."""
    payload = b'{"class":"A","args":[%s,0.1000000000000000055,-0.0]}' % (b"9" * 5000)
    assert retry(with_payload(payload)).element == payload


@given(st.text(min_size=1), st.lists(st.integers() | st.text() | st.none() | st.lists(st.text())))
def test_a_job_comes_back_as_it_was(class_name, args):
    """From queue to record to queue, byte for byte."""
    element = Payload.encode(class_name, args)
    assert retry(failed_job(element).record()).element == element


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"\xff",
        b"[" * 100_000,
        with_payload(b'"text"'),
        with_payload(b"null"),
        with_payload(b"[1]"),
        with_payload(b"{}"),
        with_payload(b'{"class":null,"args":[]}'),
        with_payload(b'{"class":5}'),
        RECORD.replace(b'"queue":"q1"', b'"queue":5'),
        RECORD.replace(b'"queue":"q1"', b'"queue":""'),
        RECORD.replace(b'"queue":"q1"', b'"queue":null'),
        RECORD.replace(b'"queue":"q1"', b'"queue":"\xff"'),
        RECORD.replace(b'"queue":"q1"', b'"queue":"\\ud83d"'),
        failed_job(b"no job").record(),
    ],
)
def test_what_cannot_be_retried(raw):
    """It is refused, and the error says why."""
    with pytest.raises(NotRequeueableError, match=r"cannot be retried: [a-z ]{10}"):
        retry(raw)


def test_nesting_at_the_edge_of_what_can_be_read():
    """However deep: it is retried as it is, or refused."""

    def is_refused(depth: int) -> bool:
        payload = b'{"class":"A","args":%s}' % (b"[" * depth + b"]" * depth)
        try:
            assert retry(with_payload(payload)).element == payload
        except NotRequeueableError:
            return True
        return False

    # How deep the edge lies is each version's own.
    edge = bisect.bisect_left(range(100_000), True, lo=100, key=is_refused)
    assert {is_refused(depth) for depth in range(edge - 100, edge + 100)} == {False, True}


def test_a_record_without_queue_in_a_list_of_one_queue():
    """The list says it."""
    record = {key: value for key, value in json.loads(RECORD).items() if key != "queue"}
    where = FailureList("ns:low_failed", "low")
    assert retry(json.dumps(record).encode(), where).queue == "low"
    assert retry(RECORD, where).queue == "q1"


@pytest.mark.parametrize("missing", ["worker", "failed_at", "exception", "error", "backtrace"])
def test_what_a_retry_does_not_need(missing):
    """Other implementations leave fields out; their jobs can be retried."""
    record = {key: value for key, value in json.loads(RECORD).items() if key != missing}
    assert retry(json.dumps(record).encode()).queue == "q1"
