import re
import signal

import pytest

from tests.support.daemon import WORKERS, Daemon, Tree
from tests.support.inspection import Inspector, lists_of
from tests.support.processes import Process, pids, started_at, uptime

POOL = "worker_pool(3, 'tasks')\n"
#: In a config file: never comes back.
HANG = "while True:\n        signal.sigwait({signal.SIGWINCH})"
#: A traceback whose last entries are these; the lines of our own that lead there may change.
FROM_HERE = r'Traceback \(most recent call last\):\n(?:  .*\n)+  File "resqued\.py", line '

#: A deploy, None for a file that is not there, and the whole of what is to be said about it.
DEPLOYS = {
    "syntax error": (POOL + "worker('a'\n", r"resqued\.py:2: SyntaxError: '\(' was never closed"),
    "import error": (
        "import nosuchmodule\n" + POOL,
        r"resqued\.py:1: ModuleNotFoundError: No module named 'nosuchmodule'",
    ),
    "unknown option": (
        "worker_pool(3, 'tasks', cuont=1)\nworker('b', intervall=2)\n",
        (
            r"resqued\.py:1: worker_pool\(cuont=1\): .*\n"
            r"resqued\.py:2: worker\(intervall=2\): no such option.*"
        ),
    ),
    "missing file": (None, r"resqued\.py: there is no such file"),
    "raising before_fork": (
        f"@before_fork\ndef load():\n    raise ValueError('no schema')\n{POOL}",
        rf"before_fork failed\n{FROM_HERE}3, in load\n    raise .*\nValueError: no schema",
    ),
    "before_fork that calls sys.exit": (
        f"import sys\n@before_fork\ndef load():\n    sys.exit('no schema')\n{POOL}",
        (
            rf"before_fork failed\n{FROM_HERE}4, in load\n    sys\.exit.*\n(?: +[~^]+\n)?"
            r"SystemExit: no schema"
        ),
    ),
    "before_fork that ends its process": (
        f"import os\n@before_fork\ndef load():\n    os._exit(3)\n{POOL}",
        r"its listener \(pid \d+\) ended early: exit status 3",
    ),
    "before_fork that hangs": (
        f"import signal\nboot_timeout(0.5)\n@before_fork\ndef load():\n    {HANG}\n{POOL}",
        r"it has not proved itself within 0\.5 s \(boot_timeout\)",
    ),
    "raising factory": (
        f"@worker_factory\ndef build(queues):\n    raise LookupError('no {{}}')\n{POOL}",
        (
            rf"A worker for tasks cannot start\n{FROM_HERE}3, in build\n    raise .*\n"
            r"LookupError: no \{\}"
        ),
    ),
    "factory of something else": (
        f"@worker_factory\ndef build(queues):\n    return len(queues)\n{POOL}",
        (
            r"A worker for tasks cannot start\nTraceback \(most recent call last\):\n(?:  .*\n)+"
            r"TypeError: the factory returned 1, which has no method work"
        ),
    ),
    "raising after_fork": (
        f"@after_fork\ndef connect():\n    raise ConnectionError('no server')\n{WORKERS}{POOL}",
        (
            rf"A worker for tasks cannot start\n{FROM_HERE}3, in connect\n    raise .*\n"
            r"ConnectionError: no server"
        ),
    ),
    "after_fork that calls sys.exit": (
        f"import sys\n@after_fork\ndef connect():\n    sys.exit()\n{WORKERS}{POOL}",
        (
            rf"A worker for tasks cannot start\n{FROM_HERE}4, in connect\n    sys\.exit.*\n"
            r"(?: +[~^]+\n)?SystemExit"
        ),
    ),
    "after_fork that hangs": (
        (
            f"import signal\nboot_timeout(0.5)\n@after_fork\ndef connect():\n    {HANG}\n"
            f"{WORKERS}{POOL}"
        ),
        r"it has not proved itself within 0\.5 s \(boot_timeout\)",
    ),
    "canary that is killed": (
        f"import os\n@after_fork\ndef connect():\n    os.kill(os.getpid(), 9)\n{WORKERS}{POOL}",
        r"the canary ended before it was ready: SIGKILL \(signal 9\)",
    ),
    "canary that leaves": (
        f"import os\n@after_fork\ndef connect():\n    os._exit(0)\n{WORKERS}{POOL}",
        r"the canary ended before it was ready: exit status 0",
    ),
}


