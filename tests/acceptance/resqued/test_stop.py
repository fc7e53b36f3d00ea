import os
import signal
import time

import pytest

from tests.support.daemon import WORKERS, Daemon

HANGING_BEFORE_FORK = """
import signal
from jobs import note
@before_fork
def hang():
    note("hanging", "now")
    while True:
        signal.sigwait({signal.SIGWINCH})
worker("a")
"""


def test_quit_lets_a_busy_worker_finish(daemon: Daemon):
    """QUIT ends the idle at once, waits for the job in hand, and then the master exits 0."""
    tree = daemon.start_working("worker('busy')\nworker('a')\n", count=2)
    busy = next(w for w in tree.workers if "busy" in w.title)

    daemon.signal(signal.SIGQUIT)
    daemon.wait_until(lambda: [w.pid for w in daemon.tree().workers] == [busy.pid], "only busy")
    daemon.wait_until(lambda: daemon.tree().titled(r".* listener .*\[shutdown\]"), "the title")
    assert daemon.tree().masters
    daemon.write("finish", "")

    assert daemon.wait_for_exit() == 0
    assert daemon.read("done") == f"{busy.pid}\n"
    daemon.wait_until_gone()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_term_and_int_stop_at_once(daemon: Daemon, number: signal.Signals):
    """TERM and INT do not wait for the job in hand."""
    daemon.start_working("worker('busy')\nworker('a')\n", count=2)

    assert daemon.stop(number) == 0
    assert not daemon.read("done")
    assert "killing" not in daemon.log


def test_term_after_quit_stops_now(daemon: Daemon):
    """TERM hurries a stop that waits for a job; a QUIT or CONT after it changes nothing."""
    daemon.start_working("worker('busy')\n", count=1)

    daemon.signal(signal.SIGQUIT)
    daemon.wait_until(lambda: daemon.tree().titled(r"resque-0: Processing"), "a job at QUIT")
    daemon.signal(signal.SIGCONT)
    daemon.signal(signal.SIGHUP)

    assert daemon.stop(signal.SIGTERM) == 0
    assert not daemon.read("done")


def test_stop_timeout_kills_a_worker_that_ignores_term(daemon: Daemon):
    """A worker that refuses TERM is killed after stop_timeout, by its listener."""
    daemon.start(WORKERS + "stop_timeout(1)\nworker('stubborn')\n")
    daemon.wait_until(lambda: daemon.tree().titled(r"resque-0: Processing"), "a stubborn worker")
    begun = time.monotonic()

    assert daemon.stop(signal.SIGTERM) == 0
    assert time.monotonic() - begun >= 1
    assert "killing what is left" in daemon.log
    assert "SIGKILL" in daemon.log


def test_a_second_term_kills_now(daemon: Daemon):
    """Whoever asks twice does not wait for stop_timeout."""
    daemon.start(WORKERS + "stop_timeout(60)\nworker('stubborn')\n")
    daemon.wait_until(lambda: daemon.tree().titled(r"resque-0: Processing"), "a stubborn worker")

    daemon.signal(signal.SIGTERM)
    daemon.wait_for_log("Listener #1 is leaving")
    assert daemon.tree().workers
    assert daemon.stop(signal.SIGTERM, seconds=5) == 0


def test_quit_never_kills(daemon: Daemon):
    """However long a job goes on after QUIT, stop_timeout does not count."""
    daemon.start_working("stop_timeout(0.1)\nworker('busy')\n", count=1)

    daemon.signal(signal.SIGQUIT)
    daemon.wait_until(lambda: daemon.tree().titled(r"resque-0: Processing"), "a job at QUIT")
    # For longer than all limits.
    daemon.assert_lasts(lambda: len(daemon.tree().workers) == 1, "its worker", 1.5)
    daemon.write("finish", "")

    assert daemon.wait_for_exit() == 0
    assert daemon.read("done")


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
def test_fast_exit_leaves_workers_to_finish(daemon: Daemon, number: signal.Signals):
    """With --fast-exit the master ends at once, and the workers after their jobs."""
    daemon.start_working("worker('busy')\nworker('a')\n", "--fast-exit", count=2)

    daemon.signal(number)
    assert daemon.wait_for_exit(2) == 0
    if number is signal.SIGQUIT:
        daemon.wait_until(lambda: len(daemon.tree().workers) == 1, "only the busy worker")
        assert daemon.tree().listeners
        daemon.write("finish", "")
        daemon.wait_until_gone()
        assert daemon.read("done")
    else:
        daemon.wait_until_gone()
        assert not daemon.read("done")


