import re
import signal
import time

import pytest

from tests.support.daemon import WAITING, WORKERS, Daemon
from tests.support.inspection import Inspector, has_taken_over, lists_of, wait_for_take_over


@pytest.mark.parametrize(("size", "least"), [(20, 18), (2, 1), (1, 0)])
def test_five_reloads_of_an_idle_pool(daemon: Daemon, size: int, least: int):
    """Each replaces all workers; never more than configured, and a tenth less, or one, at work."""
    inspector = Inspector(daemon, most=size, least=least)
    before = daemon.start_working(f"worker_pool({size}, 'a')\n", count=size)
    former = {worker.pid for worker in before.workers}

    for number in range(2, 7):
        daemon.signal(signal.SIGHUP)
        daemon.wait_until(
            lambda number=number: has_taken_over(daemon, number) if inspector.look() else None,
            f"generation {number} alone",
        )
        tree = daemon.wait_for_workers(size)
        present = {worker.pid for worker in tree.workers}
        assert not present & former
        assert {worker.ppid for worker in tree.workers} == {tree.listeners[0].pid}
        former = present

    assert inspector.looks > 20 if size == 20 else inspector.looks >= 10  # small ones are quick
    assert daemon.stop() == 0
    assert not re.search("WARNING|ERROR|Traceback", daemon.log)


def test_the_titles_of_two_generations(daemon: Daemon):
    """The fallback runs until the change-over is done; both count the workers of the other."""
    daemon.start_working("worker('busy')\nworker('a')\n", count=2)
    daemon.signal(signal.SIGHUP)

    titles = [r"\S+ listener #1 1/1/2 \[running\] ", r"\S+ listener #2 1/2/2 \[running\] "]
    daemon.wait_until(lambda: all(daemon.tree().titled(title) for title in titles), str(titles))
    daemon.wait_for_title(r"\S+ master \[gen 2\] \[2 running\] resqued.py$")
    daemon.write("finish", "")

    wait_for_take_over(daemon, 2)
    daemon.wait_for_title(r"\S+ master \[gen 2\] \[1 running\] resqued.py$")
    daemon.wait_until(lambda: daemon.tree().titled(r"\S+ listener #2 2/2/2 "), "the title")


def test_a_busy_worker_finishes_its_job_on_the_old_code(daemon: Daemon):
    """Its list has no other worker until it has left; its replacement comes then."""
    before = daemon.start_working("worker('busy')\nworker_pool(3, 'a')\n", count=4)
    (busy,) = (worker for worker in before.workers if "busy" in worker.title)
    inspector = Inspector(daemon, most=4, least=3, busy=1, a=3)
    daemon.deploy("two")
    daemon.signal(signal.SIGHUP)

    def others_are_replaced() -> bool:
        tree = inspector.look()
        return len(tree.workers_of(2)) == 3 and lists_of(tree.waiting)["a"] == 3

    daemon.wait_until(others_are_replaced, "three new workers")
    assert busy.pid in {worker.pid for worker in daemon.tree().workers}
    daemon.write("finish busy", "")
    daemon.wait_until(lambda: has_taken_over(daemon, 2) if inspector.look() else None, "the end")

    after = daemon.wait_for_workers(4)
    assert lists_of(after.workers) == {"busy": 1, "a": 3}
    assert daemon.read("versions") == f"{busy.pid} one\n"
    assert daemon.stop() == 0
    assert daemon.read("versions").splitlines()[1].endswith(" two")


@pytest.mark.parametrize(
    ("before", "after", "most", "least"),
    [
        pytest.param({"a": 4}, {"b": 4}, 4, 3, id="renamed"),
        pytest.param({"a": 3, "b": 2}, {"b": 3, "c": 2}, 5, 4, id="partly renamed"),
        pytest.param({"a": 2}, {"a": 5}, 5, 2, id="grown"),
        pytest.param({"a": 5}, {"a": 2}, 5, 1, id="shrunk"),
        pytest.param({"a": 2}, {}, 2, 0, id="emptied"),
        pytest.param({}, {"a": 2}, 2, 0, id="filled"),
    ],
)
def test_a_reload_with_other_queues(
    daemon: Daemon, before: dict[str, int], after: dict[str, int], most: int, least: int
):
    """From any pool to any other: never above the larger, never a tenth, or one, below the new."""

    def pools(wanted: dict[str, int]) -> str:
        return "".join(f"worker_pool({size}, {name!r})\n" for name, size in wanted.items())

    daemon.start_working(pools(before), count=sum(before.values()))
    daemon.wait_for_log("Listener #1 .* runs")
    larger = {name: max(size, before.get(name, 0)) for name, size in after.items()}
    inspector = Inspector(daemon, most=most, least=least, **before | larger)
    daemon.replace(pools(after))
    daemon.signal(signal.SIGHUP)

    daemon.wait_until(lambda: has_taken_over(daemon, 2) if inspector.look() else None, "the end")

    assert lists_of(daemon.wait_for_workers(sum(after.values())).workers) == after
    assert daemon.stop() == 0


