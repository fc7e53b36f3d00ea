"""What a service manager is told: sd_notify(3), with the real daemon and a socket that listens."""

import itertools
import signal
import time
import uuid
from collections.abc import Iterator

import pytest

from tests.support.daemon import COMMAND, WAITING, WORKERS, Daemon
from tests.support.inspection import wait_for_take_over
from tests.support.notify import NotifySocket, notify_socket

#: Notes which of the manager's variables reach a listener, its workers and what they start.
SPYING = """
import os, subprocess
from jobs import note
def look(who):
    found = sorted(name for name in os.environ if name.startswith(("NOTIFY", "WATCHDOG")))
    note("seen", f"{who} {','.join(found) or 'nothing'}")
look("listener")
@after_fork
def load(): look("worker")
"""


@pytest.fixture
def manager(daemon: Daemon) -> Iterator[NotifySocket]:
    """A service manager that listens, in the folder of the daemon."""
    with notify_socket(daemon.folder) as listening:
        yield listening


def start(daemon: Daemon, manager: NotifySocket, config: str, *arguments: str, **more: str) -> None:
    """Start as a service of Type=notify."""
    environment = {"NOTIFY_SOCKET": manager.address, **more}
    daemon.start(WORKERS + config, *arguments, environment=environment)


def wait_for_phases(daemon: Daemon, manager: NotifySocket, *phases: str) -> None:
    """Wait until exactly these phases were told."""
    daemon.wait_until(lambda: manager.phases == list(phases), f"{phases} of {manager.phases}")


def wait_for_status(daemon: Daemon, manager: NotifySocket, status: str) -> None:
    """Wait until this is the status."""
    daemon.wait_until(lambda: manager.status == status, f"{status}, not {manager.status}")


def microseconds() -> int:
    """Return the time as MONOTONIC_USEC has it."""
    return time.monotonic_ns() // 1000


# --- a life


def test_from_start_to_end(daemon: Daemon, manager: NotifySocket):
    """Ready, reloading, ready, stopping: each once, by the master itself."""
    start(daemon, manager, "worker_pool(3, 'a')\n")
    wait_for_phases(daemon, manager, "READY")
    wait_for_status(daemon, manager, "Generation 1: 3 of 3 workers")
    before = microseconds()
    daemon.signal(signal.SIGHUP)
    wait_for_take_over(daemon, 2)
    wait_for_status(daemon, manager, "Generation 2: 3 of 3 workers")
    assert manager.phases == ["READY", "RELOADING", "READY"]
    (moment,) = manager.values("MONOTONIC_USEC")
    assert before <= int(moment) <= microseconds()
    (reloading,) = manager.told("RELOADING=1")
    assert "MONOTONIC_USEC" in manager.notices[reloading].lines

    assert daemon.stop() == 0

    assert manager.phases == ["READY", "RELOADING", "READY", "STOPPING"]
    assert manager.status == "Stopping, workers left: 0"
    assert {notice.pid for notice in manager.notices} == {daemon.pid}
    assert manager.values("MAINPID") == []


def test_the_status_is_told_only_when_it_changes(daemon: Daemon, manager: NotifySocket):
    """However often the loop turns."""
    start(daemon, manager, "worker('a')\n", WATCHDOG_USEC="20000")
    wait_for_status(daemon, manager, "Generation 1: 1 of 1 workers")
    signs = len(manager.told("WATCHDOG=1"))
    daemon.wait_until(lambda: len(manager.told("WATCHDOG=1")) > signs + 20, "many rounds")

    told = manager.values("STATUS")

    assert all(one != two for one, two in itertools.pairwise(told))
    assert told[0] == "Loading generation 1"
    daemon.stop()


def test_an_abstract_name(daemon: Daemon):
    """As a manager in a container may have it."""
    manager = NotifySocket(f"@resqued-test-{uuid.uuid4().hex}")
    start(daemon, manager, "worker('a')\n")

    wait_for_phases(daemon, manager, "READY")

    daemon.stop()
    manager.close()


def test_fast_exit_says_that_it_stops(daemon: Daemon, manager: NotifySocket):
    """Though no round of the loop is left."""
    start(daemon, manager, "worker('a')\n", "--fast-exit")
    wait_for_phases(daemon, manager, "READY")

    daemon.stop()

    assert manager.phases == ["READY", "STOPPING"]


def test_a_pause_is_no_phase(daemon: Daemon, manager: NotifySocket):
    """The status shows it; a reload that is asked for meanwhile is answered, without one."""
    start(daemon, manager, "worker('a')\n")
    wait_for_status(daemon, manager, "Generation 1: 1 of 1 workers")
    daemon.signal(signal.SIGUSR2)
    wait_for_status(daemon, manager, "Paused, workers left: 0")

    daemon.signal(signal.SIGHUP)

    wait_for_phases(daemon, manager, "READY", "RELOADING", "READY")
    assert manager.status == "Paused, workers left: 0"
    daemon.signal(signal.SIGCONT)
    wait_for_status(daemon, manager, "Generation 2: 1 of 1 workers")
    daemon.stop()
    assert manager.phases == ["READY", "RELOADING", "READY", "STOPPING"]


