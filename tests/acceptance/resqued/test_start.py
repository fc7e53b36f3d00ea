import os
import pathlib
import signal

import pytest

import resqued
from tests.support.daemon import WORKERS, Daemon

USAGE = "Usage: resqued [options] resqued-config-files..."

POOLS = """\
@before_fork
def load():
    open("hook ran", "w").close()
after_fork(load)
after_exit(load)

worker("single", interval=3)
worker()
worker_pool(5, interval=1)
queue("high", "almosthigh")
queue("low", percent=20)
queue("normal", count=4)
queue("*")
"""


def test_test_prints_the_workers_and_starts_nothing(daemon: Daemon):
    """--test prints exactly the queues of each worker, and runs no hook."""
    daemon.write("config/resqued.py", POOLS)

    result = daemon.run("--test", "config/resqued")

    assert result.stdout == (
        "Workers defined in config/resqued.py\n"
        "1: single\n"
        "2: *\n"
        "3: high,almosthigh,low,normal,*\n"
        "4: high,almosthigh,normal,*\n"
        "5: high,almosthigh,normal,*\n"
        "6: high,almosthigh,normal,*\n"
        "7: high,almosthigh,*\n"
    )
    assert (result.stderr, result.returncode) == ("", 0)
    assert not daemon.read("hook ran")
    assert not (daemon.folder / "hook ran").exists()


def test_test_shows_a_percentage_of_a_small_pool(daemon: Daemon):
    """Never fewer than one worker, however small the part; otherwise rounded down."""
    daemon.write(
        "resqued.py",
        "worker_pool(3)\nqueue('rare', percent=1)\nqueue('half', percent=50)\n"
        "queue('most', percent=99)\nqueue('*')\nworker_pool(1)\nqueue('none', percent=0)\n",
    )

    result = daemon.run("--test", "resqued.py")

    assert result.stdout.splitlines() == [
        "Workers defined in resqued.py",
        "1: rare,half,most,*",
        "2: most,*",
        "3: *",
        "4: none",
    ]
    assert result.returncode == 0


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(daemon: Daemon, option: str):
    """Help goes to standard output and names every option."""
    result = daemon.run(option)

    assert result.stdout.splitlines()[0] == USAGE
    for name in ("--test", "--fast-exit", "--pidfile", "--logfile", "--daemonize", "--embedded"):
        assert name in result.stdout
    assert (result.stderr, result.returncode) == ("", 0)


@pytest.mark.parametrize("option", ["-v", "--version"])
def test_version(daemon: Daemon, option: str):
    """The version is printed and nothing is started."""
    result = daemon.run(option)

    assert result.stdout == f"resqued {resqued.__version__}\n"
    assert (result.stderr, result.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "no config file"),
        (["-D"], "no config file"),
        (["--nonsense", "resqued.py"], "--nonsense"),
        (["-x", "resqued.py"], "-x"),
        (["resqued.py", "-p"], "-p"),
    ],
)
def test_a_wrong_command_line_shows_the_usage(daemon: Daemon, arguments: list[str], complaint: str):
    """What is wrong and the usage go to standard error; exit status 2."""
    daemon.write("resqued.py", "worker('a')")

    result = daemon.run(*arguments)

    first, second = result.stderr.splitlines()
    assert complaint in first
    assert second == USAGE
    assert (result.stdout, result.returncode) == ("", 2)


def test_titles_show_who_is_who(daemon: Daemon):
    """Master, listener and workers say in ``ps`` what they are and how they are."""
    daemon.write("more.py", "worker('c')\n")
    daemon.write(
        "resqued.py",
        WORKERS
        + "@before_fork\ndef load(resqued):\n    resqued.app_version = '9ab04e'\n"
        + "worker('a', 'b')\n",
    )
    daemon.start(None, "resqued", "more.py")
    daemon.wait_for_workers(2)
    version = resqued.__version__
    paths = "resqued.py more.py"

    def titles() -> list[str]:
        return sorted(process.title for process in daemon.tree().processes)

    expected = [
        "resque-0: Waiting for a,b",
        "resque-0: Waiting for c",
        f"resqued-{version} listener #1 2/2/2 [9ab04e] [running] {paths}",
        f"resqued-{version} master [gen 1] [1 running] {paths}",
    ]
    daemon.wait_until(lambda: titles() == expected, f"these titles: {expected}")
    listener = daemon.tree().listeners[0]
    assert listener.ppid == daemon.pid
    assert {worker.ppid for worker in daemon.tree().workers} == {listener.pid}


