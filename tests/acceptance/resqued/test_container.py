import os
import signal
import subprocess

import pytest

from resqued.exit_codes import ExitCode
from tests.support.daemon import COMMAND, WORKERS, Daemon, Tree
from tests.support.inspection import Inspector
from tests.support.processes import Process

#: Runs the command after it as PID 1 of a namespace of its own, as a container does.
CONTAINER = [
    "unshare",
    *(["--user", "--map-root-user"] if os.geteuid() else []),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
]
#: Leaves a child to the program that takes its place, as an entry script may.
SHIM = ["sh", "-c", 'sleep 1000 & exec "$@"', "shim"]


class Container:
    """A namespace in which the daemon is PID 1."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon

    def start(self, workers: str, *arguments: str, count: int) -> Tree:
        """Start with the tests' worker class, and wait until ``count`` workers wait for jobs."""
        self.daemon.start(WORKERS + workers, *arguments, through=CONTAINER)
        self.daemon.adopt_master()
        return self.daemon.wait_for_workers(count)

    def inside(self, *command: str) -> list[str]:
        """Return a command that runs another inside, like ``docker exec``, its parent outside."""
        user = ["--user", "--preserve-credentials"] if os.geteuid() else []
        target, folder = f"--target={self.daemon.pid}", f"--wd={self.daemon.folder}"
        return ["nsenter", target, folder, *user, "--pid", "--mount", *command]

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside that returns by itself."""
        return self.daemon.execute(*self.inside(*command))


@pytest.fixture
def container(daemon: Daemon) -> Container:
    """Drive ``resqued`` as PID 1."""
    allowed = daemon.execute(*CONTAINER, "true")
    if allowed.returncode:
        pytest.skip(f"no pid namespace can be made here: {allowed.stderr.strip()}")
    return Container(daemon)


def busy_of(tree: Tree) -> Process:
    """Return the worker that will have a job."""
    (busy,) = (worker for worker in tree.workers if "busy" in worker.title)
    return busy


def pid_inside(daemon: Daemon) -> str:
    """Return the pid that the first busy worker has in its own namespace."""
    return next(line.split()[0] for line in daemon.read("starts").splitlines() if " busy " in line)


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM, signal.SIGINT])
def test_as_pid_1_it_obeys(container: Container, number: signal.Signals):
    """The kernel gives PID 1 only the signals that it handles; these end it, with exit 0."""
    container.start("worker('a')\nworker('b')\n", count=2)

    assert container.daemon.stop(number) == 0


def test_as_pid_1_it_obeys_those_inside(container: Container):
    """QUIT from within waits for the job in hand; TERM from within does not."""
    container.start("worker('busy')\n", count=1)
    assert container.execute("kill", "-QUIT", "1").returncode == 0
    container.daemon.wait_until(
        lambda: container.daemon.tree().titled("resque-0: Processing"), "a job at QUIT"
    )

    # The end of PID 1 kills whatever is left in its namespace, the command that asked for it too.
    assert container.execute("kill", "-TERM", "1").returncode in {0, -signal.SIGKILL}

    assert container.daemon.wait_for_exit() == 0
    container.daemon.wait_until_gone()
    assert not container.daemon.read("done")


def test_as_pid_1_it_buries_strangers(container: Container):
    """Processes that lose their parents, a job's or those of a command run inside, end there."""
    daemon = container.daemon
    before = container.start("worker('parent')\nworker('a')\n", count=2)
    container.execute("sh", "-c", "sleep 1000 >/dev/null 2>&1 &")
    strays = daemon.wait_until(
        lambda: s if len(s := daemon.tree().titled("stray$|sleep 1000$")) == 2 else None,
        "two processes without parents",
    )
    daemon.wait_until(
        lambda: {s.ppid for s in daemon.tree().titled("stray$|sleep 1000$")} == {daemon.pid},
        "their adoption",
    )

    for stray in strays:
        daemon.signal_process(stray, signal.SIGKILL)

    daemon.wait_until(
        lambda: not any(s.is_there or daemon.is_zombie(s) for s in strays), "their burial"
    )
    assert daemon.tree().workers == before.workers
    assert daemon.stop() == 0


def test_a_hup_to_everything_in_a_container(container: Container):
    """The master reloads, once; listener and workers take no notice, and a job goes on."""
    daemon = container.daemon
    busy = busy_of(container.start("worker('busy')\nworker_pool(2, 'a')\n", count=3))
    inspector = Inspector(daemon, most=3, least=2, busy=1, a=2)
    daemon.wait_for_log("Listener #1 .* runs")

    # kill(2): -1 is every process but PID 1 and the sender.
    assert container.execute("kill", "-HUP", "--", "1", "-1").returncode == 0

    daemon.wait_until(lambda: len(inspector.look().workers_of(2)) == 2, "two new workers")
    assert busy.pid in {worker.pid for worker in daemon.tree().workers}
    daemon.write("finish", "")
    daemon.wait_until(
        lambda: "Generation 2 has taken over" in daemon.log if inspector.look() else None, "the end"
    )
    assert daemon.read("done") == f"{pid_inside(daemon)}\n"
    assert daemon.log.count("SIGHUP received") == 1
    daemon.wait_for_workers(3)
    assert daemon.stop() == 0


def test_an_orphan_that_outlives_its_job_is_gone_with_the_container(container: Container):
    """The master does not wait for it; when PID 1 has ended, the kernel ends the rest."""
    daemon = container.daemon
    container.start("worker('parent')\n", count=1)
    daemon.wait_until(lambda: daemon.tree().titled("stray$"), "a stray")

    daemon.signal(signal.SIGQUIT)

    assert daemon.wait_for_exit() == 0
    daemon.wait_until_gone()


