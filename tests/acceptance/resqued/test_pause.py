import re
import signal

import pytest

from tests.support.daemon import WORKERS, Daemon, Tree
from tests.support.inspection import Inspector, lists_of
from tests.support.processes import pids

#: A before_fork that waits, while the test wants it to.
WAITING = """
import os, time
from jobs import note
@before_fork
def load():
    note("loading", str(os.getpid()))
    while os.path.exists("wait"):
        time.sleep(0.01)
"""


def is_at_rest(daemon: Daemon) -> bool:
    """Tell whether nothing but a paused master is there."""
    tree = daemon.tree()
    paused = tree.titled(r"resqued-\S+ master \[gen \d+\] \[0 running\] \[paused\] resqued\.py$")
    return len(tree.processes) == len(paused) == 1


def pause(daemon: Daemon) -> None:
    """Pause, and wait until all workers have left."""
    daemon.signal(signal.SIGUSR2)
    daemon.wait_until(lambda: is_at_rest(daemon), "a paused master alone")


def resume(daemon: Daemon, count: int) -> Tree:
    """Resume, and wait until so many workers wait for jobs."""
    daemon.signal(signal.SIGCONT)
    tree = daemon.wait_for_workers(count)
    daemon.wait_until(lambda: not is_paused(daemon), "the title")
    return tree


def is_paused(daemon: Daemon) -> bool:
    """Tell whether the master's title says so."""
    return bool(daemon.tree().titled(r"resqued-\S+ master .* \[paused\] "))


def received(daemon: Daemon, text: str, count: int = 1) -> None:
    """Wait until the master has said that it got a signal."""
    daemon.wait_for_log(rf"\[{daemon.pid}\] INFO \S+: {text}\n", count)


def test_a_paused_pool_has_no_worker(daemon: Daemon):
    """USR2 stops workers and listener, the title says so; CONT brings a whole pool back."""
    before = daemon.start_working("worker_pool(3, 'tasks')\n", "-p", "resqued.pid", count=3)
    pause(daemon)

    assert daemon.read("resqued.pid") == f"{daemon.pid}\n"
    assert [p.pid for p in daemon.tree().masters] == [daemon.pid]
    after = resume(daemon, 3)

    assert not {p.pid for p in before.workers} & {p.pid for p in after.workers}
    assert daemon.tree().listener(2)
    daemon.work("afterwards", after.workers)
    assert daemon.stop() == 0
    assert not re.search("WARNING|ERROR|Traceback", daemon.log)


def test_a_job_in_hand_is_finished_before_the_pause(daemon: Daemon):
    """The title says paused at once; only the busy worker stays, as long as it takes."""
    before = daemon.start_working("worker('busy')\nworker_pool(2, 'a')\n", count=3)
    busy = next(w for w in before.workers if "busy" in w.title)
    daemon.signal(signal.SIGUSR2)

    daemon.wait_until(lambda: [w.pid for w in daemon.tree().workers] == [busy.pid], "only busy")
    daemon.wait_until(lambda: is_paused(daemon), "the title")
    daemon.wait_for_title(r"\S+ listener #1 1/1/3 \[shutdown\] ")
    daemon.write("finish", "")

    daemon.wait_until(lambda: is_at_rest(daemon), "a paused master alone")
    assert daemon.read("done") == f"{busy.pid}\n"
    assert daemon.stop() == 0


def test_hup_while_paused_stays_paused(daemon: Daemon):
    """It starts nothing, neither then nor in addition when the pause is over."""
    daemon.start_working("worker('a')\n", count=1)
    pause(daemon)
    daemon.signal(signal.SIGHUP)
    daemon.replace("worker('b')\n")

    tree = resume(daemon, 1)  # obeyed after the HUP, and the next generation, no later one

    assert lists_of(tree.workers) == {"b": 1}
    assert tree.listener(2)
    assert "SIGHUP received" not in daemon.log
    assert daemon.stop() == 0