def test_nobody_leaves_before_the_new_code_is_proved(daemon: Daemon):
    """While it loads, nothing has changed for the old workers."""
    before = daemon.start_working(WAITING + "worker_pool(3, 'a')\n", count=3)
    daemon.write("wait", "")
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: daemon.read("loading"), "before_fork of the next generation")

    assert daemon.tree().workers == before.workers
    (daemon.folder / "wait").unlink()

    wait_for_take_over(daemon, 2)
    assert not {w.pid for w in before.workers} & {w.pid for w in daemon.wait_for_workers(3).workers}


def test_hup_twice_in_a_row(daemon: Daemon):
    """The second abandons what the first has begun, and starts over; one pool is there in the end.

    Two that come together may count as one.
    """
    daemon.start_working("worker_pool(4, 'a')\n", count=4)
    inspector = Inspector(daemon, most=4, least=3)
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log("SIGHUP received")
    daemon.signal(signal.SIGHUP)
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log("SIGHUP received", count=2)

    def is_settled() -> bool:
        inspector.look()
        last = max(map(int, re.findall(r"Generation (\d+) has taken over", daemon.log)), default=0)
        return has_taken_over(daemon, last) and last == 1 + daemon.log.count("SIGHUP received")

    daemon.wait_until(is_settled, "one generation")
    daemon.wait_for_workers(4)
    assert daemon.stop() == 0


def test_hup_during_a_boot_starts_over(daemon: Daemon):
    """The generation that loads is given up at once, even if it hangs; the newest code counts."""
    before = daemon.start_working(WAITING + "worker('a')\n", count=1)
    daemon.write("wait", "")
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: daemon.read("loading"), "before_fork of the next generation")
    daemon.replace("worker('b')\n")
    daemon.signal(signal.SIGHUP)

    tree = wait_for_take_over(daemon, 3)

    assert "Generation 2 is given up before it was ready" in daemon.log
    assert lists_of(daemon.wait_for_workers(1).workers) == {"b": 1}
    assert not {w.pid for w in before.workers} & {w.pid for w in tree.workers}
    assert daemon.stop() == 0


def test_hup_in_the_first_moment(daemon: Daemon):
    """Before the first listener has loaded anything, however early: it only starts over."""
    daemon.start(WORKERS + "worker('a')\n", "-p", "resqued.pid")
    daemon.wait_until(lambda: daemon.read("resqued.pid"), "the pidfile")

    daemon.signal(signal.SIGHUP)

    tree = daemon.wait_until(
        lambda: t if len((t := daemon.tree()).listeners) == len(t.waiting) == 1 else None, "a pool"
    )
    daemon.wait_for_log("SIGHUP received, reloading")
    daemon.wait_until(lambda: re.search(r"Listener #2 .* runs", daemon.log), "the second")
    assert daemon.wait_until(lambda: daemon.tree().listener(2), "the second alone")
    assert tree.masters[0].pid == daemon.pid
    assert daemon.stop() == 0


def test_hup_during_a_first_boot_that_fails(daemon: Daemon):
    """It does not wait for the backoff: a new try begins at once."""
    daemon.start(
        WORKERS + "import os\n@before_fork\ndef load():\n    os.stat('repaired')\nworker('a')\n"
    )
    daemon.wait_for_log("FileNotFoundError", count=2)
    begun = time.monotonic()  # the next try of its own comes 2 s later
    daemon.write("repaired", "")
    daemon.signal(signal.SIGHUP)

    tree = daemon.wait_for_workers(1)

    assert time.monotonic() - begun < 1.8
    assert tree.listener(3)
    assert daemon.stop() == 0


