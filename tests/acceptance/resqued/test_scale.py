"""``resqued scale``, and what becomes of the workers."""

import json
import signal
import subprocess
from typing import Any

import pytest

from tests.support.control import ask, workers_of
from tests.support.daemon import WAITING, WORKERS, Daemon
from tests.support.inspection import Inspector, has_taken_over, lists_of, wait_for_take_over
from tests.support.processes import Process

PIDFILE = ("-p", "a.pid")
#: A single worker, and a pool of whose workers every other one has b as well.
MAIL = "worker('x')\nworker_pool(2, name='mail')\nqueue('a')\nqueue('b', percent=50)\n"


def scale(daemon: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``resqued scale``."""
    return daemon.run("scale", *PIDFILE, *words)


def scaled(daemon: Daemon, *words: str) -> str:
    """Run it, and return what it prints; it must succeed."""
    done = scale(daemon, *words)
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def owner(daemon: Daemon) -> dict[str, Any]:
    """Return what the status says of the generation that owns the workers."""
    status = ask(daemon.folder / "a.sock", "status")
    (found,) = (each for each in status["generations"] if each["state"] == "owner")
    return dict(found)


def pids(workers: list[Process]) -> set[int]:
    """Return who they are."""
    return {worker.pid for worker in workers}


def start_busy(daemon: Daemon, count: int) -> list[Process]:
    """Start a pool called p of workers that have a job from the start; returns them."""
    daemon.start(WORKERS + f"worker_pool({count}, 'working', name='p')\n", *PIDFILE)
    daemon.wait_for_log("Worker .* works", count=count)

    def busy() -> list[Process] | None:
        found = daemon.tree().titled("resque-0: Processing")
        return found if len(found) == count else None

    return daemon.wait_until(busy, "jobs")


def wait_for_lists(daemon: Daemon, inspector: Inspector, **lists: int) -> list[Process]:
    """Wait until these workers wait for jobs, and no others are there, with a look at each turn."""

    def found() -> list[Process] | None:
        tree = inspector.look()
        return tree.waiting if lists_of(tree.workers) == lists else None

    return daemon.wait_until(found, str(lists))


def test_up_and_down(daemon: Daemon):
    """Who is there stays as far as there is use for it; shares are reckoned anew."""
    before = daemon.start_working(MAIL, *PIDFILE, count=3).workers

    said = scaled(daemon, "mail=6")
    assert said == "Pool mail goes from 2 to 6 until the next reload\n"
    larger = wait_for_lists(daemon, Inspector(daemon, most=7, least=3), x=1, a=3, **{"a,b": 3})
    assert pids(before) < pids(larger)

    said = scaled(daemon, "mail=3")
    assert said == (
        "Pool mail goes from 6 to 3 until the next reload;"
        " those too many leave when their jobs are done\n"
    )
    smaller = wait_for_lists(daemon, Inspector(daemon, most=7, least=3), x=1, a=2, **{"a,b": 1})
    assert pids(smaller) < pids(larger)

    assert scaled(daemon, "mail=3") == "Pool mail stays at 3\n"
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.log


def test_what_the_status_and_the_plan_say(daemon: Daemon):
    """How many there are to be, whose they are, and what the files say."""
    daemon.start_working(MAIL, *PIDFILE, count=3)
    scaled(daemon, "mail=1")
    inspector = Inspector(daemon, most=3, least=1)
    wait_for_lists(daemon, inspector, x=1, **{"a,b": 1})

    found = owner(daemon)
    assert found["configured"] == 2
    assert found["pools"] == [{"name": "mail", "size": 1, "configured": 2}]
    assert [(w["queues"], w["pool"]) for w in found["workers"]] == [
        (["x"], None),
        (["a", "b"], "mail"),
    ]
    text = daemon.run("status", *PIDFILE).stdout
    assert "\nPool mail is scaled from 2 to 1 until the next reload\n" in text
    assert "; 2 of 2 workers at work; " in text
    changes = json.loads(daemon.run("plan", "--json", "resqued.py", *PIDFILE).stdout)
    started = {",".join(change["queues"]): (change["start"], change["stop"]) for change in changes}
    assert started == {"x": (0, 0), "a,b": (0, 0), "a": (1, 0)}
    assert daemon.stop() == 0


def test_down_and_up_again_while_all_have_jobs(daemon: Daemon):
    """Every job is finished, and those who have one take the places of those who would follow."""
    busy = start_busy(daemon, 4)
    inspector = Inspector(daemon, most=4, least=4)

    scaled(daemon, "p=1")
    daemon.wait_until(
        lambda: (
            [w["state"] for w in workers_of({"generations": [owner(daemon)]})].count("leaving") == 3
        ),
        "three that are told",
    )
    surplus = [worker for worker in owner(daemon)["workers"] if worker["is_surplus"]]
    assert {worker["state"] for worker in surplus} == {"leaving"}
    assert owner(daemon)["configured"] == 1
    changes = json.loads(daemon.run("plan", "--json", "resqued.py", *PIDFILE).stdout)
    assert [(change["start"], change["keep"]) for change in changes] == [(3, 1)]
    scaled(daemon, "p=3")
    daemon.wait_until(lambda: owner(daemon)["configured"] == 3, "three places")
    for _ in range(5):
        assert pids(inspector.look().workers) == pids(busy)

    daemon.write("finish", "")

    after = daemon.wait_until(
        lambda: t.waiting if len((t := daemon.tree()).waiting) == len(t.workers) == 3 else None,
        "three that wait",
    )
    done = {int(pid) for pid in daemon.read("done").split()}
    assert pids(busy) <= done
    assert len(pids(after) & pids(busy)) == 1
    assert daemon.stop() == 0
    assert "SIG" not in "".join(line for line in daemon.log.splitlines() if "ended" in line)


def test_to_nothing_and_back(daemon: Daemon):
    """An emptied pool has no places; the single worker stays, and nobody is there twice."""
    before = daemon.start_working(MAIL, *PIDFILE, count=3)
    (single,) = (worker for worker in before.workers if worker.title.endswith(" x"))
    scaled(daemon, "mail=0")
    rest = wait_for_lists(daemon, Inspector(daemon, most=3, least=1), x=1)
    assert pids(rest) == {single.pid}
    assert len(owner(daemon)["workers"]) == 1

    scaled(daemon, "mail=2")

    after = wait_for_lists(daemon, Inspector(daemon, most=3, least=1), x=1, a=1, **{"a,b": 1})
    assert single.pid in pids(after)
    slots = [worker["slot"] for worker in owner(daemon)["workers"]]
    assert slots == [0, 1, 2]
    assert daemon.stop() == 0


def test_many_times_in_a_row(daemon: Daemon):
    """Whatever was asked for meanwhile: never more than were there or are wanted, then the last."""
    daemon.start_working("worker_pool(2, 'a', name='p')\n", *PIDFILE, count=2)

    inspector = Inspector(daemon, most=9)
    for size in (9, 0, 5, 1, 9, 3, 7, 2, 8, 0, 4):
        answer = ask(daemon.folder / "a.sock", "scale", pools={"p": size})
        assert answer["pools"]["p"]["now"] == size
        inspector.look()

    wait_for_lists(daemon, inspector, a=4)
    assert daemon.wait_until(lambda: len(owner(daemon)["workers"]) == 4, "four places")
    assert daemon.tree().titled(r"\S+ listener #1 4/4/4 ")
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.log


@pytest.mark.parametrize(
    ("words", "complaint", "code"),
    [
        (["mial=3"], 'there is no pool "mial"; the files have "mail", "slow"', 1),
        (["mail=1", "mial=3"], 'there is no pool "mial"; the files have "mail", "slow"', 1),
        (
            ["slow=1", "mail=10001"],
            'the size of pool "mail" must be a whole number from 0 to 10000, not 10001',
            1,
        ),
        (["mail"], 'POOL=N is needed, with a whole number N, not "mail"', 2),
        (["mail=-1"], 'POOL=N is needed, with a whole number N, not "mail=-1"', 2),
        (["mail=1", "mail=2"], 'pool "mail" is named twice', 2),
        ([], "an argument is missing; --help says which", 2),
    ],
)
def test_what_is_wrong(daemon: Daemon, words: list[str], complaint: str, code: int):
    """One line, and nothing is changed, not even what was right."""
    pools = "worker_pool(1, 'a', name='mail')\nworker_pool(1, 'b', name='slow')\n"
    before = daemon.start_working(pools, *PIDFILE, count=2)

    done = scale(daemon, *words)

    assert (done.stderr, done.returncode) == (f"resqued scale: {complaint}\n", code)
    assert [(pool["name"], pool["size"]) for pool in owner(daemon)["pools"]] == [
        ("mail", 1),
        ("slow", 1),
    ]
    assert "scaled" not in daemon.log
    assert daemon.tree().workers == before.workers
    assert daemon.stop() == 0


def test_the_answer_and_the_log(daemon: Daemon):
    """What each pool was asked to have before, and what now; a request may have several."""
    pools = "worker_pool(1, 'a')\nworker_pool(1, 'b')\n"
    daemon.start_working(pools, *PIDFILE, "--log-format", "json", count=2)

    answer = ask(daemon.folder / "a.sock", "scale", pools={"pool-2": 0, "pool-1": 2})

    assert answer == {
        "v": 1,
        "ok": True,
        "generation": 1,
        "pools": {"pool-2": {"was": 1, "now": 0}, "pool-1": {"was": 1, "now": 2}},
    }
    wait_for_lists(daemon, Inspector(daemon, most=2), a=2)
    lines = [json.loads(line) for line in daemon.log.splitlines()]
    found = [
        (line["event"], line["pool"], line.get("was"), line["size"])
        for line in lines
        if line.get("event") in ("scale_requested", "pool_scaled")
    ]
    assert sorted(found, key=str) == [
        ("pool_scaled", "pool-1", None, 2),
        ("pool_scaled", "pool-2", None, 0),
        ("scale_requested", "pool-1", 1, 2),
        ("scale_requested", "pool-2", 1, 0),
    ]
    assert daemon.stop() == 0


@pytest.mark.parametrize("pools", [None, [], "mail=3", {"mail": "3"}, {"mail": True}, {}])
def test_what_is_no_request(daemon: Daemon, pools: object):
    """It is refused, and the pool goes on."""
    daemon.start_working(MAIL, *PIDFILE, count=3)

    answer = ask(daemon.folder / "a.sock", "scale", pools=pools)

    assert (answer["ok"], answer["code"]) == (False, "bad-argument")
    assert '"pools"' in answer["error"]
    assert daemon.stop() == 0


def test_a_reload_has_the_sizes_of_the_files(daemon: Daemon):
    """While it is under way nothing is scaled; one that fails changes nothing."""
    daemon.start_working(WAITING + MAIL, *PIDFILE, count=3)
    scaled(daemon, "mail=4")
    wait_for_lists(daemon, Inspector(daemon, most=5, least=3), x=1, a=2, **{"a,b": 2})
    good = daemon.read("resqued.py")
    daemon.write("resqued.py", "not Python")
    assert daemon.run("reload", "--wait", *PIDFILE).returncode == 1
    assert owner(daemon)["pools"] == [{"name": "mail", "size": 4, "configured": 2}]

    daemon.write("resqued.py", good)
    daemon.write("wait", "")
    assert daemon.run("reload", *PIDFILE).returncode == 0
    daemon.wait_until(lambda: daemon.read("loading"), "the next generation")
    done = scale(daemon, "mail=9")
    assert done.stderr == (
        "resqued scale: a reload is under way, to generation 3, which has the sizes of its files:"
        " scale when it is done, or change the files and reload again\n"
    )
    (daemon.folder / "wait").unlink()
    inspector = Inspector(daemon, most=5, least=2)
    daemon.wait_until(lambda: has_taken_over(daemon, 3) if inspector.look() else None, "the third")

    assert lists_of(daemon.wait_for_workers(3).workers) == {"x": 1, "a,b": 1, "a": 1}
    assert owner(daemon)["pools"] == [{"name": "mail", "size": 2, "configured": 2}]
    assert daemon.stop() == 0


def test_a_paused_pool(daemon: Daemon):
    """It has no workers, and gets those of the files when it goes on."""
    daemon.start_working(MAIL, *PIDFILE, count=3)
    scaled(daemon, "mail=5")
    daemon.run("pause", *PIDFILE)

    done = scale(daemon, "mail=1")
    assert done.stderr == "resqued scale: the pool is paused; resume loads what is there\n"
    assert done.returncode == 1

    daemon.run("resume", *PIDFILE)
    daemon.wait_until(lambda: daemon.tree().listener(2), "the next listener")
    daemon.wait_for_workers(3)
    assert daemon.stop() == 0


def test_a_pool_that_does_not_work(daemon: Daemon):
    """There is nothing to scale before the first generation has proved itself."""
    daemon.write("wait", "")
    daemon.start(WORKERS + WAITING + MAIL, *PIDFILE)
    daemon.wait_until(lambda: daemon.read("loading"), "before_fork")

    done = scale(daemon, "mail=1")

    assert done.stderr == (
        "resqued scale: no generation works; what the files say holds when one does\n"
    )
    (daemon.folder / "wait").unlink()
    daemon.wait_for_workers(3)
    assert daemon.stop() == 0


@pytest.mark.parametrize("size", [5, 1])
def test_a_listener_that_is_killed_afterwards(daemon: Daemon, size: int):
    """The next one has the files' sizes, which is said, and replaces all workers, one by one."""
    tree = daemon.start_working("worker_pool(3, 'a', name='p')\n", *PIDFILE, count=3)
    scaled(daemon, f"p={size}")
    wait_for_lists(daemon, Inspector(daemon, most=max(3, size)), a=size)
    (listener,) = tree.listeners
    inspector = Inspector(daemon, most=max(3, size))
    daemon.signal_process(listener, signal.SIGKILL)

    daemon.wait_until(
        lambda: daemon.tree().listener(2) if inspector.look() else None, "the next listener"
    )
    daemon.wait_until(
        lambda: len(inspector.look().workers_of(2)) == 3 == len(daemon.tree().waiting), "its own"
    )
    assert len(daemon.tree().workers) == 3
    assert owner(daemon)["pools"] == [{"name": "p", "size": 3, "configured": 3}]
    lost = f"Pool 'p' is not scaled to {size} any more: its listener has ended, and the next has"
    assert daemon.log.count(f"{lost} the size of the files (3 when they were last read)\n") == 1
    assert daemon.stop() == 0
    assert daemon.log.count("any more: its listener") == 1


def test_a_size_of_which_the_master_cannot_be_told(daemon: Daemon):
    """With very many and very long queues: another listener comes, and the pool can be stopped."""
    queues = ",".join(repr(f"{number}{'q' * 1000}") for number in range(20))
    daemon.start_working(f"worker_pool(1, {queues}, name='p')\n", *PIDFILE, count=1)

    scaled(daemon, "p=1000")

    daemon.wait_for_log(r"Listener #2 .* runs")
    daemon.wait_until(lambda: owner(daemon)["number"] == 2, "another generation")
    assert owner(daemon)["configured"] == 1
    assert daemon.stop() == 0


def test_usr1_while_workers_are_too_many(daemon: Daemon):
    """The next master knows who has no place, and the reload that follows has the files' size."""
    busy = start_busy(daemon, 3)
    scaled(daemon, "p=1")
    daemon.wait_until(lambda: owner(daemon)["configured"] == 1, "one place")
    inspector = Inspector(daemon, most=3, least=3)

    daemon.signal(signal.SIGUSR1)

    daemon.wait_for_log("has taken over from itself")
    daemon.wait_for_log(r"Listener #2 .* runs")
    assert pids(inspector.look().workers) == pids(busy)
    status = ask(daemon.folder / "a.sock", "status")
    assert [generation["configured"] for generation in status["generations"]] == [1, 3]
    daemon.write("finish", "")
    wait_for_take_over(daemon, 2)
    daemon.wait_until(lambda: len(daemon.tree().waiting) == 3, "three that wait")
    assert pids(busy) <= {int(pid) for pid in daemon.read("done").split()}
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.log


def test_a_listener_of_a_version_without_scale(daemon: Daemon):
    """It is not asked what it does not understand; a reload brings one that does."""
    package = daemon.install()
    path = package / "listener" / "app.py"
    present = path.read_text()
    path.write_text(present.replace("scaling.pools_of(config),", "None,"))
    daemon.start_working(MAIL, *PIDFILE, count=3)
    (listener,) = daemon.tree().listeners

    done = scale(daemon, "mail=5")
    assert done.stderr == (
        f"resqued scale: listener {listener.pid} is of a resqued that cannot scale; reload, then"
        " scale\n"
    )
    assert owner(daemon)["pools"] is None

    path.write_text(present)
    assert daemon.run("reload", "--wait", *PIDFILE).returncode == 0
    scaled(daemon, "mail=5")
    daemon.wait_for_workers(6)
    assert daemon.stop() == 0


def test_a_restart_of_one_who_is_too_many(daemon: Daemon):
    """It was told to leave already; nobody takes its place."""
    start_busy(daemon, 2)
    scaled(daemon, "p=0")
    daemon.wait_until(lambda: owner(daemon)["configured"] == 0, "no place")
    (pid, _) = (worker["pid"] for worker in owner(daemon)["workers"])

    done = daemon.run("restart", str(pid), *PIDFILE)

    assert done.stdout == f"Worker {pid} was told to leave already\n"
    daemon.write("finish", "")
    daemon.wait_until(lambda: not daemon.tree().workers, "nobody")
    assert daemon.stop() == 0


def test_who_is_replaced_by_one_with_other_queues(daemon: Daemon):
    """It stays at work until the new ones are ready, and cannot be restarted meanwhile."""
    waiting = (
        "@after_fork\ndef wait():\n    while os.path.exists('wait'):\n        time.sleep(0.01)\n"
    )
    pool = "worker_pool(2, name='p')\nqueue('a', count=2)\nqueue('b', percent=50)\n"
    before = daemon.start_working(f"import os, time\n{waiting}{pool}", *PIDFILE, count=2)
    (first,) = (worker for worker in before.workers if worker.title.endswith(" a,b"))
    (other,) = (worker for worker in before.workers if worker.title.endswith(" a"))
    inspector = Inspector(daemon, most=4, least=2)
    daemon.write("wait", "")

    scaled(daemon, "p=4")
    daemon.wait_until(lambda: len(inspector.look().workers) == 4, "two new ones")

    (surplus,) = (worker for worker in owner(daemon)["workers"] if worker["is_surplus"])
    assert (surplus["pid"], surplus["state"]) == (other.pid, "ready")
    assert "; 1 of 4 workers at work; " in daemon.run("status", *PIDFILE).stdout
    done = daemon.run("restart", str(other.pid), *PIDFILE)
    assert done.stderr == (
        f"resqued restart: worker {other.pid} is one too many since its pool was scaled, and will"
        " leave\n"
    )
    (daemon.folder / "wait").unlink()
    after = wait_for_lists(daemon, inspector, **{"a,b": 2, "*": 2})
    assert pids(after) & pids(before.workers) == {first.pid}
    assert daemon.stop() == 0
