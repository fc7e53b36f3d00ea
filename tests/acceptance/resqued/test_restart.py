import itertools
import re
import signal
import time
from collections import Counter

import pytest

from tests.support.daemon import WORKERS, Daemon, Tree
from tests.support.inspection import Inspector
from tests.support.processes import Process


def queues_of(workers: list[Process]) -> Counter[str]:
    """Count the waiting workers by their queues."""
    return Counter(worker.title.partition("Waiting for ")[2] for worker in workers)


def test_a_killed_worker_comes_back_and_the_others_stay(daemon: Daemon):
    """After kill -9 a worker is replaced after the first pause of 1 s; nobody else is touched."""
    tree = daemon.start_working("worker('a')\nworker('b')\nworker('c')\n", count=3)
    killed, *others = tree.workers
    begun = time.monotonic()
    daemon.signal_process(killed, signal.SIGKILL)
    daemon.wait_until(lambda: len(daemon.tree().workers) == 2, "the worker's end")

    after = daemon.wait_for_workers(3)

    assert time.monotonic() - begun > 0.9
    assert {w.pid for w in others} < {w.pid for w in after.workers}
    assert queues_of(after.workers) == queues_of(tree.workers)
    assert after.listeners == tree.listeners
    daemon.wait_for_log(r"ended: SIGKILL \(signal 9\); next start in 1 s")


def test_a_worker_that_leaves_early_is_restarted_after_growing_pauses(daemon: Daemon):
    """Exit status 0 without being told is an early end as well; the others do not wait for it."""
    tree = daemon.start_working("worker('brief')\nworker('a')\n", count=1)

    daemon.wait_for_log(r"for brief ended: exit status 0; next start in 4 s")

    pauses = re.findall(r"for brief ended: exit status 0; next start in (\d+) s", daemon.log)
    assert pauses == ["1", "2", "4"]
    moments = [
        float(minutes) * 60 + float(seconds)
        for minutes, seconds in re.findall(r":(\d\d):(\d\d\.\d+) .*for brief ended", daemon.log)
    ]
    lives = [(b - a) % 3600 for a, b in itertools.pairwise(moments)]
    assert lives[0] >= 1
    assert lives[1] >= 2
    assert daemon.tree().waiting == tree.waiting


def test_a_worker_that_cannot_start_fails_alone(daemon: Daemon):
    """A raising after_fork or factory is logged with its traceback; the others work.

    Unless it is the first worker's, which stands for all of its generation.
    """
    daemon.start(
        """
from jobs import Worker

@worker_factory
def build(queues):
    if queues == ["unbuildable"]:
        raise LookupError("no such thing")
    return Worker(queues)

@after_fork
def connect(worker):
    if worker.queues == ["unconnectable"]:
        raise ConnectionError("no server today")

worker("a"); worker("unbuildable"); worker("unconnectable"); worker("b")
"""
    )

    daemon.wait_until(lambda: len(daemon.tree().waiting) == 2, "the other two")
    daemon.wait_for_log(r"for unbuildable ended: exit status 1; next start in \d s")
    daemon.wait_for_log(r"for unconnectable ended: exit status 1; next start in \d s")
    assert re.search(
        r"A worker for unbuildable cannot start\n  Traceback [^Z]*\n  LookupError: no such thing\n",
        daemon.log,
    )
    assert re.search(
        r"A worker for unconnectable cannot start\n  Traceback [^Z]*\n"
        r"  ConnectionError: no server today",
        daemon.log,
    )
    # Not before they would have worked, and not after they failed: their starts are no work.
    assert queues_of(daemon.tree().waiting) == Counter(["a", "b"])


def test_a_raising_after_exit_is_logged_and_nothing_else(daemon: Daemon):
    """The listener lives on and replaces the worker whose after_exit raised."""
    tree = daemon.start_working(
        "@after_exit\ndef fail():\n    raise ValueError('after all')\nworker('a')\n", count=1
    )
    daemon.signal_process(tree.workers[0], signal.SIGKILL)

    daemon.wait_for_log("An after_exit hook failed\n  Traceback [^Z]*\n  ValueError: after all")
    daemon.wait_until(lambda: not daemon.tree().workers, "the worker's end")
    assert daemon.wait_for_workers(1).listeners == tree.listeners