# --- what does not go well


def test_a_first_boot_that_hangs(daemon: Daemon, manager: NotifySocket):
    """Not ready before the application is loaded; the master shows signs of life meanwhile."""
    daemon.write("wait", "")
    start(daemon, manager, WAITING + "worker('a')\n", WATCHDOG_USEC="50000")
    daemon.wait_until(lambda: daemon.read("loading"), "a listener that hangs")
    daemon.wait_until(lambda: len(manager.told("WATCHDOG=1")) > 10, "signs of life")
    assert manager.phases == []
    assert manager.status == "Loading generation 1"

    (daemon.folder / "wait").unlink()

    wait_for_phases(daemon, manager, "READY")
    daemon.stop()


def test_a_reload_that_hangs(daemon: Daemon, manager: NotifySocket):
    """It is not over before boot_timeout is; then all is ready again, and the status says why."""
    start(daemon, manager, WAITING + "boot_timeout(1)\nworker('a')\n", WATCHDOG_USEC="50000")
    wait_for_status(daemon, manager, "Generation 1: 1 of 1 workers")
    daemon.write("wait", "")
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: daemon.read("loading"), "a listener that hangs")
    assert manager.phases == ["READY", "RELOADING"]
    assert manager.status == "Generation 1: 1 of 1 workers; loading generation 2"
    (begun,) = manager.told("RELOADING=1")

    wait_for_phases(daemon, manager, "READY", "RELOADING", "READY")

    wait_for_status(
        daemon,
        manager,
        "Generation 2 failed: it has not proved itself within 1 s (boot_timeout);"
        " generation 1: 1 of 1 workers",
    )
    ended = manager.told("READY=1")[-1]
    assert len([place for place in manager.told("WATCHDOG=1") if begun < place < ended]) > 10
    daemon.stop()


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("worker(", "resqued.py:3: SyntaxError: '(' was never closed"),
        (
            "worker('a')\n@before_fork\ndef load():\n    raise ValueError('no\\x1bluck')\n",
            "before_fork failed: ValueError: no luck",
        ),
        ("import missing\n", "resqued.py:3: ModuleNotFoundError: No module named 'missing'"),
    ],
)
def test_a_broken_reload(daemon: Daemon, manager: NotifySocket, broken: str, why: str):
    """Ready again, with the reason; a reload that works takes it away."""
    start(daemon, manager, "worker('a')\n")
    wait_for_status(daemon, manager, "Generation 1: 1 of 1 workers")
    daemon.replace(broken)
    daemon.signal(signal.SIGHUP)

    wait_for_phases(daemon, manager, "READY", "RELOADING", "READY")

    wait_for_status(daemon, manager, f"Generation 2 failed: {why}; generation 1: 1 of 1 workers")
    daemon.replace("worker('b')\n")
    daemon.signal(signal.SIGHUP)
    wait_for_status(daemon, manager, "Generation 3: 1 of 1 workers")
    assert manager.phases == 2 * ["READY", "RELOADING"] + ["READY"]
    daemon.stop()


def test_a_first_configuration_that_cannot_be_read(daemon: Daemon, manager: NotifySocket):
    """Never ready; the last status is the reason for which the master ends."""
    start(daemon, manager, "worker(")

    assert daemon.wait_for_exit() == 1

    assert manager.phases == []
    assert manager.status == "Generation 1 failed: resqued.py:3: SyntaxError: '(' was never closed"


def test_a_manager_that_reads_nothing_for_a_while(daemon: Daemon, manager: NotifySocket):
    """The master never waits for it, and tells it the rest when it reads again."""
    start(daemon, manager, "worker('a')\n", WATCHDOG_USEC="20000")
    # The kernel keeps only a few messages; nobody reads them here.
    daemon.wait_for_log("Listener .* runs")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log("Generation 2 has taken over")

    wait_for_status(daemon, manager, "Generation 2: 1 of 1 workers")

    daemon.wait_until(lambda: manager.phases[-1:] == ["READY"], "the end of the reload")
    assert manager.phases[-2:] in (["RELOADING", "READY"], ["READY"])
    daemon.stop()


def test_a_manager_that_is_gone(daemon: Daemon, manager: NotifySocket):
    """Nothing happens but one line in the log."""
    manager.close()
    start(daemon, manager, "worker('a')\n")
    daemon.wait_for_workers(1)

    assert daemon.stop() == 0

    assert daemon.log.count("The service manager cannot be told anything") == 1


@pytest.mark.parametrize("options", [(), ("-D",)])
def test_a_variable_that_makes_no_sense(daemon: Daemon, options: tuple[str, ...]):
    """One line, and nothing is started."""
    daemon.write("resqued.py", "worker('a')\n")

    done = daemon.run(*options, "resqued.py", environment={"NOTIFY_SOCKET": "run"})

    assert done.returncode == 1
    assert done.stderr.startswith("NOTIFY_SOCKET='run' in the environment is no socket")
    assert done.stderr.count("\n") == 1


# --- the watchdog


