"""``resqued stacks WORKER``: where a worker and its job are."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest

from resque.client import Resque
from tests.support import processes
from tests.support.client import client_of
from tests.support.daemon import WORKERS, Daemon
from tests.support.processes import Process
from tests.support.server import ValkeyServer

PIDFILE = ("-p", "a.pid")
LOAD = "@before_fork\ndef load(): import app\n"
NO_FORK = "@after_fork\ndef no_fork(worker): worker.fork_per_job = False\n"
#: The application: jobs that wait for longer than any test, each in its way.
JOBS = """
import ctypes, os, threading, time
import resque
from jobs import note

def begun():
    note("begun", f"{os.getpid()} {os.getppid()}")

@resque.job(queue="q", name="Sleep")
def sleep_long():
    begun()
    time.sleep(600)

@resque.job(queue="q", name="Limited", timeout=3600)
def sleep_limited():
    begun()
    time.sleep(600)

@resque.job(queue="q", name="InC")
def sleep_in_c():
    begun()
    sleep = ctypes.CDLL(None).sleep
    while True:
        sleep(600)

@resque.job(queue="q", name="Hanging")
def hang_in_c():
    begun()
    mutex = ctypes.create_string_buffer(64)
    lock = ctypes.PyDLL(None).pthread_mutex_lock
    lock(mutex)
    lock(mutex)

@resque.job(queue="q", name="Locked")
def wait_for_lock():
    lock, is_taken = threading.Lock(), threading.Event()

    def hold_lock():
        with lock:
            is_taken.set()
            begun()
            time.sleep(600)

    threading.Thread(target=hold_lock, daemon=True).start()
    is_taken.wait()
    lock.acquire()

@resque.job(queue="q", name="Until")
def sleep_until(name):
    begun()
    while not os.path.exists(name):
        time.sleep(0.01)

@resque.job(queue="q", name="Parent")
def fork_twice():
    if os.fork() == 0:
        time.sleep(600)
    if os.fork() == 0:
        os.execv("/bin/sleep", ["sleep", "600"])
    begun()
    os.wait()

@resque.job(queue="q", name="Tidy")
def close_all():
    os.closerange(3, 1000)
    begun()
    time.sleep(600)
"""


Busy = Callable[..., Process]


@pytest.fixture
def busy(daemon: Daemon, client: Resque, clean_valkey: ValkeyServer) -> Busy:
    """Start a pool whose only worker has this job; returns the worker."""

    def start(name: str, config: str = "worker('q', interval=0.1)\n", *args: str) -> Process:
        client.enqueue_to("q", name, *args)
        daemon.write("app.py", JOBS)
        daemon.start(LOAD + config, *PIDFILE, environment={"REDIS_URL": clean_valkey.url})
        daemon.wait_until(lambda: daemon.read("begun"), "the job")
        pid, parent = map(int, daemon.read("begun").split()[:2])
        worker = processes.find(pid if "no_fork" in config else parent)
        assert worker is not None
        return worker

    return start


def look(daemon: Daemon, worker: Process, *options: str) -> CompletedProcess[str]:
    """Look at a worker."""
    return daemon.run("stacks", str(worker.pid), *PIDFILE, *options)


def wait_for(daemon: Daemon, worker: Process, pattern: str) -> str:
    """Look until all that is printed has a pattern, and return it."""

    def found() -> str | None:
        done = look(daemon, worker)
        assert (done.stderr, done.returncode) == ("", 0)
        return done.stdout if re.search(pattern, done.stdout) else None

    return daemon.wait_until(found, f"stacks like {pattern}") or ""


def job_pid(daemon: Daemon) -> int:
    """Return the process that a job has noted."""
    return int(daemon.read("begun").split()[0])


@pytest.mark.parametrize(
    ("job", "function"),
    [
        ("Sleep", "sleep_long"),
        ("Limited", "sleep_limited"),
        ("InC", "sleep_in_c"),
        ("Hanging", "hang_in_c"),
        ("Locked", "wait_for_lock"),
    ],
)
def test_a_job_in_a_process_of_its_own(daemon: Daemon, busy: Busy, job: str, function: str):
    """Worker and job, each by its title and with where it is, whatever it waits for."""
    worker = busy(job)

    text = wait_for(daemon, worker, f"in {function}\n")

    pid = job_pid(daemon)
    first, second = text.split("\n\nProcess ")
    assert re.match(
        rf"Worker {worker.pid}: resque-\S+ Forked {pid} at \d+\n"
        r"Current thread 0x[0-9a-f]+ \(most recent call first\):\n  File ",
        first,
    )
    assert re.match(
        rf"{pid}, below {worker.pid}: resque-\S+ Processing q since \d+ \[{job}\]\n", second
    )
    assert f" in {function}\n" not in first
    assert second.index(f" in {function}\n") < second.index(" in run_worker\n")
    assert (" in hold_lock\n" in second) is (job == "Locked")
    assert daemon.stop(signal.SIGTERM) == 0


def test_a_job_in_the_worker_s_own_process(daemon: Daemon, busy: Busy):
    """There is one process, which has the job's frames."""
    worker = busy("Sleep", NO_FORK + "worker('q', interval=0.1)\n")

    text = wait_for(daemon, worker, "in sleep_long\n")

    assert text.startswith(f"Worker {worker.pid}: ")
    assert "\nProcess " not in text
    assert daemon.stop(signal.SIGTERM) == 0


