"""``resque work``: one worker, without the daemon."""

import json
import os
import re
import signal
from importlib import metadata

import pytest

from resque.client import Resque
from resque.failure import Requeued
from resque.registry import Registry
from tests.support import processes, waiting
from tests.support.client import client_of

#: A job that the application did not have when it was first to be run.
LATER = """
@resque.job(queue="high", name="later")
def later(number):
    note(f"{number} at last")
"""

WORK = ("work", "--queue", "high,low", "--require", "myapp")


def test_it_drains_its_queues(command, client):
    """With an interval of 0 it works all jobs, urgent queues first, and leaves with 0."""
    client.enqueue_to("low", "note", "third")
    client.enqueue_to("high", "note", "first")
    client.enqueue_to("high", "note", subject := "second hé")
    client.enqueue_to("other", "note", "not ours")
    done = command.run(*WORK, "--interval", "0")
    assert (done.returncode, done.stdout) == (0, "")
    assert command.notes == ["first", subject, "third"]
    assert client.size("other") == 1
    assert (client.failure_count(), client.worker_ids()) == (0, [])


def test_a_failure_is_logged_and_recorded(command, client):
    """The line says what went wrong; the exit status is the worker's own."""
    client.enqueue_to("high", "note", 1, 2)
    client.enqueue_to("high", "Unknown")
    done = command.run(*WORK, "--interval", "0")
    assert done.returncode == 0
    assert re.search(r" INFO resque\S*: Job note failed: TypeError: note\(\) takes 1", done.stderr)
    records = [json.loads(r) for r in client.server.call("LRANGE", client.keys.failed, 0, -1)]
    exceptions = [record["exception"] for record in records]
    assert exceptions == ["TypeError", "resque.errors.UnknownJobError"]


def test_lines_for_the_journal(command, client):
    """They have its priorities; the file stands in for systemd's stream."""
    output = command.folder / "output"
    output.touch()
    status = output.stat()
    client.enqueue_to("high", "note", 1, 2)
    process = command.start(
        *WORK, "--interval", "0", JOURNAL_STREAM=f"{status.st_dev}:{status.st_ino}"
    )
    assert process.wait(waiting.PATIENCE) == 0
    lines = output.read_text().splitlines()
    assert lines
    assert {line[:3] for line in lines} == {"<6>"}


def test_a_namespace(command, client, namespace):
    """Another application's jobs on the same server are left alone."""
    ours = Resque(client.server, Registry(), namespace)
    ours.enqueue_to("high", "note", "ours")
    client.enqueue_to("high", "note", "theirs")
    assert command.run(*WORK, "--interval", "0", "--namespace", namespace).returncode == 0
    assert command.notes == ["ours"]
    assert client.size("high") == 1


def test_an_address_of_its_own(command, client, clean_valkey):
    """The option beats the environment."""
    url = clean_valkey.url.removesuffix("/0") + "/3"
    with client_of(url) as elsewhere:
        elsewhere.enqueue_to("high", "note", "elsewhere")
    client.enqueue_to("high", "note", "here")
    assert command.run(*WORK, "--interval", "0", "--url", url).returncode == 0
    assert command.notes == ["elsewhere"]


def test_it_waits_for_jobs(command, client):
    """Without an interval of 0 it stays, and works what comes."""
    process = command.start(*WORK, "--interval", "0.02")
    command.wait_until(client.worker_ids, "registration")
    (worker_id,) = client.worker_ids()
    assert worker_id.endswith(f":{process.pid}:high,low")
    client.enqueue_to("low", "note", "later")
    command.wait_until(lambda: command.notes == ["later"], "the job")
    process.send_signal(signal.SIGQUIT)
    assert process.wait(waiting.PATIENCE) == 0
    assert client.worker_ids() == []


