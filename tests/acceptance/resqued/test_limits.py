import pathlib
import re
import signal

import pytest

from tests.support import confinement
from tests.support.daemon import WORKERS, Daemon
from tests.support.processes import Process

#: Takes up the room of some processes, once, until the test makes room again.
FILLING = """
import os, signal, time, setproctitle
from jobs import note

def wait_for(file):
    while not os.path.exists(file):
        time.sleep(0.001)

def crowd(count):
    wait_for("buried")  # or the one in between would take up room as well
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in range(count):
        if os.fork() == 0:
            break
    else:
        note("crowded", "")
    setproctitle.setproctitle("filler")
    signal.pause()

@before_fork
def load():
    if os.path.exists("crowded"):
        return
    middle = os.fork()
    if middle == 0:
        if os.fork() == 0:
            crowd({count})
        os._exit(0)
    os.waitpid(middle, 0)
    note("buried", "")
    wait_for("crowded")
"""
NO_ROOM = r"\[Errno 11\] Resource temporarily unavailable"


def start_crowded(daemon: Daemon, workers: str, *, fillers: int, room: int) -> None:
    """Start where ``room`` workers fit beside the fillers, the master and the listener."""
    config = FILLING.replace("{count}", str(fillers - 1)) + WORKERS + workers
    daemon.start(config, through=confinement.few_processes(fillers + 2 + room))


def make_room(daemon: Daemon) -> None:
    """End the fillers; when they have been buried, their places are free."""
    fillers = daemon.tree().titled("filler$")
    for filler in fillers:
        daemon.signal_process(filler, signal.SIGKILL)
    daemon.wait_until(lambda: not any(map(daemon.is_zombie, fillers)), "the fillers' burial")


def limits_of_files(process: Process) -> tuple[int, int]:
    """Return the soft and the hard limit of open files."""
    text = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
    soft, hard = re.findall(r"^Max open files +(\d+) +(\d+)", text, re.MULTILINE)[0]
    return int(soft), int(hard)


def preference(process: Process) -> int:
    """Return how gladly the kernel takes a process when memory runs out."""
    return int(pathlib.Path(f"/proc/{process.pid}/oom_score_adj").read_text())


def test_a_worker_for_which_there_is_no_room(daemon: Daemon):
    """The kernel refuses a fork: it is tried again after growing pauses, the others work on."""
    start_crowded(daemon, "worker_pool(3, 'a')\n", fillers=2, room=2)
    daemon.wait_for_log(f"Cannot fork a worker: {NO_ROOM}", count=2)
    before = daemon.wait_for_workers(2)

    make_room(daemon)

    after = daemon.wait_for_workers(3)
    assert after.listeners[0].pid == before.listeners[0].pid
    assert set(before.workers) < set(after.workers)
    assert len(re.findall("Cannot fork", daemon.log)) <= 3
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.log


def test_a_reload_for_which_there_is_no_room(daemon: Daemon):
    """The listener of the next generation is tried again; the old workers go on until then."""
    start_crowded(daemon, "worker_pool(2, 'a')\n", fillers=4, room=2)
    before = daemon.wait_for_workers(2)
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log(f"Cannot start a listener, trying again: {NO_ROOM}", count=2)
    assert daemon.tree().workers == before.workers

    make_room(daemon)

    daemon.wait_for_log("Generation 2 has taken over")
    daemon.wait_for_workers(2)
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.log


def test_a_pool_that_was_scaled_to_more_than_there_is_room_for(daemon: Daemon):
    """A reload fails after some tries, and the pool goes on; scaled down again, it is reloaded."""
    daemon.customize("resqued.master.listeners", START_TRIES=2)
    # More than the master, the listener and two workers: one leaves before its successor comes.
    through = confinement.few_processes(8)
    daemon.start(WORKERS + "worker_pool(2, 'a', name='p')\n", "-p", "a.pid", through=through)
    daemon.wait_for_workers(2)
    daemon.wait_for_log("Listener #1 .* runs")
    assert daemon.run("scale", "-p", "a.pid", "p=20").returncode == 0
    daemon.wait_for_log(f"Cannot fork a worker: {NO_ROOM}")
    crowd = daemon.wait_for_workers(6).workers

    failed = daemon.run("reload", "-p", "a.pid", "--wait", "--timeout", "20")
    assert failed.returncode == 1
    assert re.search(f"reload 1 failed: cannot start its listener: {NO_ROOM}", failed.stderr)
    assert re.search("ERROR .*: Generation 2 failed, generation 1 goes on:\n", daemon.log)
    assert daemon.tree().workers == crowd
    assert daemon.run("scale", "-p", "a.pid", "p=2").stderr == ""
    daemon.wait_for_workers(2)

    done = daemon.run("reload", "-p", "a.pid", "--wait", "--timeout", "20")
    assert (done.stderr, done.returncode) == ("", 0)
    assert len(daemon.wait_for_workers(2).workers) == 2
    assert daemon.tree().listener(3)
    assert daemon.stop() == 0