def deploy(daemon: Daemon, config: str | None) -> None:
    """Put another config file, or none, in the place of the present one, and reload."""
    if config is None:
        (daemon.folder / "resqued.py").unlink()
    else:
        daemon.write("resqued.py", config)
    daemon.signal(signal.SIGHUP)


def started(daemon: Daemon, pool: str = POOL, count: int = 3) -> Tree:
    """Start, and wait until everything that belongs to the start has been logged."""
    daemon.start(WORKERS + pool)
    tree = daemon.wait_for_workers(count)
    daemon.wait_for_log(r" works\n", count)
    return tree


def wait_until_new(daemon: Daemon, former: Tree, number: int) -> list[Process]:
    """Wait until a good deploy, of generation ``number``, has replaced all workers."""
    daemon.wait_for_log(f"Generation {number} has taken over")
    tree = daemon.wait_for_workers(3)
    assert not pids(former.workers) & pids(tree.workers)
    daemon.work(f"generation-{number}", tree.workers)
    return tree.workers


@pytest.mark.parametrize("name", DEPLOYS)
def test_a_deploy_that_does_not_work(daemon: Daemon, name: str):
    """The same workers go on working, one block says why, and the next good deploy is as ever."""
    before = started(daemon)
    lines = len(daemon.log)
    config, reason = DEPLOYS[name]
    deploy(daemon, config)

    daemon.wait_for_log("Generation 2 failed")
    daemon.wait_until(lambda: len(daemon.tree().processes) == 5, "the end of the new listener")
    daemon.work("after-failure", before.workers)

    assert daemon.tree().workers == before.workers
    assert pids(daemon.tree().listeners) == pids(before.listeners)
    log = daemon.log[lines:]
    indented = reason.replace(r"\n", r"\n  ")
    blocks = re.findall(
        rf"^\S+ \S+ \[{daemon.pid}\] ERROR \S+: Generation 2 failed, generation 1 goes on:\n"
        rf"  {indented}\n(?=\d{{4}}-|\Z)",
        log,
        re.MULTILINE,
    )
    assert len(blocks) == 1, log
    rest = log.replace(blocks[0], "")
    assert not re.search("WARNING|ERROR|Traceback|Error:", rest), rest

    deploy(daemon, WORKERS + POOL)
    wait_until_new(daemon, before, 3)  # the third: nothing was tried in between
    assert daemon.stop() == 0
    assert daemon.log.count("Generation 2 failed") == 1


def test_nothing_is_retried_until_the_next_hup(daemon: Daemon):
    """However long after the failure: the new code is not run again."""
    before = started(daemon)
    deploy(
        daemon,
        "from jobs import note\n"
        f"@before_fork\ndef load():\n    note('tries', '1')\n    1 / 0\n{POOL}",
    )
    daemon.wait_for_log("Generation 2 failed")
    (ended,) = daemon.wait_for_log(r":(\d\d\.\d+) .*Listener #2 \(pid \d+\) ended")

    # A retry would come 1 s later; other news of the daemon tell that it has passed.
    daemon.signal_process(before.workers[0], signal.SIGKILL)
    daemon.wait_until(lambda: len(daemon.tree().workers) == 2, "its end")
    after = daemon.wait_for_workers(3)
    (restarted,) = daemon.wait_for_log(r":(\d\d\.\d+) .* works\n", count=4)[3:]

    assert (float(restarted) - float(ended)) % 60 > 1
    assert daemon.read("tries") == "1\n"
    assert pids(after.listeners) == pids(before.listeners)
    assert daemon.stop() == 0


def test_broken_deploys_do_not_make_a_good_one_or_a_repair_wait(daemon: Daemon):
    """Failures beside a generation that works are no reason to start anything later."""
    daemon.customize("resqued.backoff", LONG_ENOUGH=2.0)  # and so the longest of all pauses
    before = started(daemon)
    for number in (2, 3, 4):
        deploy(daemon, "1 / 0\n")
        daemon.wait_for_log(rf"Listener #{number} \(pid \d+\) ended")
    daemon.write("resqued.py", WORKERS + POOL)
    daemon.wait_until(lambda: uptime() - started_at(before.listeners[0]) > 2.1, "its long life")

    killed_at = uptime()
    daemon.signal_process(before.listeners[0], signal.SIGKILL)

    fifth = daemon.wait_until(lambda: daemon.tree().listener(5), "the next listener")
    assert started_at(fifth) - killed_at < 1.9
    daemon.wait_until(
        lambda: not pids(before.workers) & pids(daemon.tree().waiting),
        "only new workers",
    )
    daemon.work("afterwards", daemon.wait_for_workers(3).workers)
    assert daemon.stop() == 0