def test_a_raising_before_fork_is_retried(daemon: Daemon):
    """It is logged once per attempt, in one block, and retried with growing pauses."""
    daemon.start(
        WORKERS
        + """
import os, time
from jobs import note
@before_fork
def load():
    note("attempts", str(time.monotonic()))
    if not os.path.exists("repaired"):
        raise RuntimeError("the database is away")
worker("a")
"""
    )
    daemon.wait_for_log("RuntimeError: the database is away", count=2)
    daemon.write("repaired", "")
    daemon.wait_for_workers(1)

    # One record, so that no other process's line stands in between.
    assert re.search(
        r"ERROR \S+: Generation 1 failed, trying again:\n  before_fork failed\n"
        r"  Traceback [^Z]*resqued\.py\", line \d+, in load\n[^Z]*\n"
        r"  RuntimeError: the database is away\n",
        daemon.log,
    )
    first, second, third = map(float, daemon.read("attempts").split())
    assert second - first >= 1
    assert third - second >= 2
    daemon.wait_for_title(r"\S+ listener #3 .*\[running\]")


def test_a_killed_listener_is_replaced_without_losing_or_adding_a_worker(daemon: Daemon):
    """Its workers go on, are replaced one by one, and at no moment are there too many."""
    before = daemon.start_working("worker_pool(4, 'a')\nworker('b')\n", count=5)
    daemon.signal_process(before.listeners[0], signal.SIGKILL)
    old = {worker.pid for worker in before.workers}
    inspector = Inspector(daemon, most=5, least=4, a=4, b=1)

    def sample() -> Tree | None:
        tree = inspector.look()
        if not tree.listeners and {w.pid for w in tree.workers} != old:
            tree = inspector.look()  # one look is not one moment
            is_untouched = tree.listeners or {w.pid for w in tree.workers} == old
            assert is_untouched, f"not untouched:\n{tree}"
        is_replaced = not old & {w.pid for w in tree.workers} and len(tree.waiting) == 5
        return tree if is_replaced else None

    after = daemon.wait_until(sample, "five new workers")

    assert queues_of(after.workers) == {"a": 4, "b": 1}
    assert {w.ppid for w in after.workers} == {after.listeners[0].pid}
    daemon.wait_for_title(r"\S+ listener #2 5/5/5 ")
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.log


def test_a_worker_that_was_not_ready_when_its_listener_died_leaves(daemon: Daemon):
    """It finds nobody at its gate, although workers forked after it still run."""
    daemon.start(
        WORKERS
        + """
import os, time
from jobs import note
@after_fork
def connect(worker):
    if worker.queues == ["late"]:
        note("late", str(os.getpid()))
        while not os.path.exists("go"):
            time.sleep(0.01)
worker("a")
worker("late")
"""
    )
    daemon.wait_until(lambda: daemon.tree().waiting and daemon.read("late"), "both workers")
    daemon.signal_process(daemon.tree().listeners[0], signal.SIGKILL)
    daemon.wait_for_log(r"Listener #1 .* ended untold: SIGKILL")
    daemon.write("go", "")

    after = daemon.wait_for_workers(2)

    assert queues_of(after.waiting) == {"late": 1, "a": 1}
    assert int(daemon.read("late").split()[0]) not in {w.pid for w in after.workers}
    assert len(daemon.read("late").split()) == 2


def test_a_busy_worker_of_a_killed_listener_keeps_its_place(daemon: Daemon):
    """Its queue list is worked by nobody else until its job is done; the title counts it."""
    before = daemon.start_working("worker('busy')\nworker('a')\n", count=2)
    busy = next(w for w in before.workers if "busy" in w.title)
    daemon.signal_process(before.listeners[0], signal.SIGKILL)

    daemon.wait_until(lambda: daemon.tree().titled(r"\S+ listener #2 1/2/2 "), "its replacement")
    tree = daemon.tree()
    assert busy.pid in {w.pid for w in tree.workers}
    assert len(tree.workers) == 2
    daemon.write("finish", "")

    after = daemon.wait_for_workers(2)
    assert busy.pid not in {w.pid for w in after.workers}
    assert daemon.read("done") == f"{busy.pid}\n"
    daemon.wait_until(lambda: daemon.tree().titled(r"\S+ listener #2 2/2/2 "), "the title")


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
def test_orphaned_workers_are_stopped_with_the_rest(daemon: Daemon, number: signal.Signals):
    """A stop reaches the workers whose listener was killed, while no other is there yet."""
    before = daemon.start_working("worker_pool(3, 'a')\n", count=3)
    daemon.signal_process(before.listeners[0], signal.SIGKILL)
    daemon.wait_for_log(r"Listener #1 .* ended untold: SIGKILL")

    assert daemon.stop(number) == 0


