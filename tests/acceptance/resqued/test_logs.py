import json
import pathlib
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.client import client_of
from tests.support.daemon import WORKERS, Daemon
from tests.support.server import ValkeyServer

LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} \[\d+\] (DEBUG|INFO|WARNING|ERROR) \S+: ."
)


def test_every_line_has_time_pid_level_and_logger(daemon: Daemon):
    """From start to end, on standard output, in order of time."""
    daemon.start_working("worker('a')\n", count=1)
    daemon.stop()

    lines = daemon.log.splitlines()
    assert len(lines) > 5
    assert [line for line in lines if not LINE.match(line)] == []
    times = [line[:26] for line in lines]
    # Each process stamps its own lines; they reach the file within moments of each other.
    assert times[0] == min(times)
    pids = {int(pid) for pid in re.findall(r"\[(\d+)\]", daemon.log)}
    assert daemon.pid in pids
    assert len(pids) >= 2


@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_lines_follow_a_rotated_log_file(daemon: Daemon, how: str):
    """Master, listener and a worker that lives on write to the new file from the next line on."""
    daemon.start(
        WORKERS
        + """
import logging, os, signal
class Reporter(Worker):
    def _reporter(self):
        while True:
            number = signal.sigwait({signal.SIGQUIT, signal.SIGUSR1})
            if number == signal.SIGQUIT:
                return
            logging.getLogger("app").warning("from the application")
            print("and printed", flush=True)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
worker_factory(Reporter)
worker("reporter"); worker("a")
""",
        "-l",
        "resqued.log",
    )
    tree = daemon.wait_for_workers(2)
    assert daemon.log == ""
    log = daemon.folder / "resqued.log"
    # A worker's title may say that it waits for jobs a moment before the listener's line does.
    daemon.wait_until(lambda: log.read_text().count(" works") == 2, "both workers' lines")
    before = log.read_text()
    if how == "moved":
        log.rename(daemon.folder / "resqued.log.1")
    else:
        log.unlink()

    reporter = next(w for w in tree.workers if "reporter" in w.title)
    other = next(w for w in tree.workers if "reporter" not in w.title)
    daemon.signal_process(reporter, signal.SIGUSR1)
    daemon.wait_until(lambda: "and printed" in daemon.read("resqued.log"), "the worker's lines")
    daemon.signal_process(other, signal.SIGKILL)
    daemon.wait_until(lambda: "next start" in daemon.read("resqued.log"), "the listener's line")
    daemon.stop()

    after = log.read_text()
    assert re.search(rf"\[{reporter.pid}\] WARNING app: from the application\nand printed\n", after)
    assert re.search(rf"\[{daemon.pid}\] INFO \S+: resqued ends\n$", after)
    if how == "moved":
        assert (daemon.folder / "resqued.log.1").read_text() == before


def test_what_is_printed_stands_between_the_log_lines(daemon: Daemon):
    """Also where standard output is no terminal: not when a buffer is full, but at once."""
    daemon.start(
        WORKERS
        + """
print("read")
@before_fork
def load(): print("loaded")
@after_exit
def report(): print("reported")
worker("talkative")
"""
    )
    daemon.wait_for_workers(1)
    daemon.stop()

    wanted = r"^read$|^loaded$|^reported$|^printed by the worker$|works$|resqued ends$"
    order = re.findall(wanted, daemon.log, re.MULTILINE)
    # The worker is let through and prints before or after its listener says so.
    assert sorted(order[2:4]) == ["printed by the worker", "works"]
    assert order[:2] + order[4:] == ["read", "loaded", "reported", "resqued ends"]


# --- for programs

#: Workers of every kind: one that waits, one that fails when it works, one that cannot start.
TROUBLED = """
import logging
@before_fork
def load(): logging.getLogger("app").warning("loaded", extra={"event": "app_loaded", "size": 3})
@after_fork
def connect(worker):
    if worker.queues == ["unable"]:
        raise ValueError("no way")
worker("a"); worker("raising"); worker("unable")
"""


def objects(daemon: Daemon, name: str) -> list[dict[str, Any]]:
    """Return the log's lines, of which each must be an object."""
    return [json.loads(line) for line in daemon.read(name).splitlines()]


def has(daemon: Daemon, name: str, **fields: object) -> Callable[[], list[dict[str, Any]]]:
    """Return a condition: that there are lines with these fields, which it returns."""

    def found() -> list[dict[str, Any]]:
        whole = daemon.read(name).rpartition("\n")[0].splitlines()
        lines = [json.loads(line) for line in whole]
        return [line for line in lines if all(line.get(k) == v for k, v in fields.items())]

    return found


def test_json_of_all_processes(daemon: Daemon):
    """Every line is an object, of master, listener and workers, and says whom it is about."""
    daemon.start(WORKERS + TROUBLED, "--log-format", "json", "-l", "resqued.log")
    (died, *_) = daemon.wait_until(
        has(daemon, "resqued.log", event="uncaught_exception"), "a death"
    )
    (failed, *_) = daemon.wait_until(
        has(daemon, "resqued.log", logger="resqued.worker.child"), "a failed start"
    )
    (app,) = has(daemon, "resqued.log", event="app_loaded")()
    daemon.stop()

    assert daemon.log == ""
    lines = objects(daemon, "resqued.log")
    (listener,) = {line["pid"] for line in lines if line["logger"] == "resqued.listener.workers"}
    assert {line["pid"] for line in lines if "master" in line["logger"]} == {daemon.pid}
    assert (app["pid"], app["generation"], app["size"]) == (listener, 1, 3)
    assert "worker" not in app
    for line, error in ((died, "RuntimeError: no work today"), (failed, "ValueError: no way")):
        assert line["worker"] == line["pid"] not in (listener, daemon.pid)
        assert line["generation"] == 1
        assert line["traceback"].splitlines()[-1] == error
    for pid in (daemon.pid, listener):
        times = [line["time"] for line in lines if line["pid"] == pid]
        assert times == sorted(times)
        assert len(times) > 1