@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_a_log_rotated_while_paused(daemon: Daemon, how: str):
    """A paused master needs no HUP either to find its log file again."""
    daemon.start(WORKERS + "worker('a')\n", "-l", "resqued.log")
    daemon.wait_for_workers(1)
    pause(daemon)
    log = daemon.folder / "resqued.log"
    if how == "moved":
        log.rename(daemon.folder / "resqued.log.1")
    else:
        log.unlink()
    daemon.signal(signal.SIGHUP)

    daemon.signal(signal.SIGCONT)

    daemon.wait_until(
        lambda: "SIGCONT received, resuming\n" in daemon.read("resqued.log"), "a line"
    )
    assert daemon.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM, signal.SIGINT])
def test_a_paused_daemon_is_stopped_at_once(daemon: Daemon, number: signal.Signals):
    """There is nothing to wait for."""
    daemon.start_working("worker('a')\n", "-p", "resqued.pid", count=1)
    pause(daemon)

    assert daemon.stop(number, seconds=5) == 0
    assert daemon.read("resqued.pid") == ""


def test_term_while_a_pause_waits_for_a_job(daemon: Daemon):
    """It stops now, the job included."""
    daemon.start_working("worker('busy')\n", count=1)
    daemon.signal(signal.SIGUSR2)
    daemon.wait_until(lambda: daemon.tree().titled("resque-0: Processing busy"), "a job")

    assert daemon.stop(signal.SIGTERM, seconds=5) == 0
    assert not daemon.read("done")


def test_quit_while_a_pause_waits_for_a_job(daemon: Daemon):
    """It waits for the job as well, and then ends."""
    daemon.start_working("worker('busy')\n", count=1)
    daemon.signal(signal.SIGUSR2)
    daemon.wait_until(lambda: daemon.tree().titled("resque-0: Processing busy"), "a job")
    daemon.signal(signal.SIGQUIT)
    received(daemon, "SIGQUIT received, stopping")
    assert len(daemon.tree().workers) == 1
    daemon.write("finish", "")

    assert daemon.wait_for_exit() == 0
    assert daemon.read("done")


def test_resume_loads_what_is_there_then(daemon: Daemon):
    """Another configuration and another version of the application."""
    daemon.start_working("worker('tasks')\n", count=1)
    pause(daemon)
    daemon.deploy("two")
    daemon.replace("worker_pool(2, 'tasks', 'b')\n")

    tree = resume(daemon, 2)

    assert lists_of(tree.workers) == {"tasks,b": 2}
    daemon.work("task", tree.workers)
    assert {line.split()[2] for line in daemon.read("tasks_done").splitlines()} == {"two"}
    assert daemon.stop() == 0


def test_resume_with_a_config_that_cannot_be_read(daemon: Daemon):
    """There is nothing to go on with: the master tries again until the file is mended."""
    daemon.start_working("worker('a')\n", count=1)
    pause(daemon)
    daemon.write("resqued.py", "worker('a'\n")
    daemon.signal(signal.SIGCONT)
    daemon.wait_for_log(r"Generation 2 failed, trying again:\n  resqued\.py:1: SyntaxError")
    daemon.replace("worker('b')\n")

    assert lists_of(daemon.wait_for_workers(1).workers) == {"b": 1}
    assert daemon.stop() == 0


def test_pause_while_the_next_generation_boots(daemon: Daemon):
    """Both are stopped, even if the new code hangs; it does not come up during the pause."""
    daemon.start_working(WAITING + "worker('a')\n", count=1)
    daemon.write("wait", "")
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: daemon.read("loading").count("\n") == 2, "the next before_fork")

    pause(daemon)

    (daemon.folder / "wait").unlink()
    resume(daemon, 1)
    assert daemon.tree().listener(3)
    assert not re.search(r"Listener #2 .* runs", daemon.log)
    assert daemon.stop() == 0


def test_pause_while_the_first_generation_boots(daemon: Daemon):
    """However early: no worker comes; the master stays, and loads the files at CONT."""
    daemon.write("wait", "")
    daemon.start(WORKERS + WAITING + "worker('a')\n")
    daemon.wait_until(lambda: daemon.read("loading"), "before_fork")

    pause(daemon)

    (daemon.folder / "wait").unlink()
    resume(daemon, 1)
    assert daemon.read("starts").count("\n") == 1
    assert daemon.stop() == 0


