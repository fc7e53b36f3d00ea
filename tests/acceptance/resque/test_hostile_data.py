"""Everything that changes something, on names that would do something to a terminal or a log."""

import json
import re
import socket

import pytest

from tests.acceptance.resque.test_looking import is_harmless

ESCAPES = "\x1b]0;x\x07\x9b31m\r\u202e\n"
FORGED = "2026-11-23 18:39:53 [1] ERROR resque: forged"
SHOWN = r"\x1b]0;x\x07\x9b31m\r\u202e\n"


@pytest.fixture
def hostile(client):
    """A queue, a worker, a job in its hands and failures, all of them named so."""
    call, keys = client.server.call, client.keys
    queue, worker_id = f"q{ESCAPES}", f"{socket.gethostname()}:1:q{ESCAPES}"
    call("SADD", keys.queues, queue)
    call("RPUSH", keys.queue(queue), json.dumps({"class": f"C{ESCAPES}", "args": [ESCAPES]}))
    record = {"queue": queue, "run_at": ESCAPES, "payload": {"class": ESCAPES, "args": [ESCAPES]}}
    call("SADD", keys.workers, worker_id)
    call("SET", keys.worker(worker_id), json.dumps(record))
    failure = record | {
        "failed_at": ESCAPES,
        "exception": f"E{ESCAPES}",
        "error": ESCAPES,
        "backtrace": [ESCAPES],
        "worker": ESCAPES,
    }
    call("RPUSH", keys.failed, *(json.dumps(failure | {"n": n}) for n in range(3)))
    return worker_id


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("queue", "remove", f"q{SHOWN}", "--yes"), 0),
        (("queue", "remove", f"no{ESCAPES}"), 1),
        (("peek", f"q{ESCAPES}"), 0),
        (("remove", f"{socket.gethostname()}:1:q{SHOWN}"), 0),
        (("remove", f"no{ESCAPES}"), 1),
        (("kill", f"{socket.gethostname()}:1:q{SHOWN}"), 1),
        (("failures", "list"), 0),
        (("failures", "show", "0"), 0),
        (("failures", "show", "0", "--json"), 0),
        (("failures", "retry", "0", "--dry-run"), 0),
        (("failures", "retry", "1"), 1),  # a number alone may have shifted
        (("failures", "retry", "1", "--yes"), 0),
        (("failures", "retry", "--queue", f"q{ESCAPES}"), 0),
        (("failures", "remove", "2", "--yes"), 0),
        (("failures", "show", ESCAPES), 1),
        (("failures", "clear", "--class", ESCAPES), 0),
        (("enqueue", "--text", "q", f"C{ESCAPES}", ESCAPES), 0),
        (("enqueue", f"q{ESCAPES}", "C"), 1),
        (("enqueue", "q", "C", ESCAPES), 2),
    ],
    ids=lambda given: ascii(" ".join(given)) if isinstance(given, tuple) else None,
)
def test_nothing_reaches_the_terminal(command, hostile, words, status):
    """What was done, what was not, and usage: printable lines."""
    done = command.run(*words)
    assert done.returncode == status, done.stderr
    assert is_harmless(done.stdout)
    assert is_harmless(done.stderr)


def test_kill_leaves_the_first_process_alone(command, client, hostile):
    """Whoever registers ``host:1:...`` has nobody killed, and his id stays."""
    done = command.run("kill", hostile)
    assert "is no pid of a worker" in done.stderr
    assert client.worker_ids() == [hostile]


def test_a_job_forges_no_line_of_the_log(command, client):
    """Neither by its class, nor its queue, nor what its error says."""
    client.enqueue_to("high", f"x\n{FORGED}\n", 1)
    client.server.call("RPUSH", client.keys.queue("high"), f'"\n{FORGED}\n\x1b[2J')
    client.enqueue_to("high", "note", 1, f"\n{FORGED}")  # too many arguments

    done = command.run("work", "--queue", "high", "--require", "myapp", "--interval", "0")

    assert done.returncode == 0
    assert "forged" in done.stderr
    for line in done.stderr.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[\d+\] |  ", line), line
    assert is_harmless(done.stderr)
