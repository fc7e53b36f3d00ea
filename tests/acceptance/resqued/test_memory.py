"""``resqued --test --memory`` and ``resqued memory PIDFILE``."""

import json
import pathlib
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.daemon import COMMAND, Daemon
from tests.support.server import ValkeyServer

MB = 2**20
PAGE = (pathlib.Path(__file__).parents[3] / "docs" / "config.md").read_text()
#: An application of 50 MB, loaded before any worker is forked.
LOADED = f"""
@before_fork
def load():
    global application
    application = bytearray(b"x") * (50 * {MB})
"""
#: The same, loaded by each worker for itself.
LOADED_LATE = LOADED.replace("before_fork", "after_fork")
#: Workers of which one has a child, as long as it works itself.
FORKING = """
import os, jobs, setproctitle, signal

class Worker(jobs.Worker):
    def _forking(self):
        if (pid := os.fork()) == 0:
            setproctitle.setproctitle("job of forking")
            signal.sigwait({signal.SIGTERM})
        self._idle()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

worker_factory(Worker)
"""
#: Notes that it is there, and waits for what never comes; another process of its own as well.
HANGING = """
import signal, subprocess
from jobs import note
@{hook}
def hang():
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    print("about to hang")
    note("hanging", "x")
    while True:
        signal.sigwait({{signal.SIGWINCH}})
worker_pool(2, "a")
"""


