"""``resqued status``, ``reload``, ``pause``, ``resume``, ``stop`` and the like."""

import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
from typing import Any

import pytest

from resqued.control.address import listener_at
from resqued.control.place import runtime_folder, sockets_in
from tests.support.daemon import COMMAND, WAITING, WORKERS, Daemon
from tests.support.inspection import wait_for_take_over
from tests.support.server import ValkeyServer

PIDFILE = ("-p", "a.pid")
#: Workers that tell of their jobs, and have one until the test says that it is done.
REPORTING = """
import os, time
from resqued import report
import jobs

class Worker(jobs.Worker):
    job_observer = None

    def _reporting(self):
        for name in ("First", "Second"):
            report.job_started(name)
            while not os.path.exists(name):
                time.sleep(0.01)
            report.job_finished()
        self._idle()

worker_factory(Worker)
"""


def shown(daemon: Daemon) -> dict[str, Any]:
    """Return what ``status --json`` prints."""
    done = daemon.run("status", *PIDFILE, "--json")
    assert (done.stderr, done.returncode) in (("", 0), ("", 4))
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def workers(daemon: Daemon) -> list[dict[str, Any]]:
    """Return the workers that it shows."""
    return [worker for each in shown(daemon)["generations"] for worker in each["workers"]]


# --- status


def test_what_a_worker_does(daemon: Daemon):
    """Its job and since when, how many it has done, and what memory it shares and owns."""
    daemon.start(REPORTING + "worker('reporting', 'b')\nworker('a')\n", *PIDFILE)
    daemon.wait_for_log("Worker .* works", count=2)

    reporting, other = daemon.wait_until(
        lambda: (w := workers(daemon)) and w[0]["state"] == "busy" and w, "the first job"
    )
    assert (reporting["job"], reporting["jobs_done"]) == ("First", 0)
    assert 0 <= reporting["job_age"] <= reporting["age"]
    assert reporting["queues"] == ["reporting", "b"]
    assert reporting["memory"]["private"] > 0
    assert reporting["memory"]["shared"] > reporting["memory"]["private"]
    assert (other["state"], other["job"]) == ("idle", None)

    daemon.write("First", "")
    second = daemon.wait_until(
        lambda: (w := workers(daemon)[0]) and w["job"] == "Second" and w, "the second job"
    )
    assert second["jobs_done"] == 1
    daemon.write("Second", "")
    idle = daemon.wait_until(
        lambda: (w := workers(daemon)[0]) and w["state"] == "idle" and w, "the end"
    )
    assert (idle["job"], idle["jobs_done"], idle["restarts"]) == (None, 2, 0)
    assert daemon.stop() == 0


def test_the_jobs_of_default_workers(daemon: Daemon, clean_valkey: ValkeyServer):
    """Each in a process of its own: they count, and are shown while they run."""
    url = f"redis://127.0.0.1:{clean_valkey.port}/0"
    daemon.write(
        "app.py",
        "import os, time, resque\n@resque.job(queue='q', name='Wait')\ndef wait(number):\n"
        "    while not os.path.exists(f'done{number}'):\n        time.sleep(0.01)\n",
    )
    daemon.start(
        "worker('q', interval=0.1)\n@before_fork\ndef load():\n    import app\n",
        *PIDFILE,
        environment={"REDIS_URL": url},
    )
    daemon.wait_for_log("Worker .* works")
    enqueue = "import app\nfor n in (1, 2): app.wait.enqueue(n)"
    python = str(pathlib.Path(COMMAND).with_name("python"))
    done = daemon.execute(python, "-c", enqueue, environment={"REDIS_URL": url, "PYTHONPATH": "."})
    assert done.returncode == 0, done.stderr

    for number in (1, 2):
        worker = daemon.wait_until(
            lambda: (w := workers(daemon)) and w[0]["state"] == "busy" and w[0], "a job"
        )
        assert worker["job"] == "Wait"
        daemon.write(f"done{number}", "")
        daemon.wait_until(lambda n=number: workers(daemon)[0]["jobs_done"] == n, "its end")
    assert daemon.wait_until(lambda: workers(daemon)[0]["state"] == "idle", "no job")
    assert daemon.stop() == 0