def test_the_limit_of_a_job_that_was_looked_at(daemon: Daemon, busy: Busy, client: Resque):
    """Its record has its own stack, once, and nothing of the looks is in the log."""
    worker = busy("Sleep", "worker('q', interval=0.1, timeout=5)\n")
    wait_for(daemon, worker, "in sleep_long\n")
    look(daemon, worker)

    daemon.wait_until(client.failure_count, "the failure record")

    (failure,) = client.failures.page(0, 10)
    assert failure.exception == "JobTimeout"
    assert failure.backtrace[0].endswith("in `sleep_long'")
    assert len(failure.backtrace) < 5
    assert daemon.log.count(" in sleep_long\n") == 1
    assert daemon.stop() == 0


def test_the_limit_of_a_job_in_the_worker_s_own_process(daemon: Daemon, busy: Busy):
    """At the limit its stack comes into the log, and not sooner."""
    config = "stop_timeout(0.5)\n" + NO_FORK + "worker('q', interval=0.1, timeout=5)\n"
    worker = busy("Sleep", config)
    wait_for(daemon, worker, "in sleep_long\n")

    daemon.wait_for_log(f"Worker {worker.pid} for q has had 'Sleep' for more than 5 s: SIGTERM")

    assert daemon.log.count(" in sleep_long\n") == 1
    assert daemon.stop(signal.SIGTERM) == 0


def test_what_a_job_has_forked(daemon: Daemon, busy: Busy):
    """It is shown below the job; a program that the job has started is not."""
    worker = busy("Parent")
    pid = job_pid(daemon)
    program = daemon.wait_for_title("sleep 600")[0]

    text = wait_for(daemon, worker, rf"below {pid}: .*\n(.*\n)* +File .*, line \d+ in fork_twice\n")

    assert len(re.findall("^Process ", text, re.MULTILINE)) == 2
    assert f"Process {program.pid}" not in text
    for each in daemon.tree().processes:  # they would outlive the job
        if each.ppid == pid:
            daemon.signal_process(each, signal.SIGKILL)
    assert daemon.stop(signal.SIGTERM) == 0


def test_a_process_that_stands_by(daemon: Daemon, busy: Busy):
    """It waits for its job, and says so in its title."""
    worker = busy("Sleep", "worker('q', interval=0.1, standby=True)\n")

    text = wait_for(
        daemon, worker, r"in sleep_long\n[^$]*Standing by\n|Standing by\n[^$]*in sleep_l"
    )

    assert len(re.findall("^Process ", text, re.MULTILINE)) == 2
    assert daemon.stop(signal.SIGTERM) == 0


def test_an_idle_worker_of_another_factory(daemon: Daemon):
    """It need not know of any of this; one below another generation's listener neither."""
    (worker,) = daemon.start_working("worker('a')\n", *PIDFILE, count=1).waiting

    done = look(daemon, worker)

    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.startswith(f"Worker {worker.pid}: resque-0: Waiting for a\nStack (most ")
    assert re.search(r'^  File ".*/jobs.py", line \d+ in _idle$', done.stdout, re.MULTILINE)
    assert daemon.stop() == 0


def test_json(daemon: Daemon, busy: Busy):
    """The same, for programs."""
    worker = busy("Sleep")
    wait_for(daemon, worker, "in sleep_long\n")

    done = look(daemon, worker, "--json")

    assert (done.stderr, done.returncode) == ("", 0)
    content: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    first, second = content["processes"]
    assert (first["pid"], first["parent"], first["problem"]) == (worker.pid, None, None)
    assert (second["pid"], second["parent"]) == (job_pid(daemon), worker.pid)
    assert second["title"].endswith("[Sleep]")
    assert " in sleep_long\n" in second["stacks"]
    assert daemon.stop(signal.SIGTERM) == 0