#: Workers that get through every hook and then do not work, as generation 2.
FAILING_LATER = {
    "raising in work": f"""
{WORKERS}
class Broken(Worker):
    def work(self, interval):
        raise RuntimeError("no work today")
worker_factory(Broken)
{POOL}""",
    "leaving at once": WORKERS + "worker_pool(3, 'brief', 'tasks')\n",
    "killed at once": f"""
{WORKERS}
import os
class Killed(Worker):
    def work(self, interval):
        os.kill(os.getpid(), 9)
worker_factory(Killed)
{POOL}""",
    "raising in after_fork, but not in the canary's": f"""
{WORKERS}
import os
@after_fork
def connect():
    if os.path.exists("connected"):
        raise ConnectionError("too many connections")
    open("connected", "w").close()
{POOL}""",
}


@pytest.mark.parametrize("name", FAILING_LATER)
def test_workers_that_fail_when_their_generation_seemed_good(daemon: Daemon, name: str):
    """Three in a row, and the old listener fills its pool again; never too few, never too many."""
    before = started(daemon)
    inspector = Inspector(daemon, most=3, least=2)
    deploy(daemon, FAILING_LATER[name])

    daemon.wait_until(
        lambda: inspector.look() and "Generation 2 failed" in daemon.log, "three failures", 10
    )
    assert re.search(
        r"Listener #2 \(pid \d+\) runs\n(?:.*\n)*\S+ \S+ \[\d+\] ERROR \S+: Generation 2 failed: "
        r"3 of its workers in a row did not get to work; generation 1 takes over again\n",
        daemon.log,
    )
    daemon.wait_until(
        lambda: len(inspector.look().workers_of(1)) == len(daemon.tree().processes) - 2 == 3,
        "the old listener with three workers, alone",
    )

    tree = daemon.wait_for_workers(3)
    assert pids(tree.listeners) == pids(before.listeners)
    daemon.work("after-return", tree.workers)
    deploy(daemon, WORKERS + POOL)
    wait_until_new(daemon, tree, 3)
    assert daemon.stop() == 0


def test_one_list_of_the_new_generation_fails(daemon: Daemon):
    """All of it gives way, for a list that the old code works would be worked by nobody."""
    before = started(daemon, "worker('tasks', '1')\nworker('tasks', '2')\n", 2)
    inspector = Inspector(daemon, most=2, least=1, **{"tasks,1": 1, "tasks,2": 1})
    deploy(
        daemon,
        WORKERS + "@after_fork\ndef connect(worker):\n    if '2' in worker.queues: 1 / 0\n"
        "worker('tasks', '1')\nworker('tasks', '2')\n",
    )

    daemon.wait_until(
        lambda: inspector.look() and "Generation 2 failed: 3 of" in daemon.log, "three failures"
    )
    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(1)) == {"tasks,1": 1, "tasks,2": 1},
        "a full pool",
    )
    daemon.wait_until(
        lambda: pids(daemon.tree().listeners) == pids(before.listeners), "the old listener alone"
    )
    daemon.work("after-return", daemon.wait_for_workers(2).workers)
    assert daemon.stop() == 0


def test_a_deploy_that_fails_while_another_is_under_way(daemon: Daemon):
    """The one under way goes on, with its fallback, as if nothing had been tried."""
    before = started(daemon, "worker('busy')\nworker('tasks')\n", 2)
    busy = next(w for w in before.workers if "busy" in w.title)
    deploy(daemon, WORKERS + "worker('busy')\nworker('tasks')\n")
    daemon.wait_until(
        lambda: lists_of(daemon.tree().workers_of(2)) == {"tasks": 1}, "the first new worker"
    )
    deploy(daemon, "1 / 0\n")
    daemon.wait_for_log("Generation 3 failed, generation 2 goes on:\n  resqued.py:1: ZeroDivision")
    daemon.write("finish", "")

    daemon.wait_for_log("Generation 2 has taken over")
    tree = daemon.wait_for_workers(2)
    assert busy.pid not in pids(tree.workers)
    daemon.wait_until(lambda: len(daemon.tree().listeners) == 1, "one listener")
    assert daemon.tree().listener(2)
    assert daemon.stop() == 0
