"""Health and metrics over HTTP, of a real pool."""

import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from resque.client import Resque
from resque.registry import Registry
from resque.store.server import connect
from resqued.health.server import MAX_CLIENTS
from tests.support.control import ask
from tests.support.daemon import Daemon
from tests.support.processes import Process
from tests.support.server import ValkeyServer

ANY_PORT = ("--http", "0", "-p", "a.pid")
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
LACKING = "it has not got the descriptors that were named:"
JOBS = """
import os, signal, time, resque

@resque.job(queue="q", name="Do")
def do(what):
    if what == "fail":
        raise RuntimeError("as asked")
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang":
        time.sleep(60)
    if what == "double" and os.fork():
        os.wait()
        raise RuntimeError("after what it has forked")
"""


class Site:
    """The pages of a daemon."""

    def __init__(self, daemon: Daemon) -> None:
        """Wait until it serves them."""
        pattern = re.compile(r"Health is served at http://127\.0\.0\.1:(\d+)/")
        self.daemon = daemon
        found = daemon.wait_until(lambda: pattern.search(daemon.log), "the health's address")
        self.port = int(found[1])

    def get(self, path: str, accept: str = "*/*", method: str = "GET") -> tuple[int, str]:
        """Return status and text of a page."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as client:
            client.request(method, path, headers={"Accept": accept})
            answer = client.getresponse()
            return answer.status, answer.read().decode()

    def wait_for(self, path: str, status: int, text: str = "") -> None:
        """Wait until a page has that status, and that in its text."""

        def is_there() -> bool:
            found, body = self.get(path)
            return found == status and text in body

        self.daemon.wait_until(is_there, f"{path} with {status} {text}")

    def metrics(self) -> dict[tuple[str, ...], float]:
        """Return each sample's value, by its name and the values of its labels, sorted by name."""
        status, text = self.get("/metrics")
        assert status == 200, text
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def wait_for_metric(self, *sample: str, value: float) -> None:
        """Wait until a sample has that value."""
        self.daemon.wait_until(
            lambda: self.metrics().get(sample) == value, f"{sample} with {value}"
        )

    @property
    def process(self) -> Process | None:
        """The process that serves."""
        found = self.daemon.tree().titled(r"resqued-\S+ health ")
        return found[0] if found else None


@pytest.fixture
def client(valkey: ValkeyServer, namespace: str) -> Iterator[Resque]:
    """Enqueue jobs into a namespace of the test's own."""
    own = Resque(connect(valkey.url), Registry(), namespace)
    yield own
    own.close()


def start_default(daemon: Daemon, url: str, namespace: str, workers: str) -> Site:
    """Start a pool of default workers that perform ``JOBS``."""
    daemon.write("myapp.py", JOBS)
    connecting = f"import myapp, resque\nresque.connect({url!r}, {namespace!r})\n"
    daemon.start(f"{connecting}{workers}\n", *ANY_PORT)
    return Site(daemon)


# --- probes


def test_a_working_pool(daemon: Daemon):
    """It lives, is ready, has started; other pages and other methods are refused in a line."""
    daemon.start_working("worker_pool(2, 'a')\n", *ANY_PORT, count=2)
    site = Site(daemon)
    site.wait_for("/readyz", 200, "2 of 2 workers are there")
    assert site.get("/livez") == (200, "the master turns\n")
    assert site.get("/livez?verbose", method="HEAD") == (200, "")
    assert site.get("/startupz") == (200, "a generation has proved itself\n")
    status, text = site.get("/nothing")
    assert (status, text.count("\n")) == (404, 1)
    assert "/livez, /readyz, /startupz, /metrics" in text
    assert site.get("/livez", method="POST")[0] == 501
    assert daemon.stop() == 0


def test_a_probe_takes_a_moment(daemon: Daemon):
    """20 ms at most; the median of many, as the machine may be busy."""
    daemon.start_working("worker_pool(2, 'a')\n", *ANY_PORT, count=2)
    site = Site(daemon)
    site.wait_for("/readyz", 200)
    took = []
    for _ in range(30):
        began = time.monotonic()
        assert site.get("/readyz")[0] == 200
        took.append(time.monotonic() - began)
    assert statistics.median(took) < 0.02
    assert daemon.stop() == 0


