import os
import pathlib
import re
import shutil
import signal
from collections.abc import Callable

import pytest

from resque.client import Resque
from tests.support.daemon import WAITING, WORKERS, Daemon, Tree
from tests.support.inspection import Inspector, has_taken_over, lists_of, wait_for_take_over
from tests.support.processes import Process
from tests.support.server import ValkeyServer

#: In the new master when it has imported everything: stop until the test lets it go on.
HOLD = """
import time
if ("--probe" in sys.argv) is {at_probe}:
    open("held", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.01)
"""


#: A job that takes until the test says that all are done.
MARKS = """
import os, time
import resque
from jobs import note

@resque.job(queue="q", name="Mark")
def mark(number):
    note("begun", str(number))
    while not os.path.exists("finish"):
        time.sleep(0.01)
    note("ended", str(number))
"""


def prepend(path: pathlib.Path, text: str) -> None:
    """Put a text at the head of a file."""
    path.write_text(text + path.read_text())


def hold(daemon: Daemon, package: pathlib.Path, *, at_probe: bool) -> None:
    """Tell the master to be replaced, and wait until the next one is held in its first moment."""
    path = package / "cli" / "resume.py"
    before, main, after = path.read_text().partition('if __name__ == "__main__":\n')
    path.write_text(before + HOLD.format(at_probe=at_probe) + main + after)
    daemon.signal(signal.SIGUSR1)
    daemon.wait_until((daemon.folder / "held").exists, "the new program")


def wait_for_master(daemon: Daemon, version: str) -> Tree:
    """Wait until the master is one of this version."""

    def is_there() -> Tree | None:
        tree = daemon.tree()
        return tree if tree.titled(rf"resqued-{version} master ") else None

    return daemon.wait_until(is_there, f"a master {version}")


def start_pool(daemon: Daemon, workers: str, *arguments: str, working: int, idle: int) -> Tree:
    """Start, and wait until so many workers have a job, others wait, and all is known."""
    daemon.start(WORKERS + workers, *arguments)
    wait_for_working(daemon, working)
    daemon.wait_until(lambda: len(daemon.tree().waiting) == idle, f"{idle} idle workers")
    daemon.wait_for_log("Worker .* works", count=working + idle)
    return daemon.tree()


def wait_for_working(daemon: Daemon, count: int) -> list[Process]:
    """Wait until so many workers have a job, and return them."""

    def working() -> list[Process] | None:
        found = daemon.tree().titled("resque-0: Processing ")
        return found if len(found) == count else None

    return daemon.wait_until(working, f"{count} running jobs")


def assert_no_trouble(daemon: Daemon) -> None:
    """Nothing was worth a warning."""
    assert not re.search("WARNING|ERROR|Traceback", daemon.log), daemon.log


# --- what it is for


def test_twenty_busy_workers(daemon: Daemon):
    """Same master pid, same workers, same jobs; then new code, a reload, and no job is lost."""
    daemon.install()
    before = start_pool(daemon, "worker_pool(20, 'working')\n", working=20, idle=0).workers
    inspector = Inspector(daemon, most=20, least=18, working=20)
    daemon.deploy("two")
    daemon.publish("9.8.7")
    daemon.signal(signal.SIGUSR1)

    tree = wait_for_master(daemon, "9.8.7")

    assert [master.pid for master in tree.masters] == [daemon.pid]
    assert tree.titled("resque-0: Processing ") == before
    daemon.wait_until(lambda: inspector.look().listener(2), "the reload")
    assert tree.titled("resque-0: Processing ") == before
    daemon.write("finish", "")
    daemon.wait_until(lambda: has_taken_over(daemon, 2) if inspector.look() else None, "the end")
    after = daemon.wait_for_workers(20)
    finished = [line.split() for line in daemon.read("versions").splitlines()]
    of_old_code = sorted(int(pid) for pid, version in finished if version == "one")
    assert of_old_code == [worker.pid for worker in before]
    assert not {worker.pid for worker in after.workers} & set(of_old_code)
    assert [listener.title.split()[0] for listener in after.listeners] == ["resqued-9.8.7"]
    assert daemon.stop() == 0
    assert_no_trouble(daemon)