def test_signs_of_life_come_in_half_the_time(daemon: Daemon, manager: NotifySocket):
    """From the first moment to the last, also while jobs are waited for."""
    begun = time.monotonic()
    start(daemon, manager, "worker('busy')\n", WATCHDOG_USEC="400000")
    daemon.wait_until(lambda: len(manager.told("WATCHDOG=1")) >= 4, "signs of life")
    assert time.monotonic() - begun >= 3 * 0.2
    daemon.wait_for_workers(1)
    daemon.signal(signal.SIGQUIT)
    wait_for_phases(daemon, manager, "READY", "STOPPING")
    before = len(manager.told("WATCHDOG=1"))

    daemon.wait_until(lambda: len(manager.told("WATCHDOG=1")) >= before + 2, "more of them")

    assert manager.status == "Stopping, workers left: 1"
    daemon.write("finish", "")
    assert daemon.wait_for_exit() == 0


def test_a_watchdog_for_another_process(daemon: Daemon, manager: NotifySocket):
    """WATCHDOG_PID is not this process: it shows no signs of life."""
    start(daemon, manager, "worker('a')\n", WATCHDOG_USEC="20000", WATCHDOG_PID="1")
    wait_for_status(daemon, manager, "Generation 1: 1 of 1 workers")

    daemon.stop()

    assert manager.told("WATCHDOG=1") == []


# --- who else is told, and who is not


def test_nothing_below_the_master_can_speak_for_it(daemon: Daemon, manager: NotifySocket):
    """No listener, no worker has the variables; nor after a re-exec."""
    start(daemon, manager, SPYING + "worker('a')\n", WATCHDOG_USEC="5000000", WATCHDOG_PID="1")
    wait_for_status(daemon, manager, "Generation 1: 1 of 1 workers")
    daemon.signal(signal.SIGUSR1)
    wait_for_status(daemon, manager, "Generation 2: 1 of 1 workers")

    daemon.stop()

    assert daemon.read("seen").splitlines() == 2 * ["listener nothing", "worker nothing"]


def test_a_master_that_is_replaced(daemon: Daemon, manager: NotifySocket):
    """USR1 keeps the pid, so it is the same service; its reload is told by the new program."""
    package = daemon.install()
    start(daemon, manager, "worker('a')\n", WATCHDOG_USEC="100000")
    wait_for_status(daemon, manager, "Generation 1: 1 of 1 workers")
    daemon.publish("9.8.7")
    told = package / "master" / "status_line.py"
    told.write_text(told.read_text().replace('f"generation {owner', 'f"new generation {owner'))

    daemon.signal(signal.SIGUSR1)

    wait_for_status(daemon, manager, "New generation 2: 1 of 1 workers")
    assert daemon.tree().titled(r"resqued-9\.8\.7 master ")
    assert manager.phases == ["READY", "RELOADING", "READY"]
    signs = len(manager.told("WATCHDOG=1"))
    daemon.wait_until(lambda: len(manager.told("WATCHDOG=1")) > signs, "a sign of life")
    daemon.stop()
    assert manager.phases == ["READY", "RELOADING", "READY", "STOPPING"]
    assert {notice.pid for notice in manager.notices} == {daemon.pid}


def test_a_paused_master_that_is_replaced(daemon: Daemon, manager: NotifySocket):
    """It stays paused, and still answers who asks for a reload."""
    start(daemon, manager, "worker('a')\n")
    wait_for_status(daemon, manager, "Generation 1: 1 of 1 workers")
    daemon.signal(signal.SIGUSR2)
    wait_for_status(daemon, manager, "Paused, workers left: 0")
    daemon.signal(signal.SIGUSR1)
    daemon.wait_for_log("has taken over from itself")

    daemon.signal(signal.SIGHUP)

    daemon.wait_until(lambda: "RELOADING" in manager.phases, "an answer")
    daemon.wait_until(lambda: manager.phases[-1] == "READY", "the whole answer")
    daemon.stop()


def test_in_the_background(daemon: Daemon, manager: NotifySocket):
    """The manager learns the master's pid before the process that it has started ends."""
    daemon.write("resqued.py", WORKERS + "worker('a')\n")
    seen = daemon.folder / "started-by"

    # The shell stands in for the manager, which knows what it has started and sets WATCHDOG_PID.
    done = daemon.execute(
        "sh",
        "-c",
        f'echo $$ >{seen}; WATCHDOG_PID=$$ exec "$0" "$@"',
        COMMAND,
        *("-D", "-p", "resqued.pid", "-l", "resqued.log", "resqued.py"),
        environment={"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "100000"},
    )

    assert done.returncode == 0, done.stderr
    daemon.adopt("resqued.pid")
    assert manager.values("MAINPID") == [str(daemon.pid)] != [seen.read_text().strip()]
    assert manager.told(f"MAINPID={daemon.pid}") == [0]
    wait_for_phases(daemon, manager, "READY")
    daemon.wait_until(lambda: len(manager.told("WATCHDOG=1")) > 2, "signs of life")
    assert {notice.pid for notice in manager.notices} == {daemon.pid}
    daemon.signal(signal.SIGQUIT)
    daemon.wait_until_gone()
    assert manager.phases == ["READY", "STOPPING"]