def test_a_killed_master_takes_everything_along_and_frees_its_pidfile(daemon: Daemon):
    """After kill -9 the workers finish and leave, and another daemon may start at once."""
    before = daemon.start_working(
        "@after_exit\ndef report(summary): print('reported', *summary.queues)\n"
        "worker('busy')\nworker('a')\n",
        *("-p", "resqued.pid"),
        count=2,
    )
    daemon.signal(signal.SIGKILL)
    daemon.wait_for_exit()

    daemon.wait_for_log("The master is gone")
    daemon.wait_until(
        lambda: [w.title for w in daemon.tree().workers] == ["resque-0: Processing busy"],
        "only the worker with a job",
    )
    daemon.start(WORKERS + "worker('x')\n", "-p", "resqued.pid")
    daemon.wait_until(lambda: queues_of(daemon.tree().waiting) == {"x": 1}, "the other daemon")
    assert daemon.read("resqued.pid") == f"{daemon.pid}\n"
    daemon.write("finish", "")

    former = {process.pid for process in before.processes}
    daemon.wait_until(
        lambda: not former & {process.pid for process in daemon.tree().processes}, "all gone"
    )
    assert daemon.log.count("reported a\n") == daemon.log.count("reported busy\n") == 1
    assert daemon.stop() == 0


def test_master_killed_while_the_application_hangs_in_before_fork(daemon: Daemon):
    """A listener that cannot notice anything dies with its master."""
    daemon.start(
        "import signal\nfrom jobs import note\n@before_fork\ndef hang():\n"
        "    note('hanging', 'now')\n    signal.pause()\nworker('a')\n"
    )
    daemon.wait_until(lambda: daemon.read("hanging"), "before_fork")

    daemon.signal(signal.SIGKILL)

    daemon.wait_for_exit()
    daemon.wait_until_gone()


def test_the_masters_adopted_strangers_are_reaped_and_ignored(daemon: Daemon):
    """An orphan that a worker left behind comes to the master, who buries it and goes on."""
    before = daemon.start_working("worker('parent')\nworker('a')\n", count=2)
    (stray,) = daemon.wait_until(
        lambda: [p for p in daemon.tree().titled("stray") if p.ppid == daemon.pid], "the adoption"
    )

    daemon.signal_process(stray, signal.SIGKILL)

    daemon.wait_until(lambda: not daemon.tree().titled("stray"), "the stray's end")
    daemon.wait_until(lambda: not daemon.is_zombie(stray), "the stray's burial")
    assert daemon.tree().waiting == before.waiting
    assert daemon.stop() == 0


#: What an application may do with signals before the fork, so that its listener would hear nothing.
LISTENING = {
    "a loop of its own": """
import asyncio, signal
@before_fork
def load():
    async def listen():
        for number in (signal.SIGTERM, signal.SIGCHLD):
            asyncio.get_running_loop().add_signal_handler(number, print)
    asyncio.run(listen())
""",
    "handlers and a wake-up of its own": """
import os, signal
@before_fork
def load():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
""",
}


@pytest.mark.parametrize("application", LISTENING)
def test_an_application_that_has_listened_for_signals(daemon: Daemon, application: str):
    """Its listener hears again of what ends, and of its own end, when that is over."""
    config = LISTENING[application] + "worker('a')\nworker('b')\n"
    tree = daemon.start_working(config, count=2)
    daemon.signal_process(tree.workers[0], signal.SIGKILL)

    daemon.wait_for_log(r"ended: SIGKILL \(signal 9\); next start in 1 s")

    daemon.wait_for_workers(2)
    assert daemon.stop(signal.SIGTERM) == 0