def test_the_jobs_of_default_workers(daemon: Daemon, client: Resque, clean_valkey: ValkeyServer):
    """Twenty run during the exec, twenty wait in the queue: each is done once, none fails."""
    daemon.install()
    daemon.write("marks.py", MARKS)
    for number in range(40):
        client.enqueue_to("q", "Mark", number)
    config = "@before_fork\ndef load(): import marks\nworker_pool(20, 'q', interval=0.1)\n"
    daemon.start(config, environment={"REDIS_URL": clean_valkey.url})
    daemon.wait_until(lambda: daemon.read("begun").count("\n") == 20, "twenty jobs")
    jobs = {job.pid for job in daemon.tree().titled(r"resque-\S+ Processing q ")}
    daemon.publish("9.8.7")
    daemon.signal(signal.SIGUSR1)

    tree = wait_for_master(daemon, "9.8.7")

    assert len(jobs) == 20
    assert {job.pid for job in tree.titled(r"resque-\S+ Processing q ")} == jobs
    daemon.write("finish", "")
    wait_for_take_over(daemon, 2)
    daemon.wait_until(lambda: daemon.read("ended").count("\n") >= 40, "forty jobs")
    assert sorted(map(int, daemon.read("ended").split())) == list(range(40))
    assert client.failure_count() == 0
    assert daemon.stop() == 0
    assert client.worker_ids() == []
    assert_no_trouble(daemon)


def test_state_that_is_too_big_for_a_command_line(daemon: Daemon):
    """A hundred and fifty workers with long lists of queues, more than any argument may have."""
    daemon.install()
    pool = "worker_pool(150, 'a', *(f'queue-{n:0100}' for n in range(12)))\n"
    daemon.start(WORKERS + WAITING + pool)
    before = daemon.wait_for_workers(150)
    daemon.publish("9.8.7")
    daemon.write("wait", "")  # no worker is told to leave before the new generation has loaded
    daemon.signal(signal.SIGUSR1)

    tree = wait_for_master(daemon, "9.8.7")

    assert tree.masters[0].pid == daemon.pid
    assert len({w.pid for w in tree.workers} & {w.pid for w in before.workers}) == 150
    (daemon.folder / "wait").unlink()
    daemon.wait_until(lambda: daemon.tree().workers_of(2), "the first new worker")
    assert daemon.stop() == 0
    assert_no_trouble(daemon)


# --- a broken installation


def broken_syntax(package: pathlib.Path) -> None:
    """A module of the master cannot be parsed."""
    prepend(package / "master" / "app.py", "def (:\n")


def missing_module(package: pathlib.Path) -> None:
    """A module of the master is not there."""
    (package / "master" / "steering.py").unlink()


def other_schema(package: pathlib.Path) -> None:
    """It saves another state."""
    path = package / "master" / "state.py"
    path.write_text(path.read_text().replace("SCHEMA = 1\n", "SCHEMA = 2\n"))


def other_stages(package: pathlib.Path) -> None:
    """It does not know a value that the state has."""
    path = package / "master" / "generation.py"
    path.write_text(path.read_text().replace('PROVED = "proved"', 'PROVED = "known"'))