def test_a_worker_is_named_before_it_works(daemon: Daemon):
    """A worker has a title of Resque's shape before any code of the application runs in it."""
    daemon.start(
        WORKERS
        + """
@after_fork
def hang(worker):
    import signal
    if worker.queues == ["b"]:
        signal.pause()
worker("a"); worker("b")
"""
    )

    daemon.wait_until(
        lambda: daemon.tree().titled(rf"resque-{resqued.__version__}: Starting$"), "the title"
    )
    daemon.wait_until(
        lambda: [w.title for w in daemon.tree().waiting] == ["resque-0: Waiting for a"], "the other"
    )


def test_a_canary_is_no_worker(daemon: Daemon):
    """It is titled as what it is before any code of the application runs in it, and not counted."""
    daemon.start(
        WORKERS + "@after_fork\ndef hang():\n    import signal\n    signal.pause()\nworker('a')\n"
    )

    daemon.wait_until(lambda: daemon.tree().titled(rf"resqued-{resqued.__version__} canary$"), "it")
    tree = daemon.tree()
    assert tree.workers == []
    daemon.wait_until(lambda: daemon.tree().titled(r"\S+ listener #1 0/0/1 \[proving\]"), "a title")
    assert daemon.stop() == 0


def test_a_worker_gets_queues_interval_and_hooks_in_order(daemon: Daemon):
    """The factory gets a list of queues, after_fork the worker, and work the interval."""
    daemon.start(
        """
import os, signal
from jobs import Worker, note

class Recorder(Worker):
    def __init__(self, queues):
        super().__init__(queues)
        note("calls", f"{queues} in {'worker' if os.getpid() != listener else 'listener'}")
    def work(self, interval):
        note("calls", f"work({interval})")
        super().work(interval)

listener = os.getpid()
worker_factory(Recorder)

@before_fork
def load(resqued):
    note("calls", f"before_fork in {'worker' if os.getpid() != listener else 'listener'}")

@after_fork
def connect(worker):
    note("calls", f"after_fork of {type(worker).__name__}")

@after_fork
def more():
    note("calls", "second after_fork")

worker("a", "b", interval=7)
"""
    )
    daemon.wait_for_workers(1)

    assert daemon.read("calls").splitlines() == [
        "before_fork in listener",
        "['a', 'b'] in worker",
        "after_fork of Recorder",
        "second after_fork",
        "work(7.0)",
    ]


def test_hup_and_cont_to_every_process_disturb_nothing(daemon: Daemon):
    """Containers send HUP to all processes, and systemd CONT; everybody goes on working."""
    tree = daemon.start_working("worker('a')\nworker('b')\n", count=2)

    for process in (*tree.workers, *tree.listeners):
        daemon.signal_process(process, signal.SIGHUP)
        daemon.signal_process(process, signal.SIGCONT)
    daemon.signal(signal.SIGCONT)
    killed, other = tree.workers
    daemon.signal_process(killed, signal.SIGKILL)
    daemon.wait_for_log(r"Worker \d+ for \w ended: SIGKILL")
    after = daemon.wait_for_workers(2)

    assert other.pid in {worker.pid for worker in after.workers}
    # Not the titles: a tree is read one process after the other.
    assert [one.pid for one in after.listeners] == [one.pid for one in tree.listeners]
    assert "HUP" not in daemon.log


def test_an_order_longer_than_a_sockets_buffer(daemon: Daemon):
    """What does not fit into the socket at once is sent as soon as it does."""
    daemon.write("resqued.py", WORKERS + "worker('a')\n")
    daemon.write("more.py", "")
    long = "./" * 2000 + "more.py"  # the same file, by a path as long as the kernel allows

    daemon.start(None, "resqued.py", *[long] * 120)

    daemon.wait_for_workers(1)


def test_a_worker_holds_nothing_of_its_listeners(daemon: Daemon):
    """Neither the socket to the master, nor another's gate, nor what the listener waits on."""
    tree = daemon.start_working("worker('a')\nworker('b')\nworker('c')\n", count=3)

    for worker in tree.workers:
        held = {os.readlink(link) for link in pathlib.Path(f"/proc/{worker.pid}/fd").iterdir()}
        assert not [name for name in held if name.startswith("anon_inode:")], held
        assert len([name for name in held if name.startswith("socket:")]) == 1, held
        assert len([name for name in held if name.startswith("pipe:")]) <= 1, held