def test_quit_and_wait_inside_a_container(container: Container):
    """The pid is right there: it tells the master, waits for the job, and says if it goes on."""
    daemon = container.daemon
    container.start("worker('busy')\n", "-p", "a.pid", count=1)
    assert daemon.read("a.pid") == "1\n"

    done = container.execute(COMMAND, "quit-and-wait", "a.pid", "--grace-period", "5.2")

    assert done.returncode == ExitCode.STILL_RUNNING
    assert done.stdout.startswith("Told resqued (pid 1) to quit")
    daemon.write("finish", "")
    assert daemon.wait_for_exit() == 0
    assert daemon.read("done")
    daemon.wait_until_gone()


def test_quit_and_wait_ends_with_its_container(container: Container):
    """The kernel kills everything inside when PID 1 has ended, and so what waits for that."""
    daemon = container.daemon
    container.start("worker('busy')\n", "-p", "a.pid", count=1)
    inside = container.inside(COMMAND, "quit-and-wait", "a.pid")

    with subprocess.Popen(inside, stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        assert command.stdout.readline().startswith("Told resqued (pid 1) to quit")
        daemon.wait_until(lambda: daemon.tree().titled("resque-0: Processing"), "a job at QUIT")
        assert command.poll() is None
        daemon.write("finish", "")

        assert command.wait(10) == -signal.SIGKILL

    assert daemon.wait_for_exit() == 0


def test_quit_and_wait_outside_of_the_container(container: Container):
    """The pid in the file is somebody else's here: it says so and signals nobody."""
    daemon = container.daemon
    before = container.start("worker('a')\n", "-p", "a.pid", count=1)

    done = daemon.run("quit-and-wait", "a.pid")

    assert done.returncode == ExitCode.FAILED
    assert "a.pid is held by a process, but not by the one it names ('1')" in done.stderr
    assert daemon.tree().workers == before.workers
    assert daemon.stop() == 0


def test_quit_and_wait_in_another_container(container: Container, daemon: Daemon):
    """Where the pid is its own namespace's PID 1, that is no master, and is not signalled."""
    before = container.start("worker('a')\n", "-p", "a.pid", count=1)

    # PID 1 there is the shell, which would die of QUIT.
    done = daemon.execute(*CONTAINER, "sh", "-c", f"{COMMAND} quit-and-wait a.pid; echo $?")

    assert done.stdout == f"{ExitCode.FAILED:d}\n"
    assert daemon.tree().workers == before.workers
    assert daemon.stop() == 0


def test_a_pidfile_of_a_container_that_is_gone(container: Container, daemon: Daemon):
    """The next container's PID 1 takes it over, though the number in it is its own."""
    container.start("worker('a')\n", "-p", "a.pid", count=1)
    daemon.signal(signal.SIGKILL)
    daemon.wait_for_exit()
    daemon.wait_until_gone()
    assert daemon.read("a.pid") == "1\n"

    container.start("worker('a')\n", "-p", "a.pid", count=1)

    assert daemon.stop() == 0
    assert not daemon.read("a.pid")


def test_a_child_that_the_master_never_started(daemon: Daemon):
    """A shell that became the master has left it one: its end is no listener's, and is taken in."""
    daemon.start(WORKERS + "worker('a')\n", through=SHIM)
    before = daemon.wait_for_workers(1)
    (stray,) = daemon.tree().titled("sleep 1000$")
    assert stray.ppid == daemon.pid

    daemon.signal_process(stray, signal.SIGKILL)

    daemon.wait_until(lambda: not stray.is_there and not daemon.is_zombie(stray), "its burial")
    assert daemon.tree().workers == before.workers
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log("Generation 2 has taken over")
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.log


def test_a_child_that_the_master_never_started_does_not_hold_up_its_end(daemon: Daemon):
    """It is not waited for, and not ended: it belongs to whoever has started it."""
    daemon.start(WORKERS + "worker('a')\n", through=SHIM)
    daemon.wait_for_workers(1)
    (stray,) = daemon.tree().titled("sleep 1000$")

    daemon.signal(signal.SIGQUIT)

    assert daemon.wait_for_exit() == 0
    assert stray.is_there
    daemon.signal_process(stray, signal.SIGKILL)


def test_what_a_killed_worker_leaves_is_killed(daemon: Daemon):
    """A child of its own, and one that has lost its parent already: nothing runs unseen."""
    tree = daemon.start_working("worker('parent')\nworker('a')\n", count=2)
    parent = next(worker for worker in tree.workers if "parent" in worker.title)
    (stray,) = daemon.wait_until(lambda: daemon.tree().titled("stray$"), "a stray")

    daemon.signal_process(parent, signal.SIGKILL)

    daemon.wait_until(lambda: not stray.is_there and not daemon.is_zombie(stray), "its burial")
    daemon.wait_for_workers(2)


def test_what_a_worker_leaves_that_ends_by_itself(daemon: Daemon):
    """It may have been meant to stay: it goes on, adopted, and is buried when it ends."""
    tree = daemon.start_working("worker('parent')\nworker('a')\n", count=2)
    parent = next(worker for worker in tree.workers if "parent" in worker.title)
    (stray,) = daemon.wait_until(lambda: daemon.tree().titled("stray$"), "a stray")
    daemon.replace("worker('a')\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log("Generation 2 has taken over")

    assert not parent.is_there
    assert stray.is_there
    assert daemon.tree().titled("stray$")[0].ppid == daemon.pid
    daemon.signal_process(stray, signal.SIGKILL)
    daemon.wait_until(lambda: not stray.is_there and not daemon.is_zombie(stray), "its burial")
    assert daemon.stop() == 0