def test_a_pool_that_has_not_started_yet(daemon: Daemon):
    """It lives, and is not ready, while its application loads."""
    daemon.write("wait", "")
    daemon.start(
        "import os, time\n@before_fork\ndef load():\n"
        "    while os.path.exists('wait'):\n        time.sleep(0.01)\n"
        "from jobs import Worker\nworker_factory(Worker)\nworker('a')\n",
        *ANY_PORT,
    )
    site = Site(daemon)
    site.wait_for("/livez", 200)
    assert site.get("/readyz") == (503, "no generation works\n")
    assert site.get("/startupz") == (503, "no generation has proved itself yet\n")
    (daemon.folder / "wait").unlink()
    site.wait_for("/startupz", 200)
    site.wait_for("/readyz", 200, "1 of 1")
    assert daemon.stop() == 0


def test_a_paused_pool_is_not_ready(daemon: Daemon):
    """But it lives, and has started; resumed, it is ready again."""
    daemon.start_working("worker('a')\n", *ANY_PORT, count=1)
    site = Site(daemon)
    site.wait_for("/readyz", 200)
    assert site.get("/startupz")[0] == 200
    daemon.signal(signal.SIGUSR2)
    site.wait_for("/readyz", 503, "the pool is paused")
    daemon.wait_until(lambda: not daemon.tree().listeners, "no listener")
    assert (site.get("/livez")[0], site.get("/startupz")[0]) == (200, 200)
    daemon.signal(signal.SIGCONT)
    site.wait_for("/readyz", 200)
    assert daemon.stop() == 0


def test_too_few_workers_are_not_ready(daemon: Daemon):
    """A pool whose workers cannot start lives all the same."""
    daemon.start_working(
        "import os\n"
        "@after_fork\ndef fail():\n    if os.path.exists('broken'):\n        raise RuntimeError\n"
        "worker_pool(2, 'a')\n",
        *ANY_PORT,
        count=2,
    )
    site = Site(daemon)
    site.wait_for("/readyz", 200, "2 of 2")
    daemon.write("broken", "")
    for worker in daemon.tree().workers:
        os.kill(worker.pid, signal.SIGKILL)
    site.wait_for("/readyz", 503, "0 of 2 workers are there")
    assert site.get("/livez")[0] == 200
    assert daemon.stop() == 0


def test_a_master_that_hangs_does_not_live(daemon: Daemon):
    """The probe says so within a second or so, and that it is back as soon as it is."""
    daemon.start_working("worker('a')\n", *ANY_PORT, count=1)
    site = Site(daemon)
    site.wait_for("/livez", 200)
    daemon.signal(signal.SIGSTOP)
    try:
        status, text = site.get("/livez")
        assert (status, "does not answer in time" in text) == (503, True)
        assert set(site.metrics()) == {("resqued_up",), ("resqued_scrape_seconds",)}
    finally:
        daemon.signal(signal.SIGCONT)
    site.wait_for("/livez", 200)
    assert daemon.stop() == 0


def test_a_control_socket_that_was_deleted(daemon: Daemon):
    """Until the master has made it anew, nothing is known; then the pool lives again."""
    daemon.start_working("worker('a')\n", *ANY_PORT, count=1)
    site = Site(daemon)
    site.wait_for("/livez", 200)
    (daemon.folder / "a.sock").unlink()
    site.wait_for("/livez", 200)
    assert site.metrics()[("resqued_up",)] == 1
    assert daemon.run("status", "-p", "a.pid").returncode == 0
    assert daemon.stop() == 0


# --- the process


def test_its_process_is_replaced_and_refuses_nobody(daemon: Daemon):
    """Killed, or with its master (USR1): who connects meanwhile waits a little."""
    daemon.start_working("worker('a')\n", *ANY_PORT, count=1)
    site = Site(daemon)
    site.wait_for("/livez", 200)
    former = site.process
    assert former is not None
    os.kill(former.pid, signal.SIGKILL)
    assert site.get("/livez")[0] == 200
    assert "The process that serves health" in daemon.log
    second = daemon.wait_until(lambda: site.process, "another process")
    daemon.signal(signal.SIGUSR1)
    daemon.wait_until(lambda: "has taken over from itself" in daemon.log, "the new master")
    assert site.get("/livez")[0] == 200
    daemon.wait_until(lambda: site.process not in (None, second), "a process of its own")
    site.wait_for("/readyz", 200)
    assert daemon.stop() == 0


