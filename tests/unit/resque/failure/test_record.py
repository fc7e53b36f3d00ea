import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resque import perform
from resque.errors import TermException, UnknownJobError
from resque.failure.record import Failure, encode
from resque.payload import Payload
from resque.registry import Registry

#: 2026-11-23 18:39:53 UTC, from the protocol's example.
NOW = 1795459193.9
JOB = b'{"class":"Boom","args":["x"]}'


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    """Times are local: the tests are in UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def record(failure=None, element=JOB, queue="q1", worker_id="vm:14522:q1"):
    """Return the record of a failure."""
    return encode(failure or Failure("E", "e"), element, queue, worker_id, NOW)


def failure_in(function, *args):
    """Return the failure of a job that performs ``function``."""
    registry = Registry()
    registry.declare(queue="q", name="x", enqueue=lambda *_: True)(function)
    payload = Payload.decode(Payload.encode("x", args))
    try:
        perform.perform(payload, registry)
    except BaseException as error:  # noqa: BLE001 - as the child has it
        return Failure.of(error, below=perform.THIS_FILE)
    pytest.fail("the job did not fail")


# --- the record


def test_the_bytes_of_a_record():
    """Seven fields in the order of Ruby's, compact."""
    failure = Failure("ArgumentError", 'bad thing: ["x"]', ("app/jobs.rb:4:in `perform'",))
    assert record(failure) == (
        b'{"failed_at":"2026/11/23 18:39:53 UTC","payload":{"class":"Boom","args":["x"]},'
        b'"exception":"ArgumentError","error":"bad thing: [\\"x\\"]",'
        b'"backtrace":["app/jobs.rb:4:in `perform\'"],"worker":"vm:14522:q1","queue":"q1"}'
    )


def test_a_record_without_backtrace():
    """What the worker itself reports has an empty list, not null."""
    assert json.loads(record(Failure("Resque::DirtyExit", "x")))["backtrace"] == []


@pytest.mark.parametrize(
    "element",
    [
        b'{"class":"X","args":[]}',
        b'{"class":"X","args":[{}],"n":12345678901234567890}',
        b'{"class":"X","args":[1.0e+20,1.50,[[],{"a":{}}]]}',
        b'{"extra":{"b":1,"a":[]},"class":"X","args":null}',
        b' { "class" : "X" } ',
        '{"class":"X","args":["hé 世 😀"]}'.encode(),
        b'{"class":"X","args":["\\u00e9\\/"]}',
        b'{"class":"X","args":{"a":1},"args":[2]}',
    ],
)
def test_a_payload_is_spliced_as_it_was(element):
    """Unknown keys, spaces, escapes and numbers that Python would rewrite are kept."""
    assert b'"payload":' + element + b',"exception":' in record(element=element)


@pytest.mark.parametrize(
    ("element", "text"),
    [
        (b"", ""),
        (b"no json", "no json"),
        (b'say "hi"\n', 'say "hi"\n'),
        (b"5", "5"),
        (b"null", "null"),
        (b"[1]", "[1]"),
        (b'"x"', '"x"'),
        (b"{}", "{}"),
        (b'{"class":null}', '{"class":null}'),
        (b'{"class":"X","args":[NaN]}', '{"class":"X","args":[NaN]}'),
        (b'{"class":"X","args":["\\ud83d"]}', '{"class":"X","args":["\\ud83d"]}'),
        (b'{"class":"X"}\xff\xfe', '{"class":"X"}��'),
        ("hé".encode(), "hé"),
    ],
)
def test_what_was_no_job_is_kept_as_text(element, text):
    """The dashboard shows a string; a list in its place would break its page."""
    assert json.loads(record(element=element))["payload"] == text


TEXT = st.text(st.characters(exclude_categories=("Cs",)))


@given(st.binary() | st.sampled_from([JOB, b"{}", b"[1]"]), st.text(), st.text(), TEXT, TEXT)
def test_every_record_is_json(element, exception, error, queue, worker_id):
    """Whatever the job was and said, the record is UTF-8, JSON, and of the right types."""
    failure = Failure(exception, error, (error, exception))
    found = json.loads(encode(failure, element, queue, worker_id, NOW).decode())
    kinds = {key: type(value) for key, value in found.items()}
    payload = kinds.pop("payload")
    assert payload in {dict, str}
    assert kinds == {
        "failed_at": str,
        "exception": str,
        "error": str,
        "backtrace": list,
        "worker": str,
        "queue": str,
    }
    assert (found["queue"], found["worker"]) == (queue, worker_id)


