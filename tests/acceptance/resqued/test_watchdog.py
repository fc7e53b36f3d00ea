import pathlib
import re
import signal

import pytest

from tests.support.daemon import Daemon, Tree
from tests.support.inspection import Inspector
from tests.support.processes import Process

#: An after_exit that hangs for as long as the test wants it to.
HANGING = """
import os, time
from jobs import note
@after_exit
def report(summary):
    note("reports", ",".join(summary.queues))
    while os.path.exists("hang"):
        time.sleep(0.01)
"""
NO_ANSWER = r"Listener #1 \(pid \d+\) does not answer"


def watch_closely(daemon: Daemon, **limits: float) -> None:
    """Have the master look after its listeners many times a second."""
    daemon.customize("resqued.master.steering", PING_EVERY=0.1, SILENT_AFTER=0.5, **limits)


def hang(daemon: Daemon, worker: Process) -> None:
    """Have the listener bury a worker and hang there, until the master has noticed."""
    before = len(re.findall(NO_ANSWER, daemon.log))
    daemon.write("hang", "")
    daemon.signal_process(worker, signal.SIGKILL)
    daemon.wait_for_log(NO_ANSWER, count=before + 1)


def freeze(daemon: Daemon, tree: Tree) -> Process:
    """Stop the listener in the middle of whatever it does; returns it."""
    (listener,) = tree.listeners
    daemon.signal_process(listener, signal.SIGSTOP)
    return listener


def start_and_freeze(daemon: Daemon, count: int) -> tuple[Tree, Process]:
    """Start a pool, and stop its listener as soon as that has proved itself; returns both."""
    watch_closely(daemon)
    before = daemon.start_working(f"worker_pool({count}, 'a')\n", count=count)
    daemon.wait_for_log("Listener #1 .* runs")
    return before, freeze(daemon, before)


def thaw(daemon: Daemon, listener: Process) -> None:
    """Let the first listener go on, which leaves then: another has taken over."""
    daemon.signal_process(listener, signal.SIGCONT)
    daemon.wait_until(lambda: not daemon.tree().listener(1), "the old listener's end")


def assert_end(daemon: Daemon, told: signal.Signals) -> None:
    """Wait for the end of a daemon that was told to stop, or to pause: that is told to as well."""
    if told is signal.SIGUSR2:
        daemon.signal(signal.SIGQUIT)
    assert daemon.wait_for_exit() == 0


def waits_for_room(pid: int) -> bool:
    """Tell whether a process waits until a socket takes more output (epoll(7): EPOLLOUT is 4)."""
    texts = []
    for file in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            texts.append(file.read_text())
        except OSError:
            continue  # closed meanwhile
    return any(int(events, 16) & 4 for events in re.findall(r"events:\s+(\w+)", "".join(texts)))


def seconds_of_cpu(pid: int) -> float:
    """Return how long a process has used a processor (proc(5): in hundredths)."""
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100


def test_a_listener_that_hangs_in_after_exit_is_reported_once(daemon: Daemon):
    """Its workers go on; when it answers again it does its work, and may be reported again."""
    watch_closely(daemon)
    before = daemon.start_working(HANGING + "worker('a')\nworker('b')\n", count=2)
    killed, other = before.workers

    hang(daemon, killed)
    # For longer than its patience.
    daemon.assert_lasts(lambda: daemon.log.count("does not answer") == 1, "one report", 0.7)
    assert daemon.tree().workers == [other]
    (daemon.folder / "hang").unlink()

    after = daemon.wait_for_workers(2)
    assert after.listeners[0].pid == before.listeners[0].pid
    assert daemon.log.count("does not answer") == 1
    hang(daemon, other)
    (daemon.folder / "hang").unlink()
    daemon.wait_for_workers(2)
    assert daemon.log.count("does not answer") == 2
    assert daemon.stop() == 0


def test_after_exit_is_cut_off_by_its_limit(daemon: Daemon):
    """It says so, and the listener goes on, with the next worker's after_exit too."""
    daemon.customize("resqued.listener.after_exit", AFTER_EXIT_TIMEOUT=0.3)
    before = daemon.start_working(HANGING + "worker('a')\nworker('b')\n", count=2)
    daemon.write("hang", "")

    for worker in before.workers:
        daemon.signal_process(worker, signal.SIGKILL)

    daemon.wait_for_log("after_exit took more than 0.3 s and was cut off", count=2)
    after = daemon.wait_for_workers(2)
    assert after.listeners[0].pid == before.listeners[0].pid
    assert sorted(daemon.read("reports").split()) == ["a", "b"]
    assert "does not answer" not in daemon.log
    assert daemon.stop() == 0