def is_free(port: int) -> bool:
    """Whether somebody may listen there."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def test_it_ends_with_its_master(daemon: Daemon):
    """However that goes; the port is free then."""
    daemon.start_working("worker('a')\n", *ANY_PORT, count=1)
    site = Site(daemon)
    site.wait_for("/livez", 200)
    daemon.signal(signal.SIGKILL)
    daemon.wait_until(lambda: not daemon.tree().processes, "the end of all")
    # Another process's connection may have this port for a moment, as its own end.
    daemon.wait_until(lambda: is_free(site.port), "the port")


def test_many_clients_that_say_nothing(daemon: Daemon):
    """They make room, the oldest first: a probe is answered at once."""
    daemon.start_working("worker('a')\n", *ANY_PORT, count=1)
    site = Site(daemon)
    site.wait_for("/livez", 200)
    with ExitStack() as stack:
        for number in range(3 * MAX_CLIENTS):
            silent = stack.enter_context(socket.create_connection(("127.0.0.1", site.port)))
            silent.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * number)
        assert site.get("/livez")[0] == 200
    assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("nowhere", "option --http: HOST:PORT needs a port from 0 to 65535, not 'nowhere'"),
        ("127.0.0.1:x", "option --http: HOST:PORT needs a port from 0 to 65535, not '127.0.0.1:x'"),
        ("::1:80", "option --http: an IPv6 host stands in brackets: [::1]:9100, not '::1:80'"),
    ],
)
def test_a_place_that_is_none(daemon: Daemon, place: str, error: str):
    """Wrong usage, before anything is started."""
    daemon.write("resqued.py", "worker('a')\n")
    done = daemon.run("--http", place, "resqued.py")
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"resqued: {error}")


def test_a_port_that_is_taken(daemon: Daemon):
    """One line, and nothing was started."""
    daemon.write("resqued.py", "worker('a')\n")
    with socket.create_server(("127.0.0.1", 0)) as other:
        place = f"127.0.0.1:{other.getsockname()[1]}"
        done = daemon.run("--http", place, "resqued.py")
    assert done.returncode == 1
    assert done.stderr == f"cannot serve health at {place}: Address already in use\n"


# --- metrics


@pytest.mark.parametrize(
    "limits",
    ["", ", jobs_per_fork=5", ", standby=True", ", jobs_per_fork=3, standby=True"],
)
def test_every_job_is_counted(
    daemon: Daemon, valkey: ValkeyServer, client: Resque, namespace: str, limits: str
):
    """By queue, class and outcome, with its time; however jobs get their processes."""
    site = start_default(daemon, valkey.url, namespace, f"worker_pool(2, 'q'{limits})")
    for number in range(20):
        client.enqueue_to("q", "Do", ("do", "do", "fail", "do", "die")[number % 5])
    site.wait_for_metric("resqued_jobs_total", "Do", "performed", "q", value=12)
    site.wait_for_metric("resqued_jobs_total", "Do", "failed", "q", value=4)
    site.wait_for_metric("resqued_jobs_total", "Do", "cut_off", "q", value=4)
    site.wait_for_metric("resqued_job_seconds_count", "Do", "q", value=20)
    found = site.metrics()
    assert found["resqued_job_seconds_bucket", "Do", "+Inf", "q"] == 20
    assert 0 < found["resqued_job_seconds_sum", "Do", "q"] < 20
    site.wait_for_metric("resqued_failure_records", value=8)
    assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("what", "outcome"),
    [("hang", "cut_off"), ("double", "failed")],
)
def test_a_later_job_of_a_process_is_counted_by_what_has_become_of_it(
    daemon: Daemon, valkey: ValkeyServer, client: Resque, namespace: str, what: str, outcome: str
):
    """As the first is: neither one whose time is over, nor one that has forked, is done by that."""
    for each in ("do", what, "do"):
        client.enqueue_to("q", "Do", each)
    limits = "timeout=1, jobs_per_fork=9"
    site = start_default(daemon, valkey.url, namespace, f"worker('q', {limits})")
    site.wait_for_metric("resqued_job_seconds_count", "Do", "q", value=3)
    assert site.metrics()["resqued_jobs_total", "Do", outcome, "q"] == 1
    assert site.metrics()["resqued_jobs_total", "Do", "performed", "q"] == 2
    assert site.metrics()["resqued_failure_records",] == 1
    assert daemon.stop() == 0


def test_jobs_in_the_workers_own_process_are_counted(
    daemon: Daemon, valkey: ValkeyServer, client: Resque, namespace: str
):
    """Also the one that takes its worker along."""
    hook = "@after_fork\ndef here(worker):\n    worker.fork_per_job = False\n"
    site = start_default(daemon, valkey.url, namespace, f"{hook}worker_pool(2, 'q')")
    for what in ("do", "fail", "do", "die"):
        client.enqueue_to("q", "Do", what)
    site.wait_for_metric("resqued_jobs_total", "Do", "performed", "q", value=2)
    site.wait_for_metric("resqued_jobs_total", "Do", "failed", "q", value=1)
    site.wait_for_metric("resqued_jobs_total", "Do", "cut_off", "q", value=1)
    site.wait_for_metric("resqued_worker_ends_total", "killed", value=1)
    assert daemon.stop() == 0


def test_counts_outlive_workers_listeners_and_the_master(
    daemon: Daemon, valkey: ValkeyServer, client: Resque, namespace: str
):
    """Over a reload, a pause and a re-exec they go on growing from where they were."""
    site = start_default(daemon, valkey.url, namespace, "worker_pool(2, 'q')")
    client.enqueue_to("q", "Do", "do")
    site.wait_for_metric("resqued_jobs_total", "Do", "performed", "q", value=1)
    reload_and_wait(daemon)
    client.enqueue_to("q", "Do", "do")
    site.wait_for_metric("resqued_jobs_total", "Do", "performed", "q", value=2)
    site.wait_for_metric("resqued_reload_seconds_count", "done", value=1)
    site.wait_for_metric("resqued_worker_ends_total", "told", value=2)
    daemon.signal(signal.SIGUSR1)
    site.wait_for_metric("resqued_reload_seconds_count", "done", value=2)
    site.wait_for_metric("resqued_worker_ends_total", "told", value=4)
    daemon.signal(signal.SIGUSR2)
    daemon.wait_until(lambda: not daemon.tree().listeners, "no listener")
    found = site.metrics()
    assert found["resqued_jobs_total", "Do", "performed", "q"] == 2
    assert found["resqued_worker_ends_total", "told"] == 6
    assert found["resqued_mode", "paused"] == 1
    assert daemon.stop() == 0


def test_queues_are_looked_at_where_the_workers_look(
    daemon: Daemon, valkey: ValkeyServer, client: Resque, namespace: str
):
    """Depth, and for how long at least the first job has waited."""
    client.push("waits", {"class": "Nobody", "args": []})
    client.push("waits", {"class": "Nobody", "args": []})
    site = start_default(daemon, valkey.url, namespace, "worker('q')")
    site.wait_for_metric("resqued_queue_jobs", "waits", value=2)
    aged = ("resqued_queue_oldest_seconds", "waits")
    daemon.wait_until(lambda: site.metrics()[aged] > 0.05, "an age")
    client.pop("waits")
    site.wait_for_metric("resqued_queue_jobs", "waits", value=1)
    assert daemon.stop() == 0


def test_queues_are_looked_at_while_the_pool_is_paused(
    daemon: Daemon, valkey: ValkeyServer, client: Resque, namespace: str
):
    """Where the workers have looked, of which none is there any more; ages go on."""
    client.push("waits", {"class": "Nobody", "args": []})
    site = start_default(daemon, valkey.url, namespace, "worker('q')")
    site.wait_for_metric("resqued_queue_jobs", "waits", value=1)
    age = site.metrics()["resqued_queue_oldest_seconds", "waits"]
    daemon.signal(signal.SIGUSR2)
    daemon.wait_until(lambda: not daemon.tree().listeners, "no listener")
    found = site.metrics()
    assert found["resqued_mode", "paused"] == 1
    assert found["resqued_queue_jobs", "waits"] == 1
    assert found["resqued_queue_oldest_seconds", "waits"] > age
    assert daemon.stop() == 0


def test_the_server_may_be_away(daemon: Daemon, namespace: str):
    """All that the master knows is there, and the probes are well; then the queues come back."""
    with ValkeyServer() as server:
        site = start_default(daemon, server.url, namespace, "worker_pool(2, 'q')")
        site.wait_for_metric("resqued_server_up", value=1)
        site.wait_for("/readyz", 200)
        server.stop()
        found = site.metrics()
        assert found["resqued_server_up",] == 0
        assert found["resqued_up",] == 1
        assert found["resqued_workers_configured",] == 2
        assert found["resqued_private_memory_bytes", "worker"] > 0
        assert not [name for name in found if name[0] == "resqued_queue_jobs"]
        assert site.get("/livez")[0] == site.get("/readyz")[0] == 200
        server.start()
        site.wait_for_metric("resqued_server_up", value=1)
        assert daemon.stop() == 0


def test_what_is_accepted_decides_the_format(daemon: Daemon):
    """Prometheus's own text, or OpenMetrics, each read by the parser of its own."""
    daemon.start_working("worker('a')\n", *ANY_PORT, count=1)
    site = Site(daemon)
    site.wait_for_metric("resqued_generation", value=1)
    status, text = site.get("/metrics", accept=OPENMETRICS)
    assert (status, text.endswith("# EOF\n")) == (200, True)
    names = {family.name for family in openmetrics.text_string_to_metric_families(text)}
    assert {"resqued_up", "resqued_workers", "resqued_jobs", "resqued_job_seconds"} <= names
    assert daemon.stop() == 0