def test_a_lone_surrogate_is_shown_as_its_escape():
    """Text without UTF-8 can still be written down, readably."""
    failure = Failure("E\udc80", "bad \ud83d!", ("f\udcff.py:1:in `x'",))
    found = json.loads(record(failure))
    assert found["exception"] == "E\\udc80"
    assert found["error"] == "bad \\ud83d!"
    assert found["backtrace"] == ["f\\udcff.py:1:in `x'"]


# --- the exception


class OwnError(Exception):
    """An application's."""


class NamedError(Exception):
    """One that goes by another name."""

    resque_name = "Mod::Err"


def raises(error):
    """Return a job that raises."""

    def job():
        raise error

    return job


@pytest.mark.parametrize(
    ("error", "name", "text"),
    [
        (ValueError("no good"), "ValueError", "no good"),
        (KeyError("k"), "KeyError", "'k'"),
        (ValueError(), "ValueError", ""),
        (OwnError("x"), f"{__name__}.OwnError", "x"),
        (NamedError("x"), "Mod::Err", "x"),
        (TermException("SIGTERM"), "Resque::TermException", "SIGTERM"),
        (SystemExit(3), "SystemExit", "3"),
        (SystemExit(), "SystemExit", ""),
        (KeyboardInterrupt(), "KeyboardInterrupt", ""),
        (UnknownJobError("X"), "resque.errors.UnknownJobError", None),
        (json.JSONDecodeError("m", "d", 0), "json.decoder.JSONDecodeError", None),
    ],
)
def test_the_names_of_exceptions(error, name, text):
    """Built-in classes stand alone, others with their module."""
    failure = failure_in(raises(error))
    assert failure.exception == name
    assert text is None or failure.error == text


def test_an_exception_whose_text_cannot_be_had():
    """A __str__ that raises costs the text, not the record."""

    class Broken(Exception):  # noqa: N818 - it is what its name says
        def __str__(self):
            raise RuntimeError("no text for you")

    failure = failure_in(raises(Broken()))
    assert failure.exception.endswith("<locals>.Broken")
    assert failure.error == "(its text cannot be had: RuntimeError)"


# --- the backtrace


def outer():
    """Fail, two calls down."""
    inner()


def inner():
    """Fail."""
    raise OwnError("x")


def test_a_backtrace_is_innermost_first_and_ends_at_the_job():
    """As in Ruby; the frames of this library and of whoever called it are left out."""
    lines = failure_in(outer).backtrace
    first = inner.__code__.co_firstlineno
    assert lines == (
        f"{__file__}:{first + 2}:in `inner'",
        f"{__file__}:{outer.__code__.co_firstlineno + 2}:in `outer'",
    )


def test_arguments_that_do_not_fit_have_no_backtrace():
    """The call itself failed: there is no frame of the job's."""
    failure = failure_in(outer, 1)
    assert (failure.exception, failure.backtrace) == ("TypeError", ())
    assert "outer() takes 0 positional arguments but 1 was given" in failure.error


def test_an_exception_that_was_never_raised():
    """It has no frames, and that is no error."""
    assert Failure.of(ValueError("x"), below="no file").backtrace == ()


def test_a_cause_is_not_stored():
    """As in Ruby: the record tells the exception that came out."""

    def job():
        try:
            inner()
        except OwnError as error:
            raise ValueError("outer") from error

    failure = failure_in(job)
    assert (failure.exception, failure.error) == ("ValueError", "outer")
    assert len(failure.backtrace) == 1


def recurse():
    """Run into the recursion limit."""
    recurse()


def test_a_recursion_error_is_bounded():
    """A thousand equal frames are cut to those next to the error."""
    failure = failure_in(recurse)
    assert failure.exception == "RecursionError"
    assert len(failure.backtrace) == 200
    assert all(line.endswith("in `recurse'") for line in failure.backtrace)
    assert len(record(failure)) < 50_000