def test_a_canary_for_which_there_is_no_room(daemon: Daemon):
    """Nothing is proved then; the first generation is tried again, from its files on."""
    start_crowded(daemon, "worker_pool(2, 'a')\n", fillers=4, room=0)
    daemon.wait_for_log(f"Generation 1 failed, trying again:\n  cannot fork: {NO_ROOM}")

    make_room(daemon)

    daemon.wait_for_workers(2)
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.log


def test_a_small_limit_of_open_files_is_raised(daemon: Daemon):
    """Sixty workers with a soft limit of 64; they themselves have the one that was found."""
    daemon.start(
        WORKERS + "worker_pool(60, 'a')\n", through=confinement.few_files(soft=64, hard=4096)
    )

    tree = daemon.wait_for_workers(60)

    assert {limits_of_files(process) for process in (*tree.masters, *tree.listeners)} == {
        (4096, 4096)
    }
    assert {limits_of_files(worker) for worker in tree.workers} == {(64, 4096)}
    assert "ERROR" not in daemon.log
    assert daemon.stop() == 0


def test_the_limit_of_open_files_that_was_found_outlasts_a_re_exec(daemon: Daemon):
    """A master that has raised its own does not take that for what it was started with."""
    daemon.start(WORKERS + "worker('a')\n", through=confinement.few_files(soft=99, hard=1234))
    daemon.wait_for_workers(1)
    daemon.signal(signal.SIGUSR1)
    daemon.wait_for_log("Generation 2 has taken over")

    tree = daemon.wait_for_workers(1)

    assert limits_of_files(tree.masters[0]) == (1234, 1234)
    assert limits_of_files(tree.workers[0]) == (99, 1234)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_limit_of_open_files_that_cannot_be_raised(daemon: Daemon, number: signal.Signals):
    """Who fits works, the log says what is missing; reload, re-exec and stop go on as ever."""
    daemon.start(
        WORKERS + "worker_pool(60, 'a')\n", through=confinement.few_files(soft=48, hard=48)
    )
    daemon.wait_for_log(r"ERROR .*Too many open files")
    tree = daemon.wait_until(
        lambda: t if len((t := daemon.tree()).waiting) > 20 else None, "most workers"
    )
    daemon.replace("worker_pool(10, 'a')\n")
    daemon.signal(number)

    daemon.wait_for_log("Generation 2 has taken over")

    assert len(daemon.wait_for_workers(10).workers) == 10
    assert tree.masters[0].pid == daemon.pid
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.log


@pytest.mark.parametrize("count", [19, 20, 21])
def test_hardly_any_open_files(daemon: Daemon, count: int):
    """Whoever works or does not, the log says what is missing, and a stop is a stop."""
    few = confinement.few_files(soft=count, hard=count)
    daemon.start(WORKERS + "worker_pool(2, 'a')\n", through=few)
    daemon.wait_for_log(r"ERROR .*Too many open files")

    assert daemon.stop() == 0


def test_who_goes_first_when_memory_runs_out(daemon: Daemon):
    """A worker, whose loss is the smallest, before the listener, and that before the master."""
    tree = daemon.start_working("worker('a')\nworker('b')\n", count=2)
    (master,), (listener,) = tree.masters, tree.listeners

    base = preference(master)
    assert base == int(pathlib.Path("/proc/self/oom_score_adj").read_text())
    assert preference(listener) == base + 100
    assert [preference(worker) for worker in tree.workers] == [base + 200] * 2


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_state_too_big_for_an_environment(daemon: Daemon, number: signal.Signals):
    """Workers with very long lists of queues: neither reload nor re-exec depends on their size.

    An argument or a variable of the environment may have 128 KiB (execve(2)).
    """
    config = (
        "import os, time\nfrom jobs import note\n@before_fork\ndef load():\n"
        "    note('loading', 'now')\n    while os.path.exists('wait'):\n        time.sleep(0.01)\n"
        "for number in range(60):\n    worker(f'{number}-', 'x' * 5000)\n"
    )
    before = daemon.start_working(config, count=60)
    daemon.write("wait", "")
    daemon.signal(number)
    daemon.wait_until(lambda: daemon.read("loading").count("now") == 2, "the next generation")
    assert {w.pid for w in daemon.tree().workers} == {w.pid for w in before.workers}
    (daemon.folder / "wait").unlink()

    daemon.wait_for_log("Generation 2 has taken over")

    assert not {w.pid for w in before.workers} & {
        w.pid for w in daemon.wait_for_workers(60).workers
    }
    assert daemon.stop() == 0
    assert not re.search("ERROR|Traceback", daemon.log)