def test_a_stopped_worker(daemon: Daemon, busy: Busy):
    """It is said at once that it is stopped; its job is shown all the same."""
    worker = busy("Sleep")
    wait_for(daemon, worker, "in sleep_long\n")
    daemon.signal_process(worker, signal.SIGSTOP)
    daemon.wait_until(lambda: " T " in state(worker), "the stop")

    done = look(daemon, worker)

    problem = "is stopped (by SIGSTOP, or by a debugger), and answers when it goes on"
    assert done.stderr == f"resqued stacks: worker {worker.pid} {problem}\n"
    assert done.returncode == 1
    assert done.stdout.splitlines()[1] == f"  (not known: it {problem})"
    assert " in sleep_long\n" in done.stdout
    shown = json.loads(look(daemon, worker, "--json").stdout)["processes"]
    assert [each["problem"] for each in shown] == [problem, None]
    assert shown[0]["stacks"] is None
    daemon.signal_process(worker, signal.SIGCONT)
    wait_for(daemon, worker, "in sleep_long\n")
    assert daemon.stop(signal.SIGTERM) == 0


def state(process: Process) -> str:
    """Return what stands behind a process's name in its stat file."""
    with open(f"/proc/{process.pid}/stat") as file:
        return file.read().rpartition(")")[2]


def test_a_job_that_has_closed_everything(daemon: Daemon, busy: Busy):
    """It is said why nothing is known of it; its worker is shown."""
    worker = busy("Tidy")

    done = look(daemon, worker)

    problem = "does not answer: it has closed the file that it would answer in"
    assert done.stderr == f"resqued stacks: process {job_pid(daemon)} {problem}\n"
    assert done.returncode == 1
    assert done.stdout.startswith(f"Worker {worker.pid}: ")
    assert daemon.stop(signal.SIGTERM) == 0


def test_looks_while_jobs_come_and_go(daemon: Daemon, busy: Busy, client: Resque):
    """Each ends in the middle of one, or nearly so; nothing fails, and no job is disturbed."""
    worker = busy("Until", "worker('q', interval=0.1)\n", "done0")
    for number in range(1, 20):
        client.enqueue_to("q", "Until", f"done{number}")
    for number in range(20):
        daemon.wait_until(lambda n=number: daemon.read("begun").count("\n") == n + 1, "the job")
        daemon.write(f"done{number}", "")

        done = look(daemon, worker)

        assert (done.stderr, done.returncode) == ("", 0)
        assert " in run_worker\n" in done.stdout
    daemon.wait_for_workers(1)
    assert client.failure_count() == 0
    assert daemon.stop() == 0


@pytest.fixture
def own_server() -> Iterator[ValkeyServer]:
    """A server that a test may end."""
    with ValkeyServer() as server:
        yield server


def test_neither_listener_nor_server_is_needed(daemon: Daemon, own_server: ValkeyServer):
    """The one is stopped, the other gone."""
    daemon.write("app.py", JOBS)
    with client_of(own_server.url) as client:
        client.enqueue_to("q", "Sleep")
    environment = {"REDIS_URL": own_server.url}
    daemon.start(LOAD + "worker('q', interval=0.1)\n", *PIDFILE, environment=environment)
    daemon.wait_until(lambda: daemon.read("begun"), "the job")
    own_server.stop()
    (worker,) = daemon.tree().workers
    (listener,) = daemon.tree().listeners
    daemon.signal_process(listener, signal.SIGSTOP)
    daemon.wait_until(lambda: " T " in state(listener), "the stop")

    wait_for(daemon, worker, "in sleep_long\n")

    daemon.signal_process(listener, signal.SIGCONT)
    own_server.start()
    assert daemon.stop(signal.SIGTERM) == 0


def test_a_worker_whose_listener_is_dead(daemon: Daemon, busy: Busy):
    """It belongs to the pool as before."""
    worker = busy("Sleep")
    (listener,) = daemon.tree().listeners
    daemon.signal_process(listener, signal.SIGKILL)
    daemon.wait_until(lambda: not listener.is_there, "its end")

    wait_for(daemon, worker, "in sleep_long\n")

    assert daemon.stop(signal.SIGTERM) == 0