def hanging_probe(package: pathlib.Path) -> None:
    """It does not come to an end."""
    prepend(
        package / "cli" / "resume.py", "import time\nprint('begun', flush=True)\ntime.sleep(60)\n"
    )


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (broken_syntax, r"\(its probe ended: exit status 1\):\n[^\n]*\n(?:  .*\n)+  SyntaxError: "),
        (
            missing_module,
            r"exit status 1\):\n[^\n]*\n(?:  .*\n)+  ModuleNotFoundError: .*steering'\n",
        ),
        (other_schema, r"exit status 1\):\n  the state has schema 1, this version knows 2\n"),
        (other_stages, r"exit status 1\):\n  the state cannot be read: .*'proved' is not a valid"),
        (hanging_probe, r"\(it did not answer within 2\.5 s\):\n  begun\n"),
    ],
)
def test_a_broken_installation(daemon: Daemon, damage: Callable[[pathlib.Path], None], reason: str):
    """The old master goes on and says why in one block; later a good one takes over."""
    if damage is hanging_probe:
        daemon.customize("resqued.master.replace", _PROBE_TIMEOUT=2.5)
    package = daemon.install()
    good = daemon.folder / "good"
    shutil.copytree(package, good)
    before = start_pool(daemon, "worker('working')\nworker_pool(2, 'a')\n", working=1, idle=2)
    damage(package)
    daemon.signal(signal.SIGUSR1)

    block = rf"ERROR \S+ The installed program cannot take over, this master goes on .*{reason}"
    daemon.wait_for_log(block)
    assert daemon.log.count("Traceback") <= 1
    assert daemon.tree().processes == before.processes
    shutil.rmtree(package)
    good.rename(package)
    daemon.publish("9.8.7")
    daemon.signal(signal.SIGUSR1)
    tree = wait_for_master(daemon, "9.8.7")
    assert set(before.workers) <= set(tree.workers)
    daemon.write("finish", "")
    wait_for_take_over(daemon, 2)
    assert len(daemon.read("done").splitlines()) >= 1
    daemon.wait_for_workers(3)
    assert daemon.stop() == 0


def test_a_log_that_the_new_master_could_not_open(daemon: Daemon):
    """That is found out by the probe, too."""
    daemon.write("logs/keep", "")
    daemon.start_working("worker('a')\n", "-l", "logs/resqued.log", count=1)
    shutil.move(daemon.folder / "logs", daemon.folder / "moved")
    daemon.signal(signal.SIGUSR1)

    text = r"cannot take over, .* exit status 1\):\n.*No such file .*logs/resqued\.log'\n"
    daemon.wait_until(lambda: re.search(text, daemon.read("moved/resqued.log")), text)

    shutil.move(daemon.folder / "moved", daemon.folder / "logs")
    daemon.signal(signal.SIGUSR1)
    daemon.wait_until(lambda: daemon.tree().listener(2), "the reload")
    assert daemon.stop() == 0


# --- while something else goes on


def test_a_paused_master_stays_paused(daemon: Daemon):
    """It starts nothing; a worker that finishes its job meanwhile is still waited for."""
    daemon.install()
    before = daemon.start_working("worker('busy')\nworker('a')\n", count=2)
    daemon.signal(signal.SIGUSR2)
    (busy,) = wait_for_working(daemon, 1)
    daemon.wait_until(lambda: len(daemon.tree().workers) == 1, "the end of the idle one")
    daemon.publish("9.8.7")
    daemon.signal(signal.SIGUSR1)

    tree = wait_for_master(daemon, "9.8.7")

    assert tree.masters[0].title.endswith("[1 running] [paused] resqued.py")
    assert tree.workers == [busy]
    daemon.write("finish", "")
    daemon.wait_until(lambda: daemon.tree().titled(r".* master \[gen 1\] \[0 running\]"), "its end")
    assert daemon.tree().processes == tuple(daemon.tree().masters)
    daemon.signal(signal.SIGCONT)
    after = daemon.wait_for_workers(2)
    assert after.listener(2)
    assert not {w.pid for w in after.workers} & {w.pid for w in before.workers}
    assert daemon.stop() == 0


def test_usr1_during_a_boot(daemon: Daemon):
    """The generation that loads is given up, hanging or not; the newest code comes."""
    daemon.install()
    pool = WAITING + "worker('working')\nworker('a')\n"
    before = start_pool(daemon, pool, working=1, idle=1)
    daemon.write("wait", "")
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: daemon.read("loading"), "before_fork of the next generation")
    daemon.replace(WAITING + "worker('b')\n")  # nobody is told to leave before that has loaded
    daemon.publish("9.8.7")
    daemon.signal(signal.SIGUSR1)

    tree = wait_for_master(daemon, "9.8.7")

    assert {w.pid for w in before.workers} == {w.pid for w in tree.workers_of(1)}
    (daemon.folder / "wait").unlink()
    daemon.write("finish", "")
    wait_for_take_over(daemon, 3)
    assert "Generation 2 is given up before it was ready" in daemon.log
    assert lists_of(daemon.wait_for_workers(1).workers) == {"b": 1}
    assert daemon.stop() == 0