def test_quit_finishes_the_job(command, client):
    """QUIT lets the job end; the next one stays in its queue."""
    client.enqueue_to("high", "wait", 60)
    client.enqueue_to("high", "note", "next")
    process = command.start(*WORK)
    command.wait_until((command.folder / "begun").exists, "the job's begin")
    process.send_signal(signal.SIGQUIT)
    (command.folder / "finish").touch()
    assert process.wait(waiting.PATIENCE) == 0
    assert command.notes == ["waited"]
    assert (client.size("high"), client.failure_count()) == (1, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_term_and_int_end_the_job(command, client, number):
    """The job is recorded as ended, and the command leaves with 0, as it was asked."""
    client.enqueue_to("high", "wait", 60)
    process = command.start(*WORK)
    command.wait_until((command.folder / "begun").exists, "the job's begin")
    process.send_signal(number)
    assert process.wait(waiting.PATIENCE) == 0
    record = json.loads(client.server.call("LINDEX", client.keys.failed, 0))
    assert (record["exception"], record["error"]) == ("Resque::TermException", "SIGTERM")
    assert (command.notes, client.worker_ids()) == ([], [])
    assert processes.below(str(command.folder)) == []


def test_version(command, version):
    """The one of the installed package."""
    for option in ("-v", "--version"):
        done = command.run(option)
        assert (done.returncode, done.stdout) == (0, f"resque {version}\n")
    assert version == metadata.version("resqued")


def test_help(command):
    """It names every option."""
    done = command.run("work", "--help")
    assert done.returncode == 0
    for option in ("--queue", "--require", "--interval", "--url", "--namespace"):
        assert option in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("play",), "invalid choice: 'play'"),
        (("work",), "no queue to work: give --queue, or set QUEUE, such as QUEUE=high,low"),
        (("work", "--queue"), "argument --queue: expected one argument"),
        (("work", "--queue", "q", "more"), "unrecognized arguments: more"),
        (("work", "--queue", "q", "--fork"), "unrecognized arguments: --fork"),
        (("work", "--queue", "q", "--interval", "soon"), "'soon' is no number of seconds"),
        (("work", "--queue", "q", "--interval", "-1"), "'-1' is no number of seconds"),
        (("work", "--queue", "q", "--interval", "nan"), "'nan' is no number of seconds"),
        (("work", "--queue", "q", "--interval", "inf"), "'inf' is no number of seconds"),
    ],
)
def test_wrong_usage(command, arguments, complaint):
    """The usage and what is wrong, exit status 2."""
    done = command.run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: resque")
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ("--queue", "q", "--require", "no_such_module"),
            "resque: --require no_such_module: No module named 'no_such_module'",
        ),
        (
            ("--queue", "q", "--require", "myapp.inner"),
            r"resque: --require myapp.inner: No module named 'myapp.inner'; .*",
        ),
        (
            ("--queue", "q", "--url", "http://localhost"),
            "resque: cannot use 'http://localhost' as .*",
        ),
        (
            ("--queue", "q", "--url", "redis://user:secret@h:port"),
            r"resque: cannot use 'redis://\*\*\*@h:port' as .*: the port is not a number .*",
        ),
        (("--queue", ""), "resque: cannot use '' as the name of a queue"),
        (("--queue", "a,,b"), "resque: cannot use 'a,,b' as the name of a queue"),
        (("--queue", "!low"), "resque: cannot use '!low' as the name of a queue"),
        (("--queue", "q", "--namespace", ""), "resque: cannot use '' as a namespace: it is empty"),
    ],
)
def test_what_cannot_be_worked(command, client, arguments, complaint):
    """One line that says what and why, exit status 1, and nothing was registered."""
    done = command.run("work", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(complaint + "\n", done.stderr)
    assert client.server.call("KEYS", "*") == []


def test_what_failed_can_be_worked_again(command, client):
    """Requeued by another program, all but what was no job; its records then say so."""
    client.enqueue_to("high", "later", 7)
    client.server.call("RPUSH", client.keys.queue("high"), "no job")
    assert command.run(*WORK, "--interval", "0").returncode == 0
    assert client.failures.count_by_class() == {"later": 1, None: 1}

    with (command.folder / "myapp.py").open("a") as file:
        file.write(LATER)
    assert client.failures.requeue_all() == Requeued(requeued=1, refused=1)
    assert command.run(*WORK, "--interval", "0").returncode == 0
    assert command.notes == ["7 at last"]
    assert (client.failures.clear_retried(), client.failures.count()) == (1, 1)


# --- as under rake resque:work


def test_the_environment_says_what_to_work(command, client):
    """QUEUES goes before QUEUE, an interval of 0 drains."""
    client.enqueue_to("high", "note", "1")
    client.enqueue_to("low", "note", "2")
    done = command.run("work", "--require", "myapp", QUEUES="low", QUEUE="high", INTERVAL="0")
    assert (done.returncode, command.notes) == (0, ["2"])


def test_options_go_before_the_environment(command, client):
    """What is typed counts."""
    client.enqueue_to("high", "note", "1")
    given = {"QUEUE": "low", "INTERVAL": "600", "MIN_INTERVAL": "600", "MAX_INTERVAL": "600"}
    done = command.run(*WORK, "--interval", "0", BACKOFF_INTERVAL="1", **given)
    assert (done.returncode, command.notes) == (0, ["1"])


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"COUNT": "3"}, "COUNT=3: one command is one worker; resqued runs several"),
        ({"INTERVAL": "x"}, "INTERVAL=x: is no number of seconds from 0 to 1000000"),
        ({"RESQUE_TERM_TIMEOUT": "x"}, "RESQUE_TERM_TIMEOUT=x: is no number of seconds"),
        ({"FAILURE_BACKEND": "x"}, "'x'"),
        ({"QUEUES": ""}, "''"),
    ],
)
def test_variables_that_make_no_sense(command, variables, complaint):
    """One line, and no worker."""
    done = command.run("work", "--require", "myapp", **{"QUEUE": "high", **variables})
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("resque: ")
    assert complaint in line


def test_failures_of_each_queue_in_a_list_of_its_own(command, client):
    """FAILURE_BACKEND as in Ruby."""
    client.enqueue_to("high", "note", 1, 2)
    done = command.run(*WORK, "--interval", "0", FAILURE_BACKEND="redis_multi_queue")
    assert done.returncode == 0
    assert client.server.call("LLEN", client.keys.failed_queue("high")) == 1


def test_in_the_background(command, client):
    """The command returns when the worker is on its way; its pid is in the file."""
    client.enqueue_to("high", "note", "1")
    done = command.run(*WORK, BACKGROUND="yes", PIDFILE="worker.pid")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pid = int((command.folder / "worker.pid").read_text())
    (command.folder / "output").touch()
    command.wait_until(lambda: command.notes == ["1"], "the job")
    second = command.run(*WORK, PIDFILE="worker.pid")
    assert second.returncode == 1
    assert second.stderr.endswith(f"worker.pid is held by a running process (pid {pid})\n")
    (worker,) = [p for p in processes.below(str(command.folder)) if p.pid == pid]
    os.kill(worker.pid, signal.SIGQUIT)
    command.wait_until(lambda: not (command.folder / "worker.pid").exists(), "the worker's end")
