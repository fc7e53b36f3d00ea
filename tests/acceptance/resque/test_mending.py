"""The commands that change something."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.support import waiting
from tests.support.failures import RECORD, numbered
from tests.support.processes import find


@pytest.fixture
def failures(client):
    """Five failures, four different."""
    for number in (0, 1, 2, 3, 3):
        client.failure_backend.save(numbered(number, "mail", "Send"))
    return client.failures


def short(entry):
    """Return an id as the list shows it."""
    return f"{entry.index}-{entry.digest[:8]}"


@pytest.mark.parametrize(
    ("words", "element"),
    [
        ((), "[]"),
        (('[1, "a b", [1, null], -1.5, {"a": []}]',), '[1,"a b",[1,null],-1.5,{"a":[]}]'),
        (("[]",), "[]"),
        (("[[1,2]]",), "[[1,2]]"),
        (("1", "a b", "é", "--text"), '["1","a b","é"]'),
    ],
)
def test_enqueue(command, client, words, element):
    """It prints what lies in the queue now."""
    done = command.run("enqueue", "mail", "Send", *words)
    job = f'{{"class":"Send","args":{element}}}'
    assert (done.returncode, done.stdout) == (0, f"mail: {job}\n")
    assert [found.text for found in client.peek("mail")] == [job]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("a",), "the arguments, column 1: "),
        (("[1 2]",), "the arguments, column 4: "),
        (("[NaN]",), "the arguments: NaN is not JSON"),
        (("{}",), 'the arguments are no JSON array, such as [7, "text"]: {}'),
        (("7",), 'the arguments are no JSON array, such as [7, "text"]: 7'),
        (("[1]", "[2]"), "the arguments are one JSON array, not 2 words; --text takes words"),
    ],
)
def test_arguments_that_are_no_json(command, client, words, complaint):
    """The place is named, and nothing enqueued."""
    done = command.run("enqueue", "mail", "Send", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr
    assert client.queues() == []


def test_a_queue_that_nobody_could_work(command):
    """It is refused."""
    done = command.run("enqueue", "a,b", "Send")
    assert done.returncode == 1
    assert done.stderr == "resque: cannot use 'a,b' as the name of a queue\n"


def test_retry_and_remove_by_id(command, client, failures):
    """The whole id, its short form, or the digest alone."""
    first, second, third = list(failures.each())[:3]
    assert command.run("failures", "retry", first.id).returncode == 0
    assert command.run("failures", "retry", short(second)).returncode == 0
    done = command.run("failures", "remove", third.digest[:8])
    assert done.stdout == f"removed {short(third)} (Send of mail)\n"
    assert client.size("mail") == 2
    assert failures.find(third.id) is None
    gone = command.run("failures", "remove", short(third))
    assert gone.returncode == 1
    assert "any more" in gone.stderr


def test_a_failure_that_others_have_shifted_is_found(command, failures):
    """Its digest says which it is."""
    first, second, *_ = failures.each()
    failures.remove(first)
    assert command.run("failures", "remove", short(second)).returncode == 0
    assert [entry.class_name for entry in failures.each()] == ["Send"] * 3
    assert failures.find(second.id) is None


def test_a_number_alone_changes_nothing_unasked(command, failures):
    """It may be another's by now; the message says whose it is."""
    third = failures.get(2)
    done = command.run("failures", "remove", "2")
    assert (done.returncode, failures.count()) == (1, 5)
    assert f"it is {short(third)} (Send of mail) now" in done.stderr
    assert command.run("failures", "remove", "2", "--yes").returncode == 0
    assert failures.find(third.id) is None


def test_equal_failures_are_told_apart_by_their_numbers(command, failures):
    """Their digest alone is refused."""
    *_, last = failures.each()
    done = command.run("failures", "remove", last.digest)
    assert done.returncode == 1
    assert f"may be one of several: 4-{last.digest[:8]}, 3-{last.digest[:8]}" in done.stderr
    assert command.run("failures", "remove", short(last)).returncode == 0
    assert failures.count() == 4