def test_usr1_during_the_first_boot(daemon: Daemon):
    """Who has started it in the background is told first that the files have been read."""
    slow = """
import os, time
open("reading", "w").close()
while os.path.exists("wait"):
    time.sleep(0.01)
"""
    daemon.write("wait", "")
    daemon.write("resqued.py", WORKERS + slow + "worker('a')\n")
    daemon.start(None, "-D", "-p", "resqued.pid", "-l", "resqued.log", "resqued.py")
    daemon.wait_until((daemon.folder / "reading").exists, "the first listener")
    master = int(daemon.read("resqued.pid"))
    os.kill(master, signal.SIGUSR1)
    received = "SIGUSR1 received, replacing this master"
    daemon.wait_until(lambda: received in daemon.read("resqued.log"), "the order")
    # Time enough for a probe, which must not even begin.
    daemon.assert_lasts(lambda: not daemon.tree().titled(r".* --probe "), "no probe", 0.5)
    (daemon.folder / "wait").unlink()

    assert daemon.wait_for_exit() == 0
    daemon.adopt("resqued.pid")
    assert daemon.pid == master
    taken = "has taken over from itself"
    daemon.wait_until(lambda: taken in daemon.read("resqued.log"), "the new master")
    daemon.wait_for_workers(1)
    assert daemon.output.read_text() == ""
    daemon.signal(signal.SIGQUIT)
    daemon.wait_until_gone()


def test_usr1_during_a_change_over(daemon: Daemon):
    """Grants, workers of two generations and the floor go over; a third generation follows."""
    daemon.install()
    before = daemon.start_working("worker('busy')\nworker_pool(3, 'a')\n", count=4)
    (busy,) = (worker for worker in before.workers if "busy" in worker.title)
    inspector = Inspector(daemon, most=4, least=3, busy=1, a=3)
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: inspector.look().workers_of(2), "the first new worker")
    daemon.publish("9.8.7")
    daemon.signal(signal.SIGUSR1)

    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(3)) == {"a": 3}, "three newest workers"
    )
    assert busy.pid in {worker.pid for worker in daemon.tree().workers}
    daemon.write("finish", "")
    daemon.wait_until(lambda: has_taken_over(daemon, 3) if inspector.look() else None, "the end")
    assert daemon.read("done") == f"{busy.pid}\n"
    assert lists_of(daemon.wait_for_workers(4).workers) == {"busy": 1, "a": 3}
    assert daemon.stop() == 0


def test_usr1_again_while_the_probe_runs(daemon: Daemon):
    """What is installed by then is probed anew, before anything is staked on it."""
    package = daemon.install()
    before = daemon.start_working("worker('a')\n", count=1)
    hold(daemon, package, at_probe=True)
    broken_syntax(package)
    daemon.signal(signal.SIGUSR1)
    daemon.wait_for_log("SIGUSR1 received", count=2)
    daemon.write("go", "")

    daemon.wait_for_log("The installed program cannot take over")

    assert daemon.tree().processes == before.processes
    assert daemon.stop() == 0


def test_usr1_twice_in_a_row(daemon: Daemon):
    """Two that come together may count as one; in the end there is one pool of one generation."""
    daemon.install()
    daemon.start_working("worker_pool(4, 'a')\n", count=4)
    inspector = Inspector(daemon, most=4, least=3, a=4)
    daemon.publish("9.8.7")
    daemon.signal(signal.SIGUSR1)
    daemon.wait_for_log("SIGUSR1 received")
    daemon.signal(signal.SIGUSR1)

    def is_settled() -> bool:
        inspector.look()
        numbers = re.findall(r"Generation (\d+) has taken over", daemon.log)
        return bool(numbers) and has_taken_over(daemon, 1 + daemon.log.count("has taken over from"))

    daemon.wait_until(is_settled, "one generation")
    assert wait_for_master(daemon, "9.8.7").masters[0].pid == daemon.pid
    daemon.wait_for_workers(4)
    assert daemon.stop() == 0
    assert_no_trouble(daemon)