def test_pause_before_anything_has_been_read(daemon: Daemon):
    """A pause in the first moment, while the config file itself still runs."""
    daemon.write("wait", "")
    hanging = WAITING.replace("@before_fork\n", "") + "load()\n"
    daemon.start(WORKERS + hanging + "worker('a')\n")
    daemon.wait_until(lambda: daemon.read("loading"), "the file's run")

    pause(daemon)

    (daemon.folder / "wait").unlink()
    resume(daemon, 1)
    assert daemon.stop() == 0


def test_pause_during_a_change_over(daemon: Daemon):
    """Both generations leave, a job of the old one in its time; one new generation comes back."""
    before = daemon.start_working("worker('busy')\nworker_pool(2, 'a')\n", count=3)
    busy = next(w for w in before.workers if "busy" in w.title)
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: lists_of(daemon.tree().workers_of(2)) == {"a": 2}, "two new workers")

    daemon.signal(signal.SIGUSR2)
    daemon.wait_until(lambda: [w.pid for w in daemon.tree().workers] == [busy.pid], "only busy")
    daemon.wait_until(lambda: not daemon.tree().listener(2), "the end of the new listener")
    assert daemon.tree().listener(1)
    daemon.write("finish", "")
    daemon.wait_until(lambda: is_at_rest(daemon), "a paused master alone")

    assert daemon.read("done") == f"{busy.pid}\n"
    resume(daemon, 3)
    assert daemon.tree().listener(3)
    assert daemon.stop() == 0


def test_a_pause_gives_up_the_fallback(daemon: Daemon):
    """The old listener, which waits for a job, is not fallen back on when the new one fails."""
    daemon.start_working("worker('busy')\nworker('a')\n", count=2)
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: lists_of(daemon.tree().workers_of(2)) == {"a": 1}, "a new worker")
    daemon.signal(signal.SIGUSR2)
    daemon.wait_until(
        lambda: [w.title for w in daemon.tree().workers] == ["resque-0: Processing busy"],
        "only the busy worker",
    )
    daemon.write("resqued.py", "1 / 0\n")
    daemon.signal(signal.SIGCONT)

    daemon.wait_for_log(r"Generation 3 failed, trying again:\n")
    daemon.wait_for_title(r"\S+ listener #1 1/1/2 \[shutdown\] ")
    daemon.replace("worker('busy')\nworker('a')\n")
    daemon.wait_until(lambda: lists_of(daemon.tree().workers)["a"] == 1, "a worker")
    daemon.write("finish", "")
    daemon.wait_for_workers(2)
    assert daemon.stop() == 0
    assert "takes over again" not in daemon.log


def test_resume_at_once_while_jobs_run(daemon: Daemon):
    """The cap holds: a list whose worker finishes a job from before the pause waits for it."""
    before = daemon.start_working("worker('busy')\nworker_pool(2, 'a')\n", count=3)
    busy = next(w for w in before.workers if "busy" in w.title)
    inspector = Inspector(daemon, most=3, busy=1, a=2)
    daemon.signal(signal.SIGUSR2)
    daemon.signal(signal.SIGCONT)
    received(daemon, "SIGCONT received, resuming")

    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(2)) == {"a": 2}, "two new workers"
    )
    assert busy.pid in pids(daemon.tree().workers)
    daemon.wait_for_title(r"\S+ master \[gen 2\] \[2 running\] resqued")
    daemon.write("finish", "")
    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(2)) == {"a": 2, "busy": 1}, "the third"
    )

    assert daemon.read("done") == f"{busy.pid}\n"
    daemon.wait_until(lambda: len(daemon.tree().listeners) == 1, "one listener")
    assert daemon.stop() == 0