def test_ctrl_c_reaches_everybody_at_once_and_is_no_escalation(daemon: Daemon):
    """A terminal sends INT to the whole process group; everything leaves, nothing is killed.

    Workers lead groups of their own: it reaches them through the master, once.
    """
    tree = daemon.start_working(
        "worker('a')\nworker('busy')\n"
        "@after_exit\ndef note(summary): print('ended by', summary.process_status)\n",
        count=2,
    )
    group = os.getpgid(daemon.pid)
    assert group == daemon.pid
    workers = {worker.pid for worker in tree.workers}
    groups = {process.pid: os.getpgid(process.pid) for process in tree.processes}
    assert {pid: group for pid, group in groups.items() if pid not in workers} == {
        daemon.pid: group,
        tree.listeners[0].pid: group,
    }
    assert {pid for pid, group in groups.items() if pid == group} == {daemon.pid, *workers}

    os.killpg(group, signal.SIGINT)

    assert daemon.wait_for_exit(5) == 0
    daemon.wait_until_gone()
    assert daemon.log.count("ended by") == 2
    assert "KILL" not in daemon.log
    assert "Traceback" not in daemon.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_stopping_while_the_application_hangs_in_before_fork(
    daemon: Daemon, number: signal.Signals
):
    """A listener that still loads is killed after a second: nothing of ours runs in it."""
    daemon.start(HANGING_BEFORE_FORK)
    daemon.wait_until(lambda: daemon.read("hanging"), "before_fork")

    assert daemon.stop(number, seconds=3) == 0


@pytest.mark.parametrize("who", ["canary", "worker"])
@pytest.mark.parametrize("where", ["after_fork", "worker_factory"])
def test_quit_stops_a_worker_that_hangs_before_it_works(daemon: Daemon, where: str, who: str):
    """A worker that is not through its hooks has no job; QUIT does not wait for it."""
    daemon.start(
        f"""
import signal
from jobs import Worker, note
worker_factory(Worker)
@{where}
def hang(given):
    if "hanging" in getattr(given, "queues", given):
        note("hanging", "now")
        while True:
            signal.sigwait({{signal.SIGWINCH}})
    return Worker(given)
{"" if who == "canary" else "worker('a')"}
worker("hanging")
"""
    )
    daemon.wait_until(lambda: daemon.read("hanging"), where)

    assert daemon.stop(signal.SIGQUIT, seconds=4) == 0
    assert "hanging" not in daemon.read("starts")


def test_a_signal_right_after_the_pidfile_appears_is_not_lost(daemon: Daemon):
    """Once the pidfile is there, HUP does no harm and QUIT stops, however early they come."""
    daemon.start(WORKERS + "worker('a')\n", "-p", "resqued.pid", "--embedded")
    daemon.wait_until(lambda: daemon.read("resqued.pid"), "the pidfile", seconds=10)

    daemon.signal(signal.SIGHUP)
    daemon.signal(signal.SIGUSR1)

    assert daemon.stop(signal.SIGQUIT) == 0
    assert "Traceback" not in daemon.log


def test_after_exit_is_told_how_each_worker_left(daemon: Daemon):
    """The after_exit hook gets the queues, the time and the status of every worker."""
    daemon.start(
        WORKERS + "@after_exit\n"
        "def report(summary):\n"
        "    print('SUMMARY', summary.queues, summary.alive_time_sec > 0, summary.process_status)\n"
        "worker('a', 'b')\nworker('c')\n"
    )
    killed = next(w for w in daemon.wait_for_workers(2).waiting if w.title.endswith(" c"))
    daemon.signal_process(killed, signal.SIGKILL)
    daemon.wait_for_log("SUMMARY.*\n")
    daemon.stop(signal.SIGQUIT)

    assert [line for line in daemon.log.splitlines() if line.startswith("SUMMARY")] == [
        "SUMMARY ('c',) True SIGKILL (signal 9)",
        "SUMMARY ('a', 'b') True exit status 0",
    ]


def test_an_end_during_the_burial_of_another_is_not_missed(daemon: Daemon):
    """A worker that ends while after_exit runs for another one is noticed without more news."""
    daemon.start(
        WORKERS
        + """
import os, signal
@after_exit
def kill_the_other(summary):
    if summary.queues == ("a",):
        busy = next(int(line.split()[0]) for line in open("starts") if " busy " in line)
        os.kill(busy, signal.SIGKILL)
        os.waitid(os.P_PID, busy, os.WEXITED | os.WNOWAIT)
worker("busy")
worker("a")
"""
    )
    daemon.wait_for_workers(2)

    assert daemon.stop(signal.SIGQUIT) == 0


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
def test_a_stop_that_finds_everything_below_dead(daemon: Daemon, number: signal.Signals):
    """All these ends and the signal come in one round: closed sockets are no crash."""
    tree = daemon.start_working("worker('a')\nworker('b')\n", count=2)
    daemon.signal(signal.SIGSTOP)
    for process in (*tree.listeners, *tree.workers):
        daemon.signal_process(process, signal.SIGKILL)
    daemon.wait_until(lambda: len(daemon.tree().processes) == 1, "the master alone")
    daemon.signal(number)
    daemon.signal(signal.SIGCONT)

    assert daemon.wait_for_exit(5) == 0
    daemon.wait_until_gone()
    assert "Traceback" not in daemon.log


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
def test_a_stop_in_the_middle_of_a_reload(daemon: Daemon, number: signal.Signals):
    """Two generations and a canary on its way: everything leaves, nothing is raised."""
    daemon.start_working("worker_pool(4, 'a')\n", count=4)
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log("Listener #2 .* runs")

    assert daemon.stop(number, seconds=5) == 0
    assert "Traceback" not in daemon.log