# --- stopping


@pytest.mark.parametrize("option", ["--boot-timeout=300", "--fast-exit"])
def test_term_during_a_probe_that_hangs(daemon: Daemon, option: str):
    """It is ended with the rest; nothing of it stays."""
    package = daemon.install()
    daemon.start_working("worker('a')\n", option, count=1)
    hold(daemon, package, at_probe=True)

    assert daemon.stop(signal.SIGTERM) == 0

    assert "has taken over" not in daemon.log


def test_usr1_and_term_at_once(daemon: Daemon):
    """However they come through: it stops."""
    daemon.start_working("worker('a')\n", count=1)
    daemon.signal(signal.SIGUSR1)

    assert daemon.stop(signal.SIGTERM) == 0


def test_quit_between_probe_and_exec(daemon: Daemon):
    """Stopping never goes back: there is no exec, and the job is finished."""
    package = daemon.install()
    (worker,) = start_pool(daemon, "worker('working')\n", working=1, idle=0).workers
    hold(daemon, package, at_probe=True)
    daemon.signal(signal.SIGQUIT)
    daemon.wait_for_log("SIGQUIT received, stopping")
    daemon.write("go", "")
    # It has ended, and was taken in, when the master is asked for more.
    daemon.wait_until(lambda: not daemon.tree().titled(".*--probe"), "the probe's end")
    daemon.signal(signal.SIGUSR1)
    assert worker in daemon.tree().workers
    daemon.write("finish", "")

    assert daemon.wait_for_exit() == 0

    assert daemon.read("done") == f"{worker.pid}\n"
    assert "has taken over" not in daemon.log
    daemon.wait_until_gone()


def test_quit_during_the_exec(daemon: Daemon):
    """It is held back meanwhile, and obeyed then."""
    package = daemon.install()
    (worker,) = start_pool(daemon, "worker('working')\n", working=1, idle=0).workers
    hold(daemon, package, at_probe=False)
    daemon.signal(signal.SIGQUIT)
    daemon.write("go", "")

    daemon.wait_for_log("SIGQUIT received, stopping")

    daemon.write("finish", "")
    assert daemon.wait_for_exit() == 0
    assert daemon.read("done") == f"{worker.pid}\n"
    assert_no_trouble(daemon)


# --- who dies meanwhile


def test_a_worker_that_is_killed_during_the_exec(daemon: Daemon):
    """The new master learns of it, counts it no longer, and it is replaced."""
    package = daemon.install()
    tree = start_pool(daemon, "worker('working')\nworker_pool(2, 'a')\n", working=1, idle=2)
    hold(daemon, package, at_probe=False)
    killed = tree.waiting[0]
    daemon.signal_process(killed, signal.SIGKILL)
    daemon.wait_until(lambda: killed not in daemon.tree().processes, "its end")
    daemon.write("go", "")
    inspector = Inspector(daemon, most=3, working=1, a=2)

    daemon.wait_until(
        lambda: len([w for w in inspector.look().workers if w in daemon.tree().waiting]) == 2,
        "a full pool",
    )

    daemon.write("finish", "")
    daemon.wait_until(lambda: has_taken_over(daemon, 2) if inspector.look() else None, "the end")
    daemon.wait_for_workers(3)
    assert daemon.stop() == 0


def test_a_listener_that_is_killed_during_the_exec(daemon: Daemon):
    """Its workers are adopted, counted, and retired in turn, also the busy one."""
    package = daemon.install()
    before = daemon.start_working("worker('busy')\nworker_pool(2, 'a')\n", count=3)
    (busy,) = (worker for worker in before.workers if "busy" in worker.title)
    hold(daemon, package, at_probe=False)
    inspector = Inspector(daemon, most=3, least=2, busy=1, a=2)
    daemon.signal_process(before.listeners[0], signal.SIGKILL)
    daemon.wait_until(lambda: not daemon.tree().listeners, "its end")
    daemon.write("go", "")

    daemon.wait_for_log(r"Listener #1 \(pid \d+\) ended untold: SIGKILL")
    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(2)) == {"a": 2}, "two new workers"
    )

    assert busy.pid in {worker.pid for worker in daemon.tree().workers}
    daemon.write("finish", "")
    daemon.wait_until(lambda: len(inspector.look().workers_of(2)) == 3, "the third")
    assert daemon.read("done") == f"{busy.pid}\n"
    assert daemon.stop() == 0


