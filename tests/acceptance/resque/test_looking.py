"""The commands that look, on data of every kind."""

import json
import re
import subprocess
import sys

import pytest

from tests.acceptance.resque.conftest import COMMAND
from tests.support.failures import RECORD, numbered

#: Everything that looks, with --json where it takes it.
READING = [
    ("info",),
    ("list",),
    ("working",),
    ("queues",),
    ("peek", "bad", "--count", "1000"),
    ("failures", "list", "--limit", "1000"),
    ("failures", "list", "--oldest", "--class", "X"),
    ("failures", "list", "--limit", "1000", "--queue", "q"),
    ("failures", "show", "0"),
    ("failures", "show", "3"),
]

#: What protocol pages 3.3 to 3.6 say that somebody has written, and worse.
IDS = [
    *(b"py:1", b"py:1:", b"py", b"", b":", b"::", b"vm:abc:q", b"vm:1-0:q", b"vm:1:a:b,c"),
    *(b"vm/x:2:q/r", b"\xff\xfe:3:q", b"vm:4:\x1b[31mred", "vm:5:\u202etxt".encode(), b"vm:6:\n"),
    *(b"vm:7:[red]x[/red]", b"vm:8:*", b"vm:" + b"9" * 5000 + b":q"),
]
HEARTBEATS = [b"", b"1795460069", b"junk", b"\xff", b"2026-13-45T99:99:99Z", b"2026-11-23T18:39:53"]
WORKERS_RECORDS = [
    *(b"", b"{", b"null", b"5", b"[1]", b'"text"', b"{}", b"\xff\xfe", b'{"queue":"q1"}'),
    *(b'{"queue":"q1","payload":null}', b'{"queue":5,"payload":[1]}', b"[" * 100_000),
    b'{"queue":"q","run_at":7,"payload":{"class":5,"args":"x"}}',
    b'{"queue":"\\ud83d","payload":{"class":"X"}}',
    b'{"queue":"\\u001b[2J","run_at":"now","payload":{"class":"[red]X\\u202e","args":[NaN]}}',
    b'{"queue":"\\u001b[2J","run_at":"now","payload":{"class":"[red]X\\u202e","args":[]}}',
]
FAILURES = [
    RECORD,
    *(b"", b"null", b"5", b"[]", b'"text"', b"{", b"{}", b"\xff\xfe", b"[" * 100_000),
    *(b'{"a":' * 100_000, b"x" * 1_000_000, b'{"failed_at":5,"worker":null,"backtrace":"x"}'),
    b'{"failed_at":"1795460069","payload":[1],"worker":{},"queue":1,"retried_at":7}',
    b'{"failed_at":"\\u001b]0;x\\u0007","payload":{"class":"[red]X\\n","args":[]},"queue":"q"}',
    b'{"error":"\\ud83d \xff \\u202e \x7f","exception":"[/]","payload":"","backtrace":[1]}',
    b'{"payload":{"class":"X","args":[1e999,99999]},"queue":"q","worker":"w","failed_at":"x"}',
]
ELEMENTS = [
    *(b"", b"null", b"5", b"[1]", b'"str"', b"{}", b'{"class":null}', b"\xff", b"\x1b[2J\r\n"),
    *(b"[" * 100_000, b'{"class":"[red]\\u202e","args":[]}', b"9" * 10_000, b"NaN"),
]


@pytest.fixture
def disorder(client):
    """All malformations at once."""
    call, keys = client.server.call, client.keys
    client.failure_backend.save(numbered(0))
    records = WORKERS_RECORDS + [b"{" + b" " * n for n in range(len(IDS))]
    ids = [*IDS, *(b"host:%d:q" % number for number in range(100, 100 + len(WORKERS_RECORDS)))]
    for number, one in enumerate(ids):
        call("SADD", keys.workers, one)
        call("SET", keys.worker("").encode() + one, records[number % len(records)])
        call("SET", keys.worker("").encode() + one + b":started", b"\xff\x1b")
        call("SET", keys.worker_stat("processed", "").encode() + one, b"\x1bmany")
        call("HSET", keys.heartbeats, one, HEARTBEATS[number % len(HEARTBEATS)])
    for number, record in enumerate(WORKERS_RECORDS):
        call("SET", keys.worker(f"host:{100 + number}:q"), record)
    call("HSET", keys.heartbeats, "nobody", "junk")
    for name in (b"bad", b"\xff", b"", b"\x1b[31m", b"[red]", "\u202e".encode()):
        call("SADD", keys.queues, name)
    call("RPUSH", keys.queue("bad"), *ELEMENTS)
    call("SET", keys.stat("processed"), "\x1bmany")
    for key in (keys.failed, keys.failed_queue("q")):
        call("RPUSH", key, *FAILURES)
    call("SADD", keys.failed_queues, "q_failed", b"\xff_failed", "x", b"\x1b_failed")


def is_harmless(text: str) -> bool:
    """Tell whether a text moves nothing on a terminal."""
    return all(line.isprintable() for line in text.removesuffix("\n").split("\n"))


