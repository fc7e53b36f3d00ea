"""reserve.lua: which element is taken, by whom, and what is written down."""

import json
import os

import pytest

from resque.payload import Payload
from resque.store import queues
from resque.store.queues import Nothing, Reserved
from resqued.process.spawn import fork_child

JOB = b'{"class":"X","args":[]}'
WORKER = "host:1:a"


def test_nothing_to_do(reserve, everything):
    """Without a job nothing is returned, and nothing written."""
    assert reserve("a", "b") is Nothing.EMPTY
    assert reserve() is Nothing.EMPTY
    assert everything() == {}


def test_queues_have_an_order(reserve, push, finish):
    """The first queue is emptied first, each from its head."""
    push("low", b"l1", b"l2")
    push("high", b"h1", b"h2")
    taken = []
    while (reserved := reserve("high", "middle", "low")) is not Nothing.EMPTY:
        taken.append((reserved.queue, reserved.element))
        finish()
    assert taken == [("high", b"h1"), ("high", b"h2"), ("low", b"l1"), ("low", b"l2")]


def test_a_later_job_of_an_urgent_queue(reserve, push, finish):
    """Each call looks at the most urgent queue again."""
    push("low", b"l1", b"l2")
    assert reserve("high", "low").element == b"l1"
    finish()
    push("high", b"h1")
    assert reserve("high", "low").element == b"h1"


def test_a_queue_named_twice(reserve, push):
    """Ruby polls it twice; here that does no harm."""
    push("a", JOB)
    assert reserve("b", "a", "b", "a") == Reserved("a", JOB)


def test_only_one_element_is_taken(reserve, push, everything):
    """The rest stays, and only the worker's record is new."""
    push("a", JOB, b"second")
    reserve("a")
    assert everything() == {
        "queue:a": [b"second"],
        "worker:host:1:a": (
            b'{"queue":"a","run_at":"2026-11-23T18:39:53Z","payload":{"class":"X","args":[]}}'
        ),
    }


def test_a_queue_that_no_list_stands_for(reserve, store, push, held):
    """A key of another type is an error, and takes nothing."""
    store.call("SET", store.keys.queue("a"), "x")
    push("b", JOB)
    with pytest.raises(Exception, match="WRONGTYPE"):
        reserve("a", "b")
    assert (held(), store.size("b")) == (None, 1)


@pytest.mark.parametrize(
    "name", ["a", 'say "hi"', "back\\slash", "hé 世 😀", 'x,"payload":', "a\nb", "a:b/c"]
)
def test_the_name_of_the_queue_is_escaped(reserve, push, held, name):
    """Whatever a queue's name holds, the record is JSON and can be read back."""
    push(name, JOB)
    assert reserve(name) == Reserved(name, JOB)
    assert json.loads(held())["queue"] == name
    assert reserve(name) == Reserved(name, JOB)


# --- the record's text


@pytest.mark.parametrize(
    "element",
    [
        b'{"class":"X","args":[]}',
        b'{"class":"X","args":[{}]}',
        b'{"class":"X","args":{}}',
        b'{"class":"X","args":[[],[[]],{"a":{},"b":[{}]}]}',
        b'{"class":"X","args":[12345678901234567890,-0,0.10,1.0e+20,1E-05,0e0,10.01]}',
        b'{"class":"X","args":[1e400]}',
        '{"class":"X","args":["hé 世 😀","\u2028"],"ключ":"я"}'.encode(),
        b'{"class":"X","args":["\\u00e9\\ud83d\\ude00\\/\\b\\u0000\\"{}[]01 NaN -. +"]}',
        b'{"args":[1],"class":"X","extra":{"n":null,"t":true,"f":false}}',
        b'{"class":"X","class":"Y","args":[],"args":[1]}',
        b' \t\r\n{ "class" :\n"X" , "args" : [ 1 , 2 ] }\n',
        b'{"class":"X","args":[' + b"[" * 900 + b"]" * 900 + b"]}",
        b'{"class":"X","args":["\x7f"]}',
        b"{}",
        b'{"payload":1,"queue":",\\"payload\\":"}',
    ],
)
def test_an_object_goes_in_byte_for_byte(reserve, push, held, element):
    """Nothing is written anew on the way, so nothing is lost."""
    push("a", element)
    assert reserve("a") == Reserved("a", element)
    assert held() == (b'{"queue":"a","run_at":"2026-11-23T18:39:53Z","payload":' + element + b"}")