# --- what the command line has asked for


def test_the_pidfile_is_kept(daemon: Daemon):
    """Its lock as well, all the time; and it is removed in the end."""
    package = daemon.install()
    daemon.start_working("worker('a')\n", "-p", "resqued.pid", count=1)
    refused = [f"{daemon.folder}/resqued.pid is held by a running process (pid {daemon.pid})"]
    hold(daemon, package, at_probe=False)
    assert daemon.run("-p", "resqued.pid", "resqued.py").stderr.splitlines() == refused
    daemon.write("go", "")
    wait_for_take_over(daemon, 2)

    assert daemon.read("resqued.pid") == f"{daemon.pid}\n"
    assert daemon.run("-p", "resqued.pid", "resqued.py").stderr.splitlines() == refused
    assert daemon.stop() == 0
    assert list(daemon.folder.glob("resqued.pid*")) == []


def test_background_and_log_file_are_kept(daemon: Daemon):
    """The new master logs to the file, also after it was moved; its pid is the pidfile's."""
    daemon.install()
    daemon.write("resqued.py", WORKERS + "worker('talkative')\n")
    started = daemon.run("-D", "-p", "resqued.pid", "-l", "resqued.log", "resqued.py")
    assert started.returncode == 0, started.stderr
    daemon.adopt("resqued.pid")
    daemon.wait_for_workers(1)
    (daemon.folder / "resqued.log").rename(daemon.folder / "resqued.log.1")
    daemon.publish("9.8.7")
    daemon.signal(signal.SIGUSR1)

    tree = wait_for_master(daemon, "9.8.7")

    assert tree.masters[0].pid == daemon.pid
    said = r"resqued 9\.8\.7 has taken over from itself\n(?s:.*)Generation 2 has taken over"
    daemon.wait_until(lambda: re.search(said, daemon.read("resqued.log")), said)
    printed = "printed by the worker\n"
    daemon.wait_until(lambda: printed in daemon.read("resqued.log"), "the new worker's words")
    assert "has taken over" not in daemon.read("resqued.log.1")
    daemon.signal(signal.SIGQUIT)
    daemon.wait_until_gone()
    assert not (daemon.folder / "resqued.pid").exists()


def test_fast_exit_is_kept(daemon: Daemon):
    """The new master does not wait for a running job either."""
    daemon.install()
    start_pool(daemon, "worker('working')\n", "--fast-exit", working=1, idle=0)
    daemon.publish("9.8.7")
    daemon.signal(signal.SIGUSR1)
    wait_for_master(daemon, "9.8.7")

    daemon.signal(signal.SIGQUIT)

    assert daemon.wait_for_exit() == 0
    daemon.wait_for_title("resque-0: Processing working")
    daemon.write("finish", "")
    daemon.wait_until_gone()
    assert daemon.read("done")


def test_the_embedded_server_is_kept(daemon: Daemon):
    """The same server under the same address, for old workers and new; it is stopped last."""
    daemon.install()
    before = daemon.start_working("worker('a')\n", "--embedded", count=1)
    servers = before.titled(r"\S*valkey-server")
    assert len(servers) == 1
    daemon.publish("9.8.7")
    daemon.signal(signal.SIGUSR1)

    wait_for_master(daemon, "9.8.7")
    wait_for_take_over(daemon, 2)
    daemon.wait_for_workers(1)

    assert daemon.tree().titled(r"\S*valkey-server") == servers
    addresses = [line.split()[2] for line in daemon.read("starts").splitlines()]
    assert len(addresses) == 2
    assert len(set(addresses)) == 1
    assert addresses[0].startswith("redis://127.0.0.1:")
    assert daemon.stop() == 0
    assert list((daemon.folder / "tmp").iterdir()) == []