def test_what_was_retried_is_not_retried_unasked(command, client, failures):
    """--again does."""
    failures.requeue(failures.get(0))
    name = short(failures.get(0))
    assert "--again" in command.run("failures", "retry", name).stderr
    assert client.size("mail") == 1
    assert command.run("failures", "retry", name, "--again").returncode == 0
    assert client.size("mail") == 2


def test_retry_all_and_clear(command, client, failures):
    """A dry run first."""
    client.server.call("RPUSH", client.keys.failed, "no record")
    would = command.run("failures", "retry", "--all", "--dry-run").stdout
    assert would.startswith("5 would be retried, 0 retried before, 1 hold no job, ")
    assert client.size("mail") == 0
    done = command.run("failures", "retry", "--all").stdout
    assert done == "5 retried, 0 retried before, 1 hold no job, 0 changed meanwhile\n"
    assert client.size("mail") == 5
    assert command.run("failures", "clear", "--retried", "--dry-run").stdout == (
        "5 would be removed\n"
    )
    assert failures.count() == 6
    assert command.run("failures", "clear", "--retried").stdout == "5 removed\n"
    assert command.run("failures", "clear", "--class", "X").stdout == "0 removed\n"
    assert command.run("failures", "clear").stdout == "1 removed\n"
    assert failures.count() == 0


def test_retry_of_a_queue(command, client, failures):
    """Others stay as they are."""
    client.failure_backend.save(numbered(9, "other", "Send"))
    done = command.run("failures", "retry", "--queue", "other")
    assert done.stdout.startswith("1 retried, ")
    assert (client.size("mail"), client.size("other")) == (0, 1)


@pytest.mark.parametrize(
    "words",
    [("retry",), ("retry", "1", "--all"), ("show",), ("list", "--limit", "-1"), ()],
)
def test_wrong_usage(command, words):
    """Exit status 2, and no trace."""
    done = command.run("failures", *words)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: resque failures")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["", "x", "-1", "1-", "1-zz", "99", "9" * 30, "a" * 8])
def test_a_failure_that_is_not_there(command, failures, name):
    """One line, and nothing is done."""
    done = command.run("failures", "show", "--", name)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1


def test_show(command, client):
    """All of a record."""
    client.server.call("RPUSH", client.keys.failed, RECORD)
    shown = command.run("failures", "show", "0").stdout
    assert 'payload:    {"class":"Boom","args":["x"]}\n' in shown
    assert "backtrace:  app/jobs.rb:4:in `perform'\n" in shown


def test_queue_remove(command, client):
    """A queue that there is."""
    client.enqueue_to("mail", "Send")
    assert command.run("queue", "remove", "mial").stderr == "resque: no queue is 'mial'\n"
    assert command.run("queue", "remove", "mail").stdout == "removed mail (1 jobs)\n"
    assert (client.queues(), client.size("mail")) == ([], 0)


def register(client, worker_id, record=None):
    """Write a worker as anybody may."""
    client.server.call("SADD", client.keys.workers, worker_id)
    if record:
        client.server.call("SET", client.keys.worker(worker_id), record)


def test_remove_a_worker(command, client):
    """Its job is recorded; a strange id is given as the table shows it."""
    register(client, "vm:1:q", '{"queue":"q","payload":{"class":"Send","args":[]}}')
    register(client, "vm:2:\x1b")
    assert command.run("remove", "vm:1:q").stdout == "removed vm:1:q\n"
    assert client.failures.get(0).error == "Job still being processed"
    assert command.run("remove", r"vm:2:\x1b").stdout == "removed vm:2:\\x1b\n"
    assert client.worker_ids() == []
    done = command.run("remove", "vm:1:q")
    assert (done.returncode, done.stderr) == (
        1,
        "resque: no worker is registered as 'vm:1:q'\n",
    )