def test_the_table(daemon: Daemon):
    """Plain when it is piped."""
    daemon.start_working("worker('a', 'b')\nworker('raising')\n", *PIDFILE, count=1)
    daemon.wait_for_log("next start in")

    done = daemon.run("status", *PIDFILE)

    assert (done.stderr, done.returncode) == ("", 0)
    lines = done.stdout.splitlines()
    assert re.match(
        rf"resqued \S+ \(pid {daemon.pid}\): working, resqued.py in {daemon.folder}, [\d.]+M",
        lines[0],
    )
    assert re.match(r"Generation 1: owner for .*; 1 of 2 workers at work; listener \d+, ", lines[2])
    (waiting,) = daemon.tree().waiting
    assert re.match(rf" *{waiting.pid}  a,b +ready +\S+ +- +[\d.]+M +[\d.]+M  -$", lines[4])
    assert "\x1b" not in done.stdout
    assert daemon.stop() == 0


@pytest.mark.parametrize(("environment", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_at_a_terminal(daemon: Daemon, environment: dict[str, str], *, is_coloured: bool):
    """Unless it is unwanted."""
    daemon.start_working("worker('a')\n", *PIDFILE, count=1)
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [COMMAND, "status", *PIDFILE],
            cwd=daemon.folder,
            stdout=theirs,
            env={"PATH": os.environ["PATH"], "TERM": "xterm", **environment},
            timeout=20,
            check=True,
        )
        assert done.returncode == 0
        text = os.read(ours, 65536)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (b"\x1b[32m" in text) is is_coloured
    assert daemon.stop() == 0


def test_the_only_pool_is_found(daemon: Daemon):
    """Without a pidfile nobody needs to name it; two have to be told apart.

    Pools of the same user's that run on this machine beside the tests are found as well.
    """
    strangers = [path for path in sockets_in(runtime_folder({}, os.geteuid())) if listener_at(path)]
    assert daemon.run("status").returncode in ((3,) if not strangers else (0, 2, 4))
    daemon.start_working("worker('a')\n", count=1)

    assert daemon.run("status").returncode == (0 if not strangers else 2)
    other = Daemon(daemon.folder / "run")
    other.write("resqued.py", WORKERS + "worker('b')\n")
    other.launch(
        COMMAND,
        "resqued.py",
        environment={"XDG_RUNTIME_DIR": str(daemon.folder / "run")},
    )
    daemon.wait_until(lambda: other.log.count(" works"), "the second pool")

    done = daemon.run("status")
    assert done.returncode == 2
    assert "more than one resqued runs; name one by --control: " in done.stderr
    assert other.stop() == 0
    assert daemon.stop() == 0


def test_a_pool_that_does_not_work(daemon: Daemon):
    """Its status is another one: in its first boot, and when it is paused."""
    daemon.write("wait", "")
    daemon.start(WAITING + WORKERS + "worker('a')\n", *PIDFILE)
    daemon.wait_until(lambda: daemon.read("loading"), "before_fork")

    done = daemon.run("status", *PIDFILE)

    assert done.returncode == 4
    assert "Generation 1: booting for " in done.stdout
    (daemon.folder / "wait").unlink()
    daemon.wait_for_workers(1)
    daemon.wait_until(lambda: daemon.run("status", *PIDFILE).returncode == 0, "that it works")
    daemon.signal(signal.SIGUSR2)
    daemon.wait_until(lambda: daemon.run("status", *PIDFILE).returncode == 4, "the pause")
    assert daemon.stop() == 0


@pytest.mark.parametrize("command", ["status", "reload", "pause", "resume", "stop", "reexec"])
def test_no_pool_runs(daemon: Daemon, command: str):
    """One line, exit 3, whether there is no socket or nobody listens there."""
    path = f"{daemon.folder}/a.sock"
    done = daemon.run(command, "-p", f"{daemon.folder}/a.pid")
    text = f"resqued {command}: no resqued runs at control socket {path}: "
    assert done.stderr == f"{text}No such file or directory\n"
    assert (done.stdout, done.returncode) == ("", 3)

    program = f"import socket; socket.socket(socket.AF_UNIX).bind({path!r})"
    subprocess.run([sys.executable, "-c", program], check=True)
    done = daemon.run(command, "--control", path)
    assert done.stderr == f"{text}Connection refused\n"
    assert done.returncode == 3


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["status", "x"], "status: 'x' is one argument too many"),
        (["status", "--nonsense"], "status: option --nonsense not recognized"),
        (["stop", "-p"], "stop: option -p requires argument"),
        (["stop", "--json"], "stop: option --json not recognized"),
        (["reload", "--timeout", "3"], "reload: option --timeout is for --wait"),
        (
            ["reload", "--control", "gone", "--wait", "--timeout", "x"],
            "reload: option --timeout must be a number of seconds from 0 to 1000000, not 'x'",
        ),
    ],
)
def test_wrong_usage(daemon: Daemon, words: list[str], complaint: str):
    """One line, exit 2, and nobody is asked."""
    arguments = words if "--control" in words else [*words, "--control=gone"]
    if words[-1] == "-p":
        arguments = words
    done = daemon.run(*arguments)

    assert done.stderr == f"resqued {complaint}\n"
    assert (done.stdout, done.returncode) == ("", 2)