@pytest.mark.parametrize("element", [JOB, b'{"class":"X","args":[12345678901234567890,{}]}'])
def test_a_job_whose_reply_was_lost(reserve, push, client, element):
    """It is returned again, whatever else has come, until it is finished."""
    push("a", element)
    push("b", b"other")
    first = reserve("a")
    push("urgent", b"urgent")
    assert reserve("urgent", "a", "b") == first == Reserved("a", element)
    assert reserve() == first
    assert (client.size("urgent"), client.size("b")) == (1, 1)


@pytest.mark.parametrize(
    ("element", "again"),
    [
        (b"no json", b'"no json"'),
        (b"", b'""'),
        (b"[1]", b'"[1]"'),
        (b'{"class":"X","args":[NaN]}', b'"{\\"class\\":\\"X\\",\\"args\\":[NaN]}"'),
        (b"caf\xe9", b'"caf?"'),
        (b"\xff\xfe\x00", b'"??\\u0000"'),
    ],
)
def test_a_bad_element_whose_reply_was_lost(reserve, push, element, again):
    """It comes back as the JSON text of the record, which is no job either."""
    push("a", element)
    assert reserve("a") == Reserved("a", element)
    held_again = reserve("a")
    assert held_again == Reserved("a", again)
    with pytest.raises(Exception, match="not a job: it is a JSON string"):
        Payload.decode(held_again.element)


# --- pause


@pytest.mark.parametrize(
    ("value", "is_paused"),
    [
        ("true", True),
        (" TRUE ", True),
        ("True\n", True),
        ("yes", False),
        ("1", False),
        ("", False),
        ("false", False),
        ("true!", False),
        ("t r u e", False),
    ],
)
def test_all_workers_can_be_paused(reserve, push, store, everything, value, is_paused):
    """As in Ruby: ``true`` in any case with space around it, and nothing else."""
    store.call("SET", store.keys.pause, value)
    push("a", JOB)
    assert (reserve("a") is Nothing.PAUSED) is is_paused
    assert ("worker:host:1:a" in everything()) is not is_paused


def test_a_job_in_hand_is_not_paused(reserve, push, store):
    """What was taken before the pause is returned again, too."""
    push("a", JOB)
    reserve("a")
    store.call("SET", store.keys.pause, "true")
    assert reserve("a") == Reserved("a", JOB)


# --- several workers


def test_two_workers_never_get_the_same_element(client, push, tmp_path):
    """Of 2,000 elements each is taken once, by two processes that take as fast as they can."""
    elements = {b'{"class":"X","args":[%d]}' % number for number in range(2_000)}
    push("a", *sorted(elements)[:1_000])
    push("b", *sorted(elements)[1_000:])
    files = [tmp_path / "first", tmp_path / "second"]

    def take_all(file):
        worker_id = f"host:{os.getpid()}:a,b"
        with file.open("wb") as output:
            while isinstance(
                job := queues.Reservation(client.keys, worker_id, ["a", "b"]).take(
                    client.server, 0
                ),
                Reserved,
            ):
                output.write(job.element + b"\n")
                client.server.call("DEL", client.keys.worker(worker_id))
        return 0

    pids = [fork_child(lambda file=file: take_all(file)) for file in files]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0]
    first, second = (file.read_bytes().splitlines() for file in files)
    assert len(first) + len(second) == 2_000
    assert set(first) | set(second) == elements


def test_workers_have_records_of_their_own(reserve, push, held):
    """One worker's job is not another's."""
    push("a", JOB, b'{"class":"Y"}')
    assert reserve("a", worker_id="h:1:a").element == JOB
    assert reserve("a", worker_id="h:2:a").element == b'{"class":"Y"}'
    assert JOB in held("h:1:a")
    assert JOB not in held("h:2:a")