def test_three_generations_at_once(daemon: Daemon):
    """A long job of each of two former generations; every list is worked once, nobody is lost."""
    inspector = Inspector(daemon, most=2, least=1, **{"busy,1": 1, "busy,2": 1, "a": 1})
    first = daemon.start_working("worker('busy', '1')\nworker('a')\n", count=2)
    old = next(worker for worker in first.workers if "busy" in worker.title)
    daemon.replace("worker('busy', '1')\nworker('busy', '2')\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(2)) == {"busy,2": 1}, "a worker of gen 2"
    )
    (middle,) = daemon.tree().workers_of(2)
    daemon.deploy("three")
    daemon.signal(signal.SIGHUP)

    daemon.wait_until(
        lambda: len(inspector.look().titled("resque-0: Processing busy")) == 2, "two long jobs"
    )
    daemon.wait_for_log("Listener #3 .* runs")
    assert {w.pid for w in daemon.tree().workers} == {old.pid, middle.pid}
    assert len(daemon.tree().listeners) == 3
    daemon.write("finish busy,1", "")
    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(3)) == {"busy,1": 1}, "a worker of gen 3"
    )
    daemon.write("finish busy,2", "")

    daemon.wait_until(
        lambda: has_taken_over(daemon, 3) if inspector.look() else None, "gen 3 alone"
    )
    assert daemon.read("done").splitlines() == [str(old.pid), str(middle.pid)]
    daemon.wait_for_workers(2)


def test_a_new_listener_that_is_killed_before_the_change_over_is_done(daemon: Daemon):
    """The old listener has kept its right: it refills, and its busy worker is not disturbed."""
    before = daemon.start_working("worker('busy')\nworker_pool(3, 'a')\n", count=4)
    busy = next(worker for worker in before.workers if "busy" in worker.title)
    inspector = Inspector(daemon, most=4, least=3, busy=1, a=3)
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: len(inspector.look().workers_of(2)) == 3, "three new workers")
    second = daemon.tree().listener(2)
    assert second is not None

    daemon.signal_process(second, signal.SIGKILL)
    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(1)) == {"busy": 1, "a": 3}, "a full pool"
    )

    tree = daemon.tree()
    assert busy.pid in {worker.pid for worker in tree.workers}
    assert [listener.pid for listener in tree.listeners] == [before.listeners[0].pid]
    daemon.write("finish", "")
    daemon.wait_until(lambda: daemon.read("done"), "the end of the job")
    daemon.signal(signal.SIGHUP)
    wait_for_take_over(daemon, 3)
    daemon.wait_for_workers(4)
    assert daemon.stop() == 0


def test_a_retired_worker_killed_in_its_job(daemon: Daemon):
    """It has left, however: its replacement comes."""
    before = daemon.start_working("worker('busy')\nworker('a')\n", count=2)
    busy = next(worker for worker in before.workers if "busy" in worker.title)
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: daemon.tree().titled("resque-0: Processing busy"), "its job")

    daemon.signal_process(busy, signal.SIGKILL)

    wait_for_take_over(daemon, 2)
    assert lists_of(daemon.wait_for_workers(2).workers) == {"busy": 1, "a": 1}


def test_a_hup_to_every_process_of_a_container(daemon: Daemon):
    """Only the master's has a meaning; a busy worker goes on, and one reload follows."""
    before = daemon.start_working("worker('busy')\nworker('a')\n", count=2)
    inspector = Inspector(daemon, most=2, least=1, busy=1, a=1)

    for process in (*before.workers, *before.listeners, *before.masters):
        daemon.signal_process(process, signal.SIGHUP)

    daemon.wait_until(lambda: len(inspector.look().workers_of(2)) == 1, "the first new worker")
    daemon.write("finish", "")
    wait_for_take_over(daemon, 2)
    assert daemon.log.count("SIGHUP received") == 1
    daemon.wait_for_workers(2)


def test_the_summary_of_a_retired_worker_goes_to_its_own_after_exit(daemon: Daemon):
    """The hook of the code that started it, in its listener, which waits for its last worker."""
    config = "@after_exit\ndef report(s): print('left:', VERSION, s.process_status)\nworker('a')\n"
    daemon.start_working("from jobs import VERSION\n" + config, count=1)
    daemon.deploy("two")
    daemon.signal(signal.SIGHUP)
    wait_for_take_over(daemon, 2)
    daemon.wait_for_workers(1)
    daemon.stop()

    left = [line for line in daemon.log.splitlines() if line.startswith("left:")]
    assert left == ["left: one exit status 0", "left: two exit status 0"]