@pytest.mark.parametrize(
    "command", ["status", "reload", "pause", "resume", "stop", "reexec", "reopen-logs"]
)
def test_help(daemon: Daemon, command: str):
    """Usage, options and what the exit status means, in a terminal's width."""
    done = daemon.run(command, "--help")

    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: resqued {command} [options]\n")
    assert "\nExit status: 0 " in done.stdout
    assert "--control SOCKET" in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines())


# --- verbs


def test_pause_and_resume(daemon: Daemon):
    """Each says what happened, also if it was so before."""
    daemon.start_working("worker_pool(2, 'a')\n", *PIDFILE, count=2)

    assert daemon.run("pause", *PIDFILE).stdout == (
        "Pausing: 2 workers leave when their jobs are done; resume goes on\n"
    )
    assert daemon.run("pause", *PIDFILE).stdout == "It was paused already\n"
    refused = daemon.run("reload", *PIDFILE)
    assert refused.stderr == "resqued reload: the pool is paused; resume loads what is there\n"
    assert refused.returncode == 1

    done = daemon.run("resume", *PIDFILE)
    assert done.stdout == "Resuming: a new generation loads what is there now\n"
    daemon.wait_for_workers(2)
    assert daemon.run("resume", *PIDFILE).stdout.startswith("The pool was not paused;")
    assert daemon.stop() == 0


def test_stop(daemon: Daemon):
    """When the jobs are done; then now; the socket is gone with the master."""
    daemon.start_working("worker('busy')\n", *PIDFILE, count=1)

    done = daemon.run("stop", *PIDFILE)
    assert done.stdout == "Stopping: 1 worker leaves when its job is done\n"
    daemon.wait_until(lambda: daemon.tree().titled(r"resque-\S+ Processing"), "the job's end")
    assert daemon.run("pause", *PIDFILE).returncode == 1
    done = daemon.run("stop", "--now", *PIDFILE)
    assert done.stdout == "Stopping: 1 worker leaves now; what does not end is killed\n"
    assert daemon.wait_for_exit() == 0
    assert daemon.run("stop", *PIDFILE).returncode == 3


def test_reexec_and_logs(daemon: Daemon):
    """The master is another program of the same pid; the log goes on in a new file."""
    daemon.start_working("worker('a')\n", *PIDFILE, "-l", "a.log", count=1)
    done = daemon.run("reexec", *PIDFILE)
    assert done.stdout.startswith("The installed program is probed; ")
    daemon.wait_until(lambda: "has taken over from itself" in daemon.read("a.log"), "the exec")
    daemon.wait_until(lambda: shown(daemon)["reload"]["outcome"] == "done", "its reload")

    (daemon.folder / "a.log").rename(daemon.folder / "old.log")
    done = daemon.run("reopen-logs", *PIDFILE)
    assert done.stdout == (
        f"The master has reopened {daemon.folder}/a.log, 1 listener was told to;"
        " workers do so before their next line\n"
    )
    assert "Log reopened" in daemon.read("a.log")
    assert daemon.stop() == 0


