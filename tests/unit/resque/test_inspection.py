"""Whatever stands on the server can be shown: protocol sections 3.3 to 3.6, and 18."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resque.inspection import Element, JobInHand, WorkerEntries, WorkerInfo, WorkerState, count
from resque.payload import Payload

RECORD = b'{"queue":"q1","run_at":"2026-11-23T18:39:53Z","payload":{"class":"Ok","args":[1]}}'


@pytest.mark.parametrize(
    ("raw", "value", "class_name", "text", "problem"),
    [
        (b'{"class":"Ok","args":[1]}', {"class": "Ok", "args": [1]}, "Ok", None, None),
        (b'{"args":[1]}', {"args": [1]}, None, None, "it has no class name"),
        (b"5", 5, None, None, "it is a JSON number, not an object"),
        (b"null", None, None, None, "it is a JSON null, not an object"),
        (b'"hi"', "hi", None, None, "it is a JSON string, not an object"),
        (b"{", None, None, "{", "Expecting property name"),
        (b"", None, None, "", "Expecting value"),
        (b"\xff\xfe", None, None, r"\xff\xfe", "can't decode byte 0xff"),
        (b'{"class":"Ok","args":[NaN]}', None, None, None, "NaN is not JSON"),
        (rb'"\ud83d"', None, None, None, "holds a lone surrogate"),
        (b"[" * 100_000, None, None, None, "it is nested too deeply"),
    ],
)
def test_elements(raw, value, class_name, text, problem):
    """A job, or why it is none."""
    element = Element.of(raw)
    assert (element.raw, element.value) == (raw, value)
    assert (element.payload and element.payload.class_name) == class_name
    assert element.is_malformed is (class_name is None)
    assert element.text == (raw.decode() if text is None else text)
    if problem is None:
        assert element.problem is None
    else:
        assert problem in element.problem


@pytest.mark.parametrize(
    ("worker_id", "host", "pid", "queues", "problems"),
    [
        (b"vm:14551:a,b,c", "vm", 14551, ("a", "b", "c"), ()),
        (b"vm:14572:*", "vm", 14572, ("*",), ()),
        (b"vm:1:mail:low,b", "vm", 1, ("mail:low", "b"), ()),
        (b"py:1", "py", 1, (), ("id",)),
        (b"py:1:", "py", 1, (), ("id",)),
        (b":1:q", "", 1, ("q",), ("id",)),
        (b"", "", None, (), ("id", "pid")),
        (b"junk", "junk", None, (), ("id", "pid")),
        (b"h:1-0:q", "h", None, ("q",), ("pid",)),
        (b"h:-1:q", "h", None, ("q",), ("pid",)),
        ("h:\u0661:q".encode(), "h", None, ("q",), ("pid",)),
        (b"h:%s:q" % (b"9" * 5000), "h", None, ("q",), ("pid",)),
        (b"h\xff:1:q\xfe", r"h\xff", 1, (r"q\xfe",), ()),
    ],
)
def test_ids(worker_id, host, pid, queues, problems):
    """An id has three parts; what it has not is none."""
    worker = WorkerInfo.of(WorkerEntries(worker_id))
    assert worker.id == worker_id.decode("utf-8", "backslashreplace")
    assert (worker.host, worker.pid, worker.queues) == (host, pid, queues)
    assert tuple(problem.split()[1] for problem in worker.problems) == problems
    assert worker.is_malformed is bool(problems)


def entries(**fields):
    """Return a well-named worker that has only these entries."""
    return WorkerEntries(b"h:1:q", **fields)


def test_a_worker_at_work():
    """All that the server knows, read."""
    job = JobInHand("q1", "2026-11-23T18:39:53Z", Element.of(b'{"class":"Ok","args":[1]}'), RECORD)
    worker = WorkerInfo.of(
        entries(
            record=RECORD,
            started=b"2026-11-23 18:39:53 +0000",
            heartbeat=b"2026-11-23T18:39:53+00:00",
            processed=b"7",
            failed=b"1",
        )
    )
    assert worker == WorkerInfo(
        id="h:1:q",
        host="h",
        pid=1,
        queues=("q",),
        started="2026-11-23 18:39:53 +0000",
        heartbeat="2026-11-23T18:39:53+00:00",
        heartbeat_at=1795459193.0,
        processed=7,
        failed=1,
        job=job,
        problems=(),
    )
    assert worker.state is WorkerState.WORKING
    assert not job.is_malformed


def test_a_worker_without_entries():
    """An id alone is a worker that waits."""
    worker = WorkerInfo.of(entries())
    assert (worker.started, worker.heartbeat, worker.heartbeat_at) == (None, None, None)
    assert (worker.processed, worker.failed, worker.job) == (0, 0, None)
    assert worker.state is WorkerState.IDLE
    assert not worker.is_malformed


@pytest.mark.parametrize("beat", [b"", b"junk", b"1795459193", b"\xff", b"25:61", b"2026-13-01"])
def test_heartbeats_that_are_no_time(beat):
    """They are shown as they are."""
    worker = WorkerInfo.of(entries(heartbeat=beat))
    assert worker.heartbeat == beat.decode("utf-8", "backslashreplace")
    assert worker.heartbeat_at is None
    assert worker.problems == ("its heartbeat is no time",)


@pytest.mark.parametrize("record", [None, b"", b"{}", b" {} "])
def test_records_of_no_job(record):
    """An empty record is an idle worker's."""
    worker = WorkerInfo.of(entries(record=record))
    assert worker.state is WorkerState.IDLE
    assert not worker.is_malformed