def test_kill_a_worker(command, client):
    """It ends, its job with it, and is forgotten."""
    client.enqueue_to("high", "wait", 60)
    process = command.start("work", "--queue", "high", "--require", "myapp")
    command.wait_until((command.folder / "begun").exists, "the job's begin")
    (worker_id,) = client.worker_ids()
    done = command.run("kill", worker_id)
    assert done.stdout == f"killed {worker_id}\nremoved {worker_id}\n"
    assert process.wait(waiting.PATIENCE) == -signal.SIGKILL
    assert (client.worker_ids(), client.failures.count()) == ([], 1)
    register(client, worker_id)
    done = command.run("kill", worker_id)
    assert done.stdout == f"{worker_id} was not running\nremoved {worker_id}\n"


@pytest.mark.parametrize(
    "pid", ["0", "1", "-1", "abc", "1-0", "", "+7", "007", "99999999999", "\u0663", "4294967296"]
)
def test_a_strange_pid_is_not_killed(command, client, pid):
    """Nor is the id forgotten."""
    worker_id = f"{socket.gethostname()}:{pid}:q"
    register(client, worker_id)
    done = command.run("kill", worker_id)
    assert (done.returncode, client.worker_ids()) == (1, [worker_id])
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["elsewhere", "own"])
def test_what_is_no_worker_of_this_host_is_not_killed(command, client, host):
    """Whatever its id says."""
    command_line = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command_line, stdin=subprocess.PIPE) as process:
        name = socket.gethostname() if host == "own" else host
        register(client, f"{name}:{process.pid}:q")
        done = command.run("kill", f"{name}:{process.pid}:q")
        assert done.returncode == 1
        assert "is no" in done.stderr
        assert find(process.pid) is not None
    assert process.returncode == 0
    assert client.worker_ids() == [f"{name}:{process.pid}:q"]


# --- at a terminal


@pytest.fixture
def at_terminal(command):
    """Run a command at a terminal, with an answer typed; return its status and all it wrote."""

    def run(*words, answer):
        master, slave = os.openpty()
        environment = {**os.environ, **command._environment, "COLUMNS": "200"}
        try:
            with subprocess.Popen(
                [sys.executable, "-m", "resque", *words],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=environment,
                cwd=command.folder,
            ) as process:
                os.close(slave)
                os.write(master, answer)
                written = b"".join(iter(lambda: _read(master), b""))
                return process.wait(waiting.PATIENCE), written.decode()
        finally:
            os.close(master)

    return run


def _read(descriptor):
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other side has closed
        return b""


@pytest.mark.parametrize(("answer", "left"), [(b"\n", 5), (b"no\n", 5), (b"y\n", 0)])
def test_it_asks_before_it_clears(at_terminal, failures, answer, left):
    """Anything but yes is no."""
    status, written = at_terminal("failures", "clear", answer=answer)
    assert "Remove 5 failures? [y/N]" in written
    assert (status, failures.count()) == (int(left > 0), left)


def test_it_shows_how_far_it_is(at_terminal, failures):
    """While it retries many."""
    status, written = at_terminal("failures", "retry", "--all", answer=b"y\n")
    assert status == 0
    assert "5 of 5" in written


def test_a_table_at_a_terminal_takes_no_markup_from_data(at_terminal, client):
    """Brackets stay brackets, escapes are shown."""
    client.server.call("SADD", client.keys.queues, "[red]x[/red]", "\x1b[31m")
    status, written = at_terminal("queues", answer=b"")
    assert status == 0
    assert "[red]x[/red]" in written
    assert r"\x1b[31m" in written
    assert "\x1b[31m" not in written


def test_control_c_is_130(command, client):
    """Nothing is said."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        process = command.start("queues", "--url", url)
        silent.settimeout(waiting.PATIENCE)
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        assert process.wait(waiting.PATIENCE) == 130
        connection.close()
    assert (command.folder / "output").read_text() == ""