def show(daemon: Daemon, config: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Try a configuration out; nothing is left then."""
    daemon.write("resqued.py", config)
    done = daemon.run("--test", "--memory", *options, "resqued.py")
    assert daemon.tree().processes == ()
    return done


def roles(content: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the processes of a JSON document by what they are."""
    found: dict[str, list[dict[str, Any]]] = {}
    for process in content["processes"]:
        found.setdefault(process["role"], []).append(process)
    return found


# --- trying a configuration out


def test_workers_share_what_was_loaded_before_they_were_forked(daemon: Daemon):
    """It stands in the listener once, and in each worker's shared memory, not in its own."""
    done = show(daemon, LOADED + "worker_pool(3, 'a')\n", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    content = json.loads(done.stdout)
    (listener,), workers = roles(content)["listener"], roles(content)["worker"]
    assert [worker["name"] for worker in workers] == ["worker 1: a", "worker 2: a", "worker 3: a"]
    assert listener["rss"] >= 50 * MB
    for worker in workers:
        assert worker["shared"] >= 50 * MB
        assert worker["owned"] < 20 * MB
        assert worker["pss"] < 35 * MB
    assert content["workers"]["unshared"] - content["workers"]["taken_with_listeners"] >= 90 * MB


def test_workers_own_what_they_load_themselves(daemon: Daemon):
    """The same application, loaded too late to be shared: ``after_fork`` is measured as well."""
    content = json.loads(show(daemon, LOADED_LATE + "worker_pool(2, 'a')\n", "--json").stdout)

    for worker in roles(content)["worker"]:
        assert worker["owned"] >= 50 * MB
    (listener,) = roles(content)["listener"]
    assert listener["rss"] < 50 * MB


def test_the_table_comes_after_what_test_prints(daemon: Daemon):
    """A line for each process, then the sum, the median and what sharing saves."""
    done = show(daemon, LOADED + "worker('x')\nworker_pool(2, 'a', 'b')\n")

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:5] == ["Workers defined in resqued.py", "1: x", "2: a,b", "3: a,b", ""]
    assert lines[5].split() == ["MB", "PSS", "owned", "shared"]
    names = [re.sub(r"(  +[0-9]+\.[0-9]){3}$", "", line) for line in lines[6:-1]]
    assert names == [
        *("listener", "worker 1: x", "worker 2: a,b", "worker 3: a,b"),
        *("all 3 workers", "median worker"),
    ]
    assert re.fullmatch(
        r"If they shared nothing, the workers would own [\d.]+ MB; with their listener they take"
        r" [\d.]+ MB \(PSS\): sharing saves [\d.]+ MB\.",
        lines[-1],
    )


def test_the_example_in_the_documentation(daemon: Daemon):
    """It runs as it stands there, and shows what the page shows, the numbers aside."""
    section = PAGE.partition("\n## Memory\n")[2].partition("\n## ")[0]
    example = r"^```python\n(.*?)^```\n\n```\n(.*?)^```$"
    ((config, shown),) = re.findall(example, section, re.DOTALL | re.MULTILINE)

    done = show(daemon, config)

    assert (done.returncode, done.stderr) == (0, "")

    def words(text: str) -> list[str]:
        return re.sub(r"\d+\.\d", "#", text).split()

    assert words(done.stdout) == words(shown)


def test_nobody_works(daemon: Daemon, clean_valkey: ValkeyServer):
    """Default workers are built, and neither register nor take the job that waits."""
    url = f"redis://127.0.0.1:{clean_valkey.port}/0"
    python = str(pathlib.Path(COMMAND).with_name("python"))
    code = f"import resque; resque.connect('{url}').enqueue_to('a', 'Job')"
    assert daemon.execute(python, "-c", code).returncode == 0
    look = f"import resque; c = resque.connect('{url}'); print(c.size('a'), len(c.workers()))"
    daemon.write("resqued.py", "worker_pool(2, 'a', interval=0)\n")

    done = daemon.run("--test", "--memory", "resqued.py", environment={"REDIS_URL": url})

    assert done.returncode == 0, done.stderr
    assert daemon.execute(python, "-c", look).stdout == "1 0\n"


def test_what_the_application_prints_is_not_in_between(daemon: Daemon):
    """It goes to standard error, so that JSON stays JSON; warnings as well."""
    done = show(daemon, "before_fork(lambda: print('loading'))\n", "--json")

    assert [process["role"] for process in json.loads(done.stdout)["processes"]] == ["listener"]
    assert done.stderr == "resqued.py: no worker is defined\nloading\n"


@pytest.mark.parametrize(
    ("config", "listed", "complaint"),
    [
        ("worker('a', x=1)\n", "", "resqued.py:1: worker(x=1): no such option"),
        (
            "worker('a')\n@before_fork\ndef load():\n    import nowhere\n",
            "1: a\n",
            "resqued: before_fork failed: ModuleNotFoundError: No module named 'nowhere' (resq",
        ),
        (
            "worker('b', 'c')\n@after_fork\ndef connect():\n    raise OSError('no\\nway')\n",
            "1: b,c\n",
            "resqued: A worker for b,c cannot start: OSError: no (resqued.py:4)\n",
        ),
        (
            "import os\nworker('a')\nafter_fork(lambda: os._exit(3))\n",
            "1: a\n",
            "resqued: a worker for a ended too soon: exit status 3\n",
        ),
        (
            "import os\nos._exit(3)\n",
            "",
            "resqued: the process that was to load it has ended: exit status 3\n",
        ),
    ],
)
def test_what_cannot_be_loaded(daemon: Daemon, config: str, listed: str, complaint: str):
    """The workers, if the files could be read, and one line that says what is wrong; exit 1."""
    done = show(daemon, config)

    assert done.stderr.startswith(complaint)
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == (f"Workers defined in resqued.py\n{listed}" if listed else "")
    assert done.returncode == 1


@pytest.mark.parametrize("hook", ["before_fork", "after_fork"])
def test_a_hook_that_hangs(daemon: Daemon, hook: str):
    """It gets as long as under a daemon; then it is ended, with all that it has started."""
    done = show(daemon, "boot_timeout(1)\n" + HANGING.format(hook=hook), "--json")

    said = done.stderr.replace("about to hang\n", "")  # if it has come so far by then
    assert said == "resqued: not all workers stand after 1 s (boot_timeout)\n"
    assert (done.stdout, done.returncode) == ("", 1)


def test_a_file_that_hangs(daemon: Daemon):
    """Until the files have been read, the command line's limit counts."""
    hanging = "import signal\nsignal.sigwait({signal.SIGWINCH})\n"

    done = show(daemon, hanging, "--boot-timeout", "0.5")

    assert done.stderr == "resqued: the files are not read after 0.5 s (boot_timeout)\n"
    assert (done.stdout, done.returncode) == ("", 1)


@contextmanager
def hanging(daemon: Daemon, hook: str, count: int) -> Iterator[subprocess.Popen[bytes]]:
    """Try out what hangs; yields the command when it does, in so many processes."""
    daemon.write("resqued.py", HANGING.format(hook=hook))
    daemon.launch(COMMAND, "--test", "--memory", "resqued.py")
    daemon.wait_until(lambda: daemon.read("hanging").count("x") == count, "what hangs")
    daemon.wait_for_log("2: a")
    assert daemon._master is not None
    yield daemon._master
    daemon.wait_until_gone()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(("hook", "count"), [("before_fork", 1), ("after_fork", 2)])
def test_it_can_be_interrupted(daemon: Daemon, hook: str, count: int, number: signal.Signals):
    """At once, and nothing is left, except all that was printed; its status names the signal."""
    with hanging(daemon, hook, count) as command:
        command.send_signal(number)
        assert daemon.wait_for_exit() == 128 + number
        assert daemon.tree().processes == ()
    printed = ["Workers defined in resqued.py", "1: a", "2: a", *["about to hang"] * count]
    assert sorted(daemon.log.splitlines()) == sorted(printed)


def test_a_killed_command_takes_everything_along(daemon: Daemon):
    """Everything of ours, that is: what a hook has started in a session of its own goes on."""
    with hanging(daemon, "after_fork", 2) as command:
        command.kill()
        assert daemon.wait_for_exit() == -signal.SIGKILL
        daemon.wait_until(
            lambda: {p.title for p in daemon.tree().processes} == {"sleep 1000"}, "only others"
        )
        for process in daemon.tree().processes:
            daemon.signal_process(process, signal.SIGKILL)


# --- a running daemon


def test_a_running_pool(daemon: Daemon):
    """Master, listener, workers, and what they have started, each by its name."""
    daemon.start(FORKING + LOADED + "worker('forking')\nworker('b')\n", "-p", "a.pid")
    daemon.wait_for_workers(2)
    daemon.wait_until(lambda: daemon.tree().titled("job of "), "a process below a worker")

    done = daemon.run("memory", "a.pid", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    found = roles(json.loads(done.stdout))
    names = {role: sorted(process["name"] for process in found[role]) for role in found}
    workers = {f"worker {each.pid}: {each.title[10:]}" for each in daemon.tree().waiting}
    (job,) = daemon.tree().titled("job of ")
    assert names == {
        "master": ["master"],
        "listener": ["listener #1"],
        "worker": sorted(workers),
        "job": [f"job {job.pid}: job of forking"],
    }
    assert [process["pid"] for process in found["master"]] == [daemon.pid]
    assert found["master"][0]["rss"] < 50 * MB <= found["listener"][0]["rss"]
    for worker in found["worker"]:
        assert worker["shared"] >= 50 * MB
        assert worker["owned"] < 20 * MB
    table = daemon.run("memory", "a.pid")
    assert "all 2 workers" in table.stdout
    assert "sharing saves" in table.stdout.splitlines()[-1]
    assert daemon.stop() == 0


def test_no_pool_runs(daemon: Daemon):
    """One line, exit 1, whether there is no pidfile or nobody holds it."""
    assert daemon.run("memory", "a.pid").stderr == "resqued memory: there is no pidfile a.pid\n"
    daemon.start_working("worker('a')\n", "-p", "a.pid", count=1)
    daemon.signal(signal.SIGKILL)
    daemon.wait_for_exit()

    done = daemon.run("memory", "a.pid")

    assert done.stderr == "resqued memory: no resqued runs with pidfile a.pid\n"
    assert (done.stdout, done.returncode) == ("", 1)
    daemon.wait_until_gone()
