import re
import signal
import time

import pytest

from tests.support.daemon import WORKERS, Daemon, Tree
from tests.support.inspection import lists_of

#: What asks nothing any more once the daemon stops.
WITHOUT_EFFECT = [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT]


def is_busy(daemon: Daemon, count: int = 1) -> bool:
    """Tell whether so many workers finish a job, and no others are there."""
    tree = daemon.tree()
    return len(tree.titled("resque-0: Processing busy")) == len(tree.workers) == count


@pytest.mark.parametrize("number", WITHOUT_EFFECT)
def test_what_comes_while_jobs_are_finished_asks_nothing(daemon: Daemon, number: signal.Signals):
    """Not even in the moment between the last job's end and the master's."""
    daemon.start_working("worker('busy')\nworker('a')\n", count=2)
    daemon.signal(signal.SIGQUIT)
    daemon.wait_until(lambda: is_busy(daemon), "only the busy worker")

    daemon.signal(number)
    daemon.write("finish", "")
    for _ in range(100):
        daemon.signal(number)  # no error: until it is waited for, an ended master is a zombie

    assert daemon.wait_for_exit() == 0
    daemon.wait_until_gone()
    assert not re.search("reloading|replacing|pausing|resuming|taken over|Listener #2", daemon.log)
    assert daemon.read("starts").count("\n") == 2


@pytest.mark.parametrize("stop", [signal.SIGQUIT, signal.SIGTERM])
def test_the_cont_that_systemd_sends_after_its_stop_signal(daemon: Daemon, stop: signal.Signals):
    """Nothing resumes, also if both come before the master has looked."""
    daemon.start_working("worker_pool(3, 'a')\n", count=3)
    daemon.signal(stop)
    daemon.signal(signal.SIGCONT)

    assert daemon.wait_for_exit(5) == 0
    daemon.wait_until_gone()
    assert daemon.read("starts").count("\n") == 3
    assert not re.search("resuming|Traceback|KILL", daemon.log)


def test_a_cont_after_the_stop_of_a_paused_daemon(daemon: Daemon):
    """A pause that waits for a job does not become a start while the daemon stops."""
    daemon.start_working("worker('busy')\n", count=1)
    daemon.signal(signal.SIGUSR2)
    daemon.wait_until(lambda: is_busy(daemon), "the busy worker")
    daemon.signal(signal.SIGQUIT)
    daemon.wait_for_log("SIGQUIT received, stopping")
    daemon.signal(signal.SIGCONT)
    daemon.write("finish", "")

    assert daemon.wait_for_exit() == 0
    assert "resuming" not in daemon.log
    assert daemon.read("done").count("\n") == 1


def test_term_to_every_process_at_once(daemon: Daemon):
    """Systemd's default kill mode: whoever gets it twice is not killed for that."""
    daemon.start(WORKERS + "stop_timeout(60)\nworker_pool(2, 'a')\nworker('stubborn')\n")
    daemon.wait_until(lambda: len(daemon.tree().workers) == 3, "three workers")
    daemon.wait_for_log(r" works\n", 3)
    daemon.wait_until(lambda: daemon.tree().titled("resque-0: Processing"), "a stubborn worker")
    tree = daemon.tree()
    for process in (*tree.workers, *tree.listeners, *tree.listeners, *tree.masters):
        daemon.signal_process(process, signal.SIGTERM)

    daemon.wait_until(
        lambda: [w.title for w in daemon.tree().workers] == ["resque-0: Processing stubborn"],
        "only the worker that refuses",
    )
    daemon.wait_for_log("SIGTERM received, stopping")
    daemon.wait_for_log(r"Listener #1 is leaving")
    stubborn = daemon.tree().workers[0]
    daemon.signal_process(daemon.tree().listeners[0], signal.SIGTERM)
    daemon.signal_process(stubborn, signal.SIGTERM)
    assert "KILL" not in daemon.log
    assert daemon.tree().workers == [stubborn]

    assert daemon.stop(signal.SIGTERM, seconds=5) == 0  # the second that the master got
    assert re.search(rf"Worker {stubborn.pid} for stubborn ended: SIGKILL", daemon.log)
    assert "killing what is left" not in daemon.log  # that would be the time-out's


def three_generations(daemon: Daemon) -> Tree:
    """Return the processes when two former generations have a job each, and the third is idle."""
    daemon.start_working("worker('busy', '1')\nworker('a')\n", count=2)
    daemon.replace("worker('busy', '1')\nworker('busy', '2')\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(
        lambda: lists_of(daemon.tree().workers_of(2)) == {"busy,2": 1}, "a worker of gen 2"
    )
    daemon.replace("worker('busy', '1')\nworker('busy', '2')\nworker('a')\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(
        lambda: lists_of(daemon.tree().workers_of(3)) == {"a": 1}, "a worker of gen 3"
    )
    daemon.wait_until(
        lambda: len(daemon.tree().titled("resque-0: Processing busy")) == 2, "two jobs"
    )
    return daemon.tree()