@pytest.mark.parametrize(
    ("record", "queue", "element"),
    [
        (b"junk", None, None),
        (b"null", None, None),
        (b"[]", None, None),
        (b'"x"', None, None),
        (b"\xff\xfe", None, None),
        (b'{"queue":"q"}', "q", None),
        (b'{"queue":"q","payload":null}', "q", None),
        (b'{"queue":"q","payload":"text"}', "q", b'"text"'),
        (b'{"queue":7,"payload":{"class":"X"}}', None, b'{"class":"X"}'),
        (b'{"payload":{"class":"X"}}', None, b'{"class":"X"}'),
    ],
)
def test_malformed_records(record, queue, element):
    """The worker has something in hand, and it is said to be malformed."""
    worker = WorkerInfo.of(entries(record=record))
    assert worker.state is WorkerState.WORKING
    assert worker.problems == ("its record is not that of a job",)
    assert worker.job.queue == queue
    assert (worker.job.element and worker.job.element.raw) == element
    is_job = element is not None and b"class" in element
    assert worker.job.payload == (Payload.decode(element) if is_job else None)


@pytest.mark.parametrize("extra", ["before", "behind", "spaces"])
def test_a_record_in_another_form(extra):
    """Other implementations add fields, and have another order."""
    fields = json.loads(RECORD)
    if extra == "before":
        fields = {"x": 1, **dict(reversed(fields.items()))}
    if extra == "behind":
        fields["worker"] = "me"
    job = JobInHand.of(json.dumps(fields, indent=extra == "spaces" and 2).encode())
    assert not job.is_malformed
    assert job.payload == job.element.payload == Payload("Ok", (1,), b'{"class":"Ok","args":[1]}')


@pytest.mark.parametrize(
    ("raw", "number"),
    [(None, 0), (b"", 0), (b"7", 7), (b"-2", -2), (b"x", 0), (b"\xff", 0), (b"1.5", 0)],
)
def test_counters(raw, number):
    """What is no number is nothing."""
    assert count(raw) == number


@given(st.builds(WorkerEntries, *[st.binary()] * 6))
def test_any_entries_can_be_read(given_entries):
    """No bytes anywhere make it fail, and all text can be printed."""
    repr(WorkerInfo.of(given_entries)).encode()


@given(st.binary())
def test_any_element_can_be_read(raw):
    """Whatever lies in a queue."""
    element = Element.of(raw)
    assert element.raw == raw
    element.text.encode()


@pytest.mark.parametrize("depth", [100, 200, 300, 400, 600, 900, 5000])
def test_a_deep_record_is_shown_as_well(depth):
    """Where the reader gets to its bottom and the writer would not, it is only malformed."""
    args = b"[" * depth + b"1e20" + b"]" * depth
    raw = b'{"queue":"q","run_at":"now","payload":{"class":"X","args":%s}}' % args
    job = WorkerInfo.of(WorkerEntries(b"h:1:q", raw)).job
    assert job.raw == raw
    assert job.is_malformed or depth <= 400
    assert depth > 200 or job.payload.class_name == "X"