def test_names_of_jobs_may_be_anything(
    daemon: Daemon, valkey: ValkeyServer, client: Resque, namespace: str
):
    """Who may push jobs cannot break the page."""
    nasty = ['"} 1\nresqued_up 7', "\\", "é" * 500, "\x1b[2J", "a\0b"]
    site = start_default(daemon, valkey.url, namespace, "worker('q')")
    for name in nasty:
        client.enqueue_to("q", name, 1)
    site.wait_for_metric("resqued_failure_records", value=len(nasty))
    found = site.metrics()
    assert found["resqued_up",] == 1
    assert sum(1 for name in found if name[0] == "resqued_job_seconds_count") == len(nasty)
    assert daemon.stop() == 0


def test_without_the_library_for_metrics(daemon: Daemon):
    """The page says what to install; the probes need nothing."""
    daemon.customize("resqued.health.pages", PATIENCE=5.0)
    place = "customized/sitecustomize.py"
    daemon.write(
        place, f"import sys\nsys.modules['prometheus_client'] = None\n{daemon.read(place)}"
    )
    daemon.start_working("worker('a')\n", *ANY_PORT, count=1)
    site = Site(daemon)
    site.wait_for("/readyz", 200)
    status, text = site.get("/metrics")
    assert (status, text.strip()) == (
        501,
        "Metrics need prometheus-client: pip install 'resqued[metrics]'",
    )
    assert daemon.stop() == 0