@pytest.mark.parametrize("backend", ["redis", "redis_multi_queue"])
@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_nothing_malformed_stops_it_or_reaches_the_terminal(command, disorder, words, backend):
    """Tables are printable text, JSON can be read, whatever lies there; and nothing is said."""
    table = command.run(*words, "--failures", backend)
    assert (table.returncode, table.stderr) == (0, "")
    assert is_harmless(table.stdout)
    read = command.run(*words, "--json", FAILURE_BACKEND=backend)
    assert (read.returncode, read.stderr) == (0, "")
    assert is_harmless(read.stdout)
    assert read.stdout.isascii()
    json.loads(read.stdout)


def test_each_malformed_thing_is_there(command, disorder):
    """None is left out."""
    workers = json.loads(command.run("list", "--json").stdout)
    assert len(workers) == len(IDS) + len(WORKERS_RECORDS)
    found = json.loads(command.run("failures", "list", "--limit", "1000", "--json").stdout)
    assert len(found) == len(FAILURES) + 1
    elements = json.loads(command.run("peek", "bad", "--json").stdout)
    assert [e["index"] for e in elements] == list(range(len(ELEMENTS)))
    assert [e["class"] for e in elements if e["class"]] == ["[red]\u202e"]
    table = command.run("peek", "bad").stdout
    assert r"[red]\u202e" in table
    sums = json.loads(command.run("info", "--json").stdout)
    assert (sums["workers"], sums["failed"], sums["processed"]) == (len(workers), len(found), 0)


def test_sound_data(command, client, valkey):
    """What the tables say of an ordinary day."""
    client.enqueue_to("mail", "Send", 1)
    client.enqueue_to("mail", "Send", 2)
    client.server.call("SADD", client.keys.workers, "vm:17029:q1")
    client.server.call("SADD", client.keys.workers, "vm:17030:q1")
    record = '{"queue":"q1","run_at":"2026-11-23T18:46:58Z","payload":{"class":"Ok","args":[1]}}'
    client.server.call("SET", client.keys.worker("vm:17030:q1"), record)
    assert command.run("queues").stdout == "QUEUE  JOBS\nmail   2\n"
    assert json.loads(command.run("queues", "--json").stdout) == {"mail": 2}
    header, idle, working = command.run("list").stdout.splitlines()
    assert header.split()[:3] == ["WORKER", "STATE", "JOB"]
    assert idle.split()[:3] == ["vm:17029:q1", "idle", "-"]
    assert working.split()[:3] == ["vm:17030:q1", "working", "Ok"]
    (row,) = command.run("working").stdout.splitlines()[1:]
    assert row.split() == ["vm:17030:q1", "q1", "2026-11-23T18:46:58Z", "Ok", *row.split()[4:]]
    assert row.endswith('{"class":"Ok","args":[1]}')
    sums = json.loads(command.run("info", "--json").stdout)
    assert (sums["pending"], sums["workers"], sums["working"], sums["failed"]) == (2, 2, 1, 0)
    assert command.run("peek", "mail", "--start", "1").stdout.splitlines()[1].startswith("1  Send")
    assert json.loads(command.run("peek", "none", "--json").stdout) == []


def test_a_long_queue_is_read_in_pieces(command, client):
    """All of it, each job once."""
    client.enqueue_many(client.prepare_to("long", "N", n) for n in range(1234))
    found = json.loads(command.run("peek", "long", "--count", "9999", "--json").stdout)
    assert [one["text"] for one in found] == [f'{{"class":"N","args":[{n}]}}' for n in range(1234)]
    assert len(command.run("peek", "long", "--count", "9999").stdout.splitlines()) == 1235


def test_common_options_stand_before_or_behind_the_command(command, client, clean_valkey):
    """They mean the same; the last one counts."""
    client.enqueue_to("mail", "Send")
    for words in [("--namespace", "x", "queues"), ("queues", "--namespace", "x")]:
        assert "mail" not in command.run(*words).stdout
    last = ("--namespace", "x", "queues", "--namespace", "resque")
    assert "mail" in command.run(*last).stdout
    nowhere = "redis://127.0.0.1:1/0"
    assert command.run("--url", nowhere, "queues", "--url", clean_valkey.url).returncode == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--url", "redis://127.0.0.1:1"), "cannot reach .*"),
        (
            ("--url", "redis://nobody:no@127.0.0.1:{port}"),
            ".* refused the user name or password: .*",
        ),
        (("--url", "http://x"), "cannot use 'http://x' as .*"),
        (("--namespace", ""), "cannot use '' as a namespace: .*"),
    ],
)
def test_what_is_wrong_with_the_server_is_one_line(command, clean_valkey, words, complaint):
    """On stderr, exit status 1."""
    done = command.run("queues", *(w.format(port=clean_valkey.port) for w in words))
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(f"resque: {complaint}\n", done.stderr)


def test_a_reader_that_leaves_is_no_error(command, client):
    """As in ``resque peek long | head -1``."""
    client.enqueue_many(client.prepare_to("long", "N", "x" * 200, n) for n in range(3000))
    words = [COMMAND, "--url", str(client.server.address), "peek", "long", "--count", "3000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_the_package_can_be_run(version):
    """``python -m resque`` is the command."""
    words = [sys.executable, "-m", "resque", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == f"resque {version}\n"