def test_a_reload_retires_the_workers_of_a_silent_listener(daemon: Daemon):
    """The master tells them itself; nobody is lost, and the old listener leaves when it can."""
    watch_closely(daemon)
    before = daemon.start_working("worker_pool(4, 'a')\n", count=4)
    frozen = freeze(daemon, before)
    daemon.wait_for_log(NO_ANSWER)
    inspector = Inspector(daemon, most=4, least=3)
    daemon.signal(signal.SIGHUP)

    daemon.wait_until(
        lambda: "Generation 2 has taken over" in daemon.log if inspector.look() else None,
        "the change-over",
    )

    tree = daemon.wait_for_workers(4)
    assert len(tree.workers_of(2)) == 4
    assert not {w.pid for w in before.workers} & {w.pid for w in tree.workers}
    assert tree.listener(1) is not None
    thaw(daemon, frozen)
    assert daemon.stop() == 0


def test_a_listener_that_falls_silent_during_a_reload(daemon: Daemon):
    """What it was told in vain the master says itself, as soon as the silence has been noticed."""
    _, frozen = start_and_freeze(daemon, 2)
    daemon.signal(signal.SIGHUP)

    daemon.wait_for_log("Generation 2 has taken over")

    assert "does not answer" in daemon.log
    thaw(daemon, frozen)
    daemon.wait_for_workers(2)
    assert daemon.stop() == 0


def test_a_stopped_listener_with_a_full_socket_does_not_hang_the_master(daemon: Daemon):
    """What does not fit is kept, without turning in circles; a reload goes on beside it."""
    daemon.customize("resqued.master.steering", PING_EVERY=0.001, SILENT_AFTER=0.3)
    before = daemon.start_working("worker_pool(2, 'a')\n", count=2)
    frozen = freeze(daemon, before)
    daemon.wait_until(lambda: waits_for_room(daemon.pid), "a full socket")
    daemon.wait_for_log(NO_ANSWER)

    used = seconds_of_cpu(daemon.pid)
    daemon.assert_lasts(lambda: seconds_of_cpu(daemon.pid) - used < 0.35, "a master at rest", 0.5)
    daemon.signal(signal.SIGHUP)

    daemon.wait_for_log("Generation 2 has taken over")
    thaw(daemon, frozen)
    daemon.wait_for_workers(2)
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.log


def test_term_ends_a_stopped_listener_and_its_workers(daemon: Daemon):
    """After stop_timeout nobody is asked any more; the workers have been told all the same."""
    tree = daemon.start_working("stop_timeout(0.3)\nworker('busy')\nworker('a')\n", count=2)
    freeze(daemon, tree)

    assert daemon.stop(signal.SIGTERM, seconds=5) == 0


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGUSR2])
def test_the_workers_of_a_silent_listener_are_told_to_leave(daemon: Daemon, number: signal.Signals):
    """Stopping and pausing do not wait for an after_exit that hangs; only the listener does."""
    watch_closely(daemon)
    before = daemon.start_working(HANGING + "worker_pool(3, 'a')\n", count=3)
    hang(daemon, before.workers[0])

    daemon.signal(number)

    daemon.wait_until(lambda: not daemon.tree().workers, "no worker")
    assert daemon.tree().listener(1)
    (daemon.folder / "hang").unlink()
    daemon.wait_until(lambda: not daemon.tree().listeners, "no listener")
    assert_end(daemon, number)


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR2])
def test_a_listener_that_hangs_just_before_the_order(daemon: Daemon, number: signal.Signals):
    """What it does not pass on the master says itself, as soon as the silence has been noticed."""
    _, frozen = start_and_freeze(daemon, 3)
    daemon.signal(number)

    daemon.wait_until(lambda: not daemon.tree().workers, "no worker", seconds=10)

    daemon.wait_for_log(NO_ANSWER)  # which it says after it has told the workers
    assert daemon.tree().listener(1)
    daemon.signal_process(frozen, signal.SIGCONT)
    daemon.wait_until(lambda: not daemon.tree().listeners, "no listener")
    assert_end(daemon, number)
    assert len(re.findall(NO_ANSWER, daemon.log)) == 1


def test_a_pool_is_resumed_beside_a_listener_that_hangs(daemon: Daemon):
    """The next generation gets the places of workers that the hanging one was to send away."""
    before, frozen = start_and_freeze(daemon, 2)
    daemon.signal(signal.SIGUSR2)
    daemon.wait_for_log("SIGUSR2 received, pausing")
    daemon.signal(signal.SIGCONT)

    daemon.wait_until(lambda: len(daemon.tree().workers_of(2)) == 2, "a new pool")

    assert not {w.pid for w in before.workers} & {w.pid for w in daemon.wait_for_workers(2).workers}
    thaw(daemon, frozen)
    assert daemon.stop() == 0