def test_figures_at_the_control_socket(
    daemon: Daemon, valkey: ValkeyServer, client: Resque, namespace: str
):
    """For whoever makes metrics of their own; only when asked for."""
    start_default(daemon, valkey.url, namespace, "worker('q')")
    client.enqueue_to("q", "Do", "fail")
    path = daemon.folder / "a.sock"

    def jobs() -> list[dict[str, Any]]:
        answer = ask(path, "status", figures=True)
        return answer["figures"]["jobs"]  # type: ignore[no-any-return]

    (tally,) = daemon.wait_until(jobs, "a job")
    assert (tally["queue"], tally["job"], tally["failed"]) == ("q", "Do", 1)
    answer = ask(path, "status", figures=True)
    assert len(tally["runs"]) == len(answer["figures"]["buckets"]) + 1
    assert "figures" not in ask(path, "status")
    wrong = ask(path, "status", figures=1)
    assert (wrong["code"], "figures" in wrong["error"]) == ("bad-argument", True)
    assert daemon.stop() == 0
    json.dumps(answer, allow_nan=False)


def reload_and_wait(daemon: Daemon) -> None:
    """Reload, and wait for the outcome."""
    done = daemon.run("reload", "--wait", "-p", "a.pid")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("5", "6", "a.sock"), "its one argument is a JSON object that a master makes"),
        (
            ('{"listening": 999, "lifeline": 0, "control": "a.sock"}',),
            f"{LACKING} [Errno 9] Bad file descriptor",
        ),
        (
            ('{"listening": 0, "lifeline": 0, "control": "a.sock"}',),
            f"{LACKING} [Errno 88] Socket operation on non-socket",
        ),
    ],
)
def test_the_program_by_hand(arguments: tuple[str, ...], reason: str):
    """It is none that anybody else than a master starts, which it says in one line; exit 2."""
    command = [sys.executable, "-m", "resqued.cli.health", *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
    )

    assert done.stderr == f"resqued.cli.health is started by a master only: {reason}\n"
    assert (done.stdout, done.returncode) == ("", 2)