def test_json_of_the_processes_of_jobs(daemon: Daemon, clean_valkey: ValkeyServer):
    """They have pids of their own, and say whose job it is."""
    daemon.write(
        "myapp.py",
        "import resque\n@resque.job(queue='q', name='Fails')\n"
        "def fails():\n    raise ValueError('no\\nluck')\n",
    )
    daemon.start(
        "@before_fork\ndef load(): import myapp\nworker('q', interval=0.1)\n",
        *("--log-format", "json", "-l", "resqued.log"),
        environment={"REDIS_URL": clean_valkey.url},
    )
    (worker,) = daemon.wait_until(
        lambda: daemon.tree().titled(r"resque-\S+ Waiting for q"), "an idle worker"
    )
    with client_of(clean_valkey.url) as client:
        client.enqueue_to("q", "Fails")

    (line,) = daemon.wait_until(
        has(daemon, "resqued.log", logger="resque.worker.performing"), "the failure"
    )

    assert (line["worker"], line["generation"]) == (worker.pid, 1)
    assert line["pid"] != worker.pid
    assert line["message"] == "Job Fails failed: ValueError: no\nluck"
    daemon.stop()
    assert objects(daemon, "resqued.log")


def test_json_stays_json_when_the_master_is_replaced(daemon: Daemon):
    """Of the new master, of its probe, and of the next listener; in the background as well."""
    daemon.install()
    daemon.write("resqued.py", WORKERS + "worker('a')\n")
    done = daemon.run(
        *("-D", "-p", "resqued.pid", "-l", "run.log", "--log-format", "json", "resqued.py")
    )
    assert (done.returncode, done.stderr) == (0, "")
    daemon.adopt("resqued.pid")
    daemon.wait_for_workers(1)
    daemon.publish("9.8.7")

    daemon.signal(signal.SIGUSR1)

    daemon.wait_until(
        has(daemon, "run.log", message="Generation 2 has taken over"), "the new generation"
    )
    (resumed,) = has(daemon, "run.log", message="resqued 9.8.7 has taken over from itself")()
    assert resumed["pid"] == daemon.pid
    daemon.signal(signal.SIGQUIT)
    daemon.wait_until_gone()
    lines = objects(daemon, "run.log")
    assert {line.get("generation") for line in lines} >= {1, 2}


@pytest.mark.parametrize("how", [(), ("--log-format", "json")])
def test_the_journal_gets_priorities(daemon: Daemon, how: tuple[str, ...]):
    """Of all processes; what is printed has none. The output stands in for systemd's stream."""
    daemon.output.touch()
    status = daemon.output.stat()
    daemon.write("resqued.py", WORKERS + "print('read')\nworker('raising')\n")
    daemon.start(
        None,
        *how,
        "resqued.py",
        environment={"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"},
    )
    daemon.wait_for_log("<4>.* next start in")
    daemon.signal(signal.SIGUSR1)
    daemon.wait_for_log("<6>.*has taken over from itself")
    daemon.wait_for_log("<6>.*Listener #2 .* runs")

    daemon.stop()

    lines = daemon.log.splitlines()
    assert {line for line in lines if line.startswith("read")} == {"read"}
    assert [line for line in lines if line.startswith("20")] == []
    assert re.search("^<6>.*resqued ends", daemon.log, re.MULTILINE)


def test_a_worker_can_be_followed_by_generation_and_pid(daemon: Daemon):
    """From its start to its end; every event of a pool's life is one that the page has."""
    page = (pathlib.Path(__file__).parents[3] / "docs" / "logs.md").read_text()
    daemon.start(
        WORKERS + "worker('a')\nworker('b')\n", "--log-format", "json", "-l", "resqued.log"
    )
    before = {worker.pid for worker in daemon.wait_for_workers(2).workers}
    daemon.wait_until(lambda: len(started(daemon)) == 2, "two starts")
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(has(daemon, "resqued.log", event="generation_took_over"), "the reload")
    daemon.stop()

    lines = objects(daemon, "resqued.log")
    events = [line["event"] for line in lines]
    assert [event for event in events if f"| `{event}` |" not in page] == []
    assert events[0] == "master_started"
    assert events[-1] == "master_ended"
    for pid in before:
        life = [line for line in lines if line.get("worker") == pid]
        assert [line["event"] for line in life] == ["worker_started", "worker_ended"]
        assert [line["generation"] for line in life] == [1, 1]
        assert life[1]["expected"] is True
        assert life[1]["queues"] == life[0]["queues"]
    assert len(started(daemon)) == 4
    (taken,) = (line for line in lines if line["event"] == "generation_took_over")
    assert (taken["generation"], taken["pid"]) == (2, daemon.pid)


def started(daemon: Daemon) -> list[dict[str, Any]]:
    """Return the lines that say that a worker works."""
    return has(daemon, "resqued.log", event="worker_started")()