def test_no_log_file(daemon: Daemon):
    """There is nothing to reopen."""
    daemon.start_working("worker('a')\n", *PIDFILE, count=1)
    done = daemon.run("reopen-logs", *PIDFILE)
    assert done.stdout == "The log goes to standard output: there is nothing to reopen\n"
    assert daemon.stop() == 0


# --- reload


def test_reload_and_wait(daemon: Daemon):
    """It shows how it goes, and returns when the new generation has taken over."""
    daemon.start_working("worker_pool(2, 'a')\n", *PIDFILE, count=2)

    done = daemon.run("reload", "--wait", *PIDFILE)

    assert (done.stderr, done.returncode) == ("", 0)
    lines = done.stdout.splitlines()
    assert lines[0] == "Reload 1: generation 2 loads"
    assert re.fullmatch(r"Generation 2 has taken over after [\d.]+s", lines[-1])
    for line in lines[1:-1]:
        assert re.fullmatch(
            r"Generation 2 is proved: \d of 2 workers work, \d former ones are left", line
        )
    daemon.wait_until(lambda: not daemon.tree().listener(1), "the old listener's end")
    assert {worker.ppid for worker in daemon.tree().workers} == {daemon.tree().listeners[0].pid}
    assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("worker('a', x=1)\n", "resqued.py:1: worker(x=1): no such option"),
        ("@before_fork\ndef load():\n    import nowhere\n", "No module named 'nowhere'"),
        (WORKERS + "worker_pool(3, 'raising')\n", "3 of its workers in a row did not get to work"),
    ],
)
def test_reload_of_what_is_broken(daemon: Daemon, config: str, reason: str):
    """Exit 1, with the reason; the old workers go on."""
    before = daemon.start_working("worker_pool(3, 'a')\n", *PIDFILE, count=3)
    daemon.write("resqued.py", config)

    done = daemon.run("reload", "--wait", *PIDFILE)

    assert done.returncode == 1
    assert done.stderr.startswith("resqued reload: reload 1 failed: ")
    assert reason in done.stderr
    if "raising" not in config:
        assert daemon.tree().workers == before.workers
    table = daemon.run("status", *PIDFILE).stdout
    assert re.search(rf"^Last reload 1, .* ago: failed: .*{re.escape(reason)}", table, re.MULTILINE)
    assert daemon.stop() == 0


def test_reload_that_takes_longer(daemon: Daemon):
    """Exit 99 when the time is up; it goes on, and status shows how it ends."""
    daemon.start_working("worker('busy')\n", *PIDFILE, count=1)

    done = daemon.run("reload", "--wait", "--timeout", "0.5", *PIDFILE)

    assert done.returncode == 99
    assert done.stderr == "resqued reload: the time is up; the reload goes on\n"
    assert shown(daemon)["reload"]["outcome"] in ("loading", "moving")
    daemon.write("finish", "")
    wait_for_take_over(daemon, 2)
    daemon.wait_until(lambda: shown(daemon)["reload"]["outcome"] == "done", "its end")
    assert daemon.stop() == 0