def test_term_during_a_reload_with_three_generations(daemon: Daemon):
    """All of them stop now, jobs of former ones included."""
    tree = three_generations(daemon)
    assert len(tree.listeners) == 3

    assert daemon.stop(signal.SIGTERM, seconds=5) == 0
    assert not daemon.read("done")
    assert "KILL" not in daemon.log


def test_quit_during_a_reload_with_three_generations(daemon: Daemon):
    """The jobs of former generations are finished; nobody takes the place of who leaves."""
    tree = three_generations(daemon)
    daemon.signal(signal.SIGQUIT)
    daemon.wait_until(lambda: is_busy(daemon, 2), "only the two with a job")
    starts = daemon.read("starts")
    daemon.write("finish busy,1", "")
    daemon.wait_until(lambda: is_busy(daemon, 1), "only one")
    daemon.write("finish busy,2", "")

    assert daemon.wait_for_exit() == 0
    daemon.wait_until_gone()
    assert len(daemon.read("done").splitlines()) == 2
    assert daemon.read("starts") == starts
    assert len(tree.workers) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_stop_while_the_next_generation_hangs_in_its_boot(daemon: Daemon, number: signal.Signals):
    """It is killed a second later; the workers of the present one leave as told."""
    daemon.start_working("worker('a')\n", count=1)
    daemon.replace(
        "import signal\nfrom jobs import note\n@before_fork\ndef load():\n"
        "    note('loading', '')\n    while True: signal.sigwait({signal.SIGWINCH})\nworker('a')\n"
    )
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: daemon.read("loading"), "before_fork")

    assert daemon.stop(number, seconds=8) == 0
    assert "failed" not in daemon.log


def test_the_longest_stop_timeout_of_all_generations_counts(daemon: Daemon):
    """A job of the old code has the time that the old configuration gave it, not the new."""
    daemon.start(WORKERS + "stop_timeout(1.5)\nworker('stubborn')\n")
    daemon.wait_until(lambda: daemon.tree().titled("resque-0: Processing"), "a stubborn worker")
    daemon.replace("stop_timeout(0.2)\nworker('stubborn')\nworker('a')\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: lists_of(daemon.tree().workers_of(2)) == {"a": 1}, "a new worker")
    begun = time.monotonic()

    assert daemon.stop(signal.SIGTERM, seconds=8) == 0
    assert time.monotonic() - begun >= 1.5
    assert daemon.log.count("killing what is left") == 1


def test_the_default_of_stop_timeout_is_not_waited_for_in_vain(daemon: Daemon):
    """It is a limit: who leaves sooner is not waited for, and a longer one changes nothing."""
    daemon.start_working("stop_timeout(300)\nworker_pool(3, 'a')\n", count=3)

    assert daemon.stop(signal.SIGTERM, seconds=8) == 0
    assert "killing" not in daemon.log


def test_a_worker_that_ignores_quit(daemon: Daemon):
    """QUIT waits for it as long as it likes; TERM afterwards gives it stop_timeout."""
    daemon.start(WORKERS + "stop_timeout(0.5)\nworker('stubborn')\nworker('a')\n")
    daemon.wait_until(lambda: len(daemon.tree().workers) == 2, "two workers")
    daemon.wait_for_log(r" works\n", 2)
    daemon.signal(signal.SIGQUIT)
    daemon.wait_until(lambda: len(daemon.tree().workers) == 1, "the one that stays")
    # For longer than stop_timeout.
    daemon.assert_lasts(lambda: len(daemon.tree().workers) == 1, "its worker", 1)
    assert "KILL" not in daemon.log
    begun = time.monotonic()

    assert daemon.stop(signal.SIGTERM, seconds=5) == 0
    assert time.monotonic() - begun >= 0.5
    assert "killing what is left" in daemon.log


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
def test_a_listener_that_somebody_else_tells_to_leave(daemon: Daemon, number: signal.Signals):
    """Its workers leave with it, and the next listener brings them back after the first pause."""
    before = daemon.start_working("worker_pool(2, 'tasks')\n", count=2)
    daemon.signal_process(before.listeners[0], number)
    daemon.wait_for_log(r"Listener #1 \(pid \d+\) ended untold: exit status 0")

    daemon.wait_until(lambda: daemon.tree().listener(2), "the next listener")
    after = daemon.wait_for_workers(2)

    assert not {w.pid for w in before.workers} & {w.pid for w in after.workers}
    daemon.work("afterwards", after.workers)
    assert daemon.stop() == 0