def test_a_canary_that_hangs(daemon: Daemon):
    """Why a generation does not come up is seen before its time is over."""
    hang = "import signal\n@after_fork\ndef hang(worker): signal.sigwait({signal.SIGUSR1})\n"
    daemon.start(WORKERS + hang + "worker('a')\n", *PIDFILE)
    (canary,) = daemon.wait_for_title(r"resqued-\S+ canary")

    text = wait_for(daemon, canary, " in hang\n")

    assert text.startswith(f"Worker {canary.pid}: resqued-")
    assert daemon.stop(signal.SIGTERM) == 0


def test_a_worker_that_has_changed_its_user(daemon: Daemon):
    """Root may look at it; whoever may not is told (integration)."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    become = "import os\nfrom jobs import Worker\nclass Changed(Worker):\n"
    become += "    def _idle(self):\n        os.setuid(65533)\n        super()._idle()\n"
    daemon.start(become + "worker_factory(Changed)\nworker('a')\n", *PIDFILE)
    (worker,) = daemon.wait_for_workers(1).waiting

    wait_for(daemon, worker, " in _idle\n")

    assert daemon.stop() == 0


def test_what_the_application_names_is_escaped(daemon: Daemon):
    """Nothing moves the cursor; in JSON nothing is lost."""
    title = "import setproctitle\nfrom jobs import Worker\nclass Bold(Worker):\n"
    title += "    def _show_waiting(self): setproctitle.setproctitle('resque-0: \\x1b[2J')\n"
    daemon.start(title + "worker_factory(Bold)\nworker('a')\n", *PIDFILE)
    (worker,) = daemon.wait_for_title("resque-0: \x1b")

    done = look(daemon, worker)

    assert done.stdout.startswith(f"Worker {worker.pid}: resque-0: \\x1b[2J\nStack (most ")
    shown = json.loads(look(daemon, worker, "--json").stdout)["processes"]
    assert shown[0]["title"] == "resque-0: \x1b[2J"
    assert daemon.stop() == 0


def test_who_is_no_worker_of_the_pool(daemon: Daemon):
    """Neither the master, nor its listener, nor a stranger, nor one that is gone; exit 1."""
    before = daemon.start_working("worker('a')\n", *PIDFILE, count=1)
    (worker,) = before.waiting
    daemon.run("restart", str(worker.pid), *PIDFILE)
    daemon.wait_until(lambda: not worker.is_there, "the worker's end")
    daemon.wait_for_workers(1)

    pids = [daemon.pid, daemon.tree().listeners[0].pid, os.getpid(), worker.pid, 2**31 - 1]
    for pid in pids:
        done = daemon.run("stacks", str(pid), *PIDFILE)
        assert done.stderr == f"resqued stacks: no worker has pid {pid}\n"
        assert (done.stdout, done.returncode) == ("", 1)
    assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["x"], "WORKER must be the pid of a worker, not 'x'"),
        (["0"], "WORKER must be the pid of a worker, not '0'"),
        (["-1"], "option -1 not recognized"),
        (["2147483648"], "WORKER must be the pid of a worker, not '2147483648'"),
        (["9" * 5000], f"WORKER must be the pid of a worker, not '{'9' * 199}"),
        ([], "an argument is missing; --help says which"),
        (["1", "2"], "'2' is one argument too many"),
        (["1", "--now"], "option --now not recognized"),
    ],
)
def test_wrong_usage(daemon: Daemon, words: list[str], complaint: str):
    """One line, exit 2, and nobody is asked."""
    done = daemon.run("stacks", *words, "--control=gone")

    assert done.stderr == f"resqued stacks: {complaint}\n"
    assert (done.stdout, done.returncode) == ("", 2)


def test_no_pool_runs(daemon: Daemon):
    """Whether there is a process with that pid or not; exit 3."""
    for pid in (os.getpid(), 2**31 - 1):
        done = daemon.run("stacks", str(pid), "--control=gone")
        text = "no resqued runs at control socket gone: No such file or directory"
        assert done.stderr == f"resqued stacks: {text}\n"
        assert (done.stdout, done.returncode) == ("", 3)


def test_help(daemon: Daemon):
    """Usage, options and what the exit status means, in a terminal's width."""
    done = daemon.run("stacks", "--help")

    assert done.returncode == 0
    assert done.stdout.startswith("Usage: resqued stacks WORKER [options]\n")
    for part in ("--json", "--control SOCKET", "\nExit status: 0 "):
        assert part in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines())