def test_cont_without_a_pause_is_passed_on(daemon: Daemon):
    """Every worker gets it, the listener stays, nothing is started."""
    before = daemon.start(
        WORKERS
        + """
import signal
from jobs import note
class Continuing(Worker):
    def work(self, interval):
        signal.signal(signal.SIGCONT, lambda *_: note("continued", self.queues[0]))
        super().work(interval)
worker_factory(Continuing)
worker("tasks", "1")
worker("tasks", "2")
"""
    )
    before = daemon.wait_for_workers(2)
    daemon.wait_for_log(r" works\n", 2)
    daemon.signal(signal.SIGCONT)

    daemon.wait_until(lambda: daemon.read("continued") == "tasks\ntasks\n", "both")
    assert pids(daemon.tree().processes) == pids(before.processes)
    daemon.work("afterwards", before.workers)
    assert daemon.stop() == 0


def test_pausing_twice(daemon: Daemon):
    """The second asks nothing; one CONT is enough."""
    daemon.start_working("worker('busy')\n", count=1)
    daemon.signal(signal.SIGUSR2)
    received(daemon, "SIGUSR2 received, pausing")
    daemon.signal(signal.SIGUSR2)
    daemon.write("finish", "")
    daemon.wait_until(lambda: is_at_rest(daemon), "a paused master alone")
    daemon.signal(signal.SIGUSR2)

    resume(daemon, 1)

    assert daemon.log.count("SIGUSR2 received") == 1
    assert daemon.stop() == 0


def test_pause_reaches_the_workers_of_a_killed_listener(daemon: Daemon):
    """Nobody else can tell them; and no other listener is started for them."""
    before = daemon.start_working("worker_pool(2, 'a')\n", count=2)
    daemon.signal_process(before.listeners[0], signal.SIGKILL)
    daemon.wait_for_log(r"Listener #1 .* ended untold")

    pause(daemon)

    assert daemon.stop() == 0
    assert "Listener #2" not in daemon.log


def test_a_listener_killed_while_it_leaves_for_a_pause(daemon: Daemon):
    """Its busy worker finishes all the same, and the pause goes on."""
    before = daemon.start_working("worker('busy')\n", count=1)
    daemon.signal(signal.SIGUSR2)
    daemon.wait_until(lambda: daemon.tree().titled("resque-0: Processing busy"), "a job")
    daemon.signal_process(before.listeners[0], signal.SIGKILL)
    daemon.wait_until(lambda: not daemon.tree().listeners, "the listener's end")
    daemon.write("finish", "")

    daemon.wait_until(lambda: is_at_rest(daemon), "a paused master alone")
    assert daemon.read("done")
    resume(daemon, 1)
    assert daemon.stop() == 0


def test_a_paused_master_that_replaces_itself_stays_paused(daemon: Daemon):
    """USR1 starts nothing; the title, and what CONT does, are as before."""
    daemon.start_working("worker('a')\n", "-p", "resqued.pid", count=1)
    pause(daemon)
    daemon.signal(signal.SIGUSR1)
    daemon.wait_for_log("has taken over from itself")

    daemon.wait_until(lambda: is_at_rest(daemon), "a paused master alone")
    assert daemon.read("resqued.pid") == f"{daemon.pid}\n"
    resume(daemon, 1)
    assert daemon.tree().listener(2)
    assert daemon.stop() == 0


def test_replacing_the_master_while_a_pause_waits_for_a_job(daemon: Daemon):
    """The job goes on, counted; the pool is as large as ever afterwards."""
    before = daemon.start_working("worker('busy')\nworker('a')\n", count=2)
    busy = next(w for w in before.workers if "busy" in w.title)
    daemon.signal(signal.SIGUSR2)
    daemon.wait_until(lambda: pids(daemon.tree().workers) == {busy.pid}, "only the busy worker")
    daemon.signal(signal.SIGUSR1)
    daemon.wait_for_log("has taken over from itself")
    inspector = Inspector(daemon, most=2, busy=1, a=1)
    daemon.signal(signal.SIGCONT)
    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(2)) == {"a": 1}, "the idle worker"
    )
    assert busy.pid in pids(daemon.tree().workers)
    daemon.write("finish", "")

    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(2)) == {"a": 1, "busy": 1}, "both"
    )
    assert daemon.read("done") == f"{busy.pid}\n"
    assert daemon.stop() == 0