def start_waiting(daemon: Daemon) -> subprocess.Popen[str]:
    """Start a reload that cannot end, and wait for it."""
    daemon.start_working("worker('busy')\n", *PIDFILE, count=1)
    command = subprocess.Popen(
        [COMMAND, "reload", "--wait", *PIDFILE],
        cwd=daemon.folder,
        env=daemon._environment(None),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    daemon.wait_until(lambda: shown(daemon)["reload"], "the reload")
    return command


def test_another_reload_comes_first(daemon: Daemon):
    """Who waited for the former is told."""
    command = start_waiting(daemon)
    daemon.signal(signal.SIGHUP)

    _, errors = command.communicate(timeout=20)

    assert errors == "resqued reload: reload 1 abandoned: another reload was asked for\n"
    assert command.returncode == 1
    daemon.write("finish", "")
    assert daemon.stop() == 0


def test_the_wait_can_be_interrupted(daemon: Daemon):
    """The reload goes on; the exit status names the signal."""
    command = start_waiting(daemon)
    assert command.stdout is not None
    assert command.stdout.readline() == "Reload 1: generation 2 loads\n"
    # It holds the signal back from then on until it can say what it means.
    assert command.stdout.readline().startswith("Generation 2 is proved: ")
    command.send_signal(signal.SIGTERM)

    _, errors = command.communicate(timeout=20)

    assert errors == "resqued reload: waiting no longer; the reload goes on\n"
    assert command.returncode == 143
    daemon.write("finish", "")
    wait_for_take_over(daemon, 2)
    assert daemon.stop() == 0


def test_the_wait_goes_on_across_a_re_exec(daemon: Daemon):
    """Whose reload is another one, which is said."""
    command = start_waiting(daemon)
    daemon.signal(signal.SIGUSR1)

    _, errors = command.communicate(timeout=20)

    assert errors == "resqued reload: reload 1 abandoned: another reload was asked for\n"
    daemon.write("finish", "")
    wait_for_take_over(daemon, 3)
    assert daemon.stop() == 0


def test_the_master_ends_meanwhile(daemon: Daemon):
    """Then no resqued runs any more."""
    command = start_waiting(daemon)
    daemon.signal(signal.SIGKILL)
    daemon.wait_for_exit()

    _, errors = command.communicate(timeout=20)

    assert "no resqued runs at control socket a.sock: Connection refused" in errors
    assert command.returncode == 3
    daemon.write("finish", "")
    daemon.wait_until_gone()


# --- one worker, and what a reload would do


def test_restart_of_a_worker(daemon: Daemon):
    """It finishes its job; another one takes its place at once, and the others stay."""
    before = daemon.start_working("worker('busy')\nworker_pool(2, 'a')\n", *PIDFILE, count=3)
    (busy,) = (worker for worker in before.workers if "busy" in worker.title)
    pid = str(busy.pid)

    done = daemon.run("restart", pid, *PIDFILE)
    assert done.stdout == (
        f"Worker {pid} leaves when its job is done; another one takes its place\n"
    )
    done = daemon.run("restart", pid, *PIDFILE)
    assert done.stdout == f"Worker {pid} was told to leave already\n"
    daemon.write("finish", "")

    def is_replaced() -> bool:
        there = {worker.pid for worker in daemon.tree().waiting}
        return len(there) == 3 and busy.pid not in there

    daemon.wait_until(is_replaced, "another worker")
    others = {worker.pid for worker in before.workers} - {busy.pid}
    assert others < {worker.pid for worker in daemon.tree().workers}
    (place,) = (worker for worker in workers(daemon) if worker["queues"] == ["busy"])
    assert (place["restarts"], place["last_end"]) == (1, "told to leave")

    done = daemon.run("restart", pid, *PIDFILE)
    assert (done.stderr, done.returncode) == (
        f"resqued restart: no worker has pid {pid}\n",
        1,
    )
    done = daemon.run("restart", "x", *PIDFILE)
    assert done.stderr == "resqued restart: WORKER must be the pid of a worker, not 'x'\n"
    assert done.returncode == 2
    assert daemon.run("restart", *PIDFILE).returncode == 2
    assert daemon.stop() == 0


def test_what_a_reload_would_do(daemon: Daemon):
    """Nothing is done; files that cannot be read are said."""
    before = daemon.start_working("worker('x')\nworker_pool(3, 'a', 'b')\n", *PIDFILE, count=4)
    daemon.write("next.py", "worker_pool(2, 'b', 'a')\nworker('c')\n")

    done = daemon.run("plan", "next", *PIDFILE)

    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.splitlines() == [
        "START  KEEP  STOP  QUEUES",
        "    1     -     -  c",
        "    -     2     1  b,a",
        "    -     -     1  x",
    ]
    assert json.loads(daemon.run("plan", "--json", "next.py", *PIDFILE).stdout)[0] == {
        "queues": ["c"],
        "start": 1,
        "keep": 0,
        "stop": 0,
    }
    done = daemon.run("plan", "gone.py", *PIDFILE)
    assert "gone.py" in done.stderr
    assert done.returncode == 1
    assert daemon.tree().workers == before.workers
    assert daemon.stop() == 0
