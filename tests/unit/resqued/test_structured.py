import json
import logging
import sys
import time
from typing import Any

import pytest

from resqued.structured import Context, JsonFormatter

MOMENT = 1_700_000_000.25


def record(text: str = "text", *arguments: object, **fields: object) -> logging.LogRecord:
    """Return a record made at a moment, with fields as ``extra`` gives them."""
    made = logging.getLogger("some.logger").makeRecord(
        "some.logger", logging.WARNING, "file.py", 1, text, arguments, None, extra=fields
    )
    made.created = MOMENT
    made.process = 4711
    return made


def written(made: logging.LogRecord) -> dict[str, Any]:
    """Return what a reader makes of the record's line."""
    line = JsonFormatter().format(made)
    assert line.isascii()
    assert line.isprintable()
    read: dict[str, Any] = json.loads(line, parse_constant=pytest.fail)
    return read


def test_the_fields_in_their_order():
    """What every line has; the event's own fields come last."""
    made = record("%s!", "text", queues=("a", "b"), event="worker_started", worker=5, generation=2)

    assert list(written(made).items()) == [
        ("time", "2023-11-14T22:13:20.250000Z"),
        ("level", "warning"),
        ("pid", 4711),
        ("event", "worker_started"),
        ("generation", 2),
        ("worker", 5),
        ("logger", "some.logger"),
        ("message", "text!"),
        ("queues", ["a", "b"]),
    ]


def test_what_no_record_has_is_left_out():
    """A library's record has neither event nor worker."""
    assert list(written(record())) == ["time", "level", "pid", "logger", "message"]


def test_the_order_of_times_is_the_order_of_their_texts():
    """Wherever the process believes to be."""
    made = [record() for _ in range(3000)]
    for number, each in enumerate(made):
        each.created = MOMENT + number / 1013

    times = [written(each)["time"] for each in made]

    assert times == sorted(set(times))
    assert times[0][:19] == time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(MOMENT))


def test_a_traceback_is_one_text():
    """With all its lines; so is a stack."""
    made = record()
    try:
        int("no\nluck")
    except ValueError:
        made.exc_info = sys.exc_info()
    made.stack_info = "Stack (most recent call last):\n  here"

    read = written(made)

    assert read["traceback"].startswith("Traceback (most recent call last):\n  File ")
    assert read["traceback"].endswith(": 'no\\nluck'")
    assert read["stack"] == made.stack_info


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ([1, {"a": None}], [1, {"a": None}]),
        ([float("nan")], "[nan]"),
        ({1, 2}, "{1, 2}"),
        ({("a", 1): 2}, "{('a', 1): 2}"),
        (b"\xff", "b'\\xff'"),
        ("\u2028\x1b\udcff\n", "\u2028\x1b\udcff\n"),
    ],
)
def test_any_value_of_a_field(value: object, shown: object):
    """An application may log what it likes."""
    assert written(record(field=value))["field"] == shown


def test_a_value_that_holds_itself():
    """It is shown as far as Python shows it."""
    endless: list[object] = []
    endless.append(endless)

    assert written(record(field=endless))["field"] == "[[...]]"


def test_names_that_are_ours():
    """The process that logs, the time and the text cannot be forged by a field."""
    read = written(record(pid=1, time="never", level="none", logger="root", traceback="none"))

    assert (read["pid"], read["level"], read["logger"]) == (4711, "warning", "some.logger")
    assert read["time"].startswith("2023")
    made = record(traceback="none")
    made.exc_info = (ValueError, ValueError("why"), None)
    assert written(made)["traceback"] == "ValueError: why"


def test_what_all_records_have_in_common():
    """A record that says otherwise is right."""
    made, other = record(), record(worker=6)
    for each in (made, other):
        assert Context({"generation": 2, "worker": 5}).filter(each)

    assert (written(made)["generation"], written(made)["worker"]) == (2, 5)
    assert (written(other)["generation"], written(other)["worker"]) == (2, 6)
