import re
import signal

from tests.support.daemon import Daemon, Tree
from tests.support.inspection import Inspector, lists_of


def hurry(daemon: Daemon) -> None:
    """Have who was told to leave and stays taken for busy sooner than after a second."""
    daemon.customize("resqued.master.cap", BUSY_AFTER=0.25)


def busy(tree: Tree) -> list[int]:
    """Return the pids of those that finish a job after they were told to leave."""
    return [worker.pid for worker in tree.titled("resque-0: Processing busy")]


def test_a_reload_while_every_worker_has_a_long_job(daemon: Daemon):
    """No job is cut, no list is worked twice, and each new worker comes when an old one leaves."""
    hurry(daemon)
    lists = [f"busy,{number}" for number in range(4)]
    inspector = Inspector(daemon, most=4, least=3, **dict.fromkeys(lists, 1))
    pool = "".join(f"worker('busy', '{number}')\n" for number in range(4))
    before = daemon.start_working(pool, count=4)
    daemon.signal(signal.SIGHUP)
    # One at a time is told to leave, the next when the one before it must be in a job.
    daemon.wait_until(lambda: len(busy(inspector.look())) == 4, "four that were told")
    assert daemon.read("done") == ""
    assert not daemon.tree().workers_of(2)

    for number, name in enumerate(lists, start=1):
        daemon.write(f"finish {name}", "")
        daemon.wait_until(
            lambda number=number: (
                set(lists_of(inspector.look().workers_of(2))) == set(lists[:number])
            ),
            f"new {number}",
        )
        assert len(busy(daemon.tree())) == 4 - number
        assert len(daemon.tree().workers_of(2)) == number

    daemon.wait_for_log("Generation 2 has taken over")
    assert set(map(int, daemon.read("done").split())) == {w.pid for w in before.workers}


def test_the_same_queues_in_another_order_are_the_same_list(daemon: Daemon):
    """A job of the one in the old generation keeps the other from being started in the new."""
    hurry(daemon)
    inspector = Inspector(daemon, most=2, least=1)
    daemon.start_working("worker('busy', 'x')\nworker('a')\n", count=2)
    daemon.replace("worker('x', 'busy')\nworker('a')\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: busy(inspector.look()), "its job")
    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(2)) == {"a": 1}, "the other worker"
    )
    assert "x,busy" not in daemon.read("starts")
    daemon.write("finish", "")

    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(2)) == {"a": 1, "x,busy": 1}, "both"
    )
    assert daemon.stop() == 0


def test_more_busy_workers_than_the_new_pool_has(daemon: Daemon):
    """They only become fewer: the first new worker comes when there is room for it."""
    daemon.start_working("worker_pool(3, 'busy', 'x')\n", count=3)
    daemon.replace("worker_pool(1, 'busy', 'x')\n")
    inspector = Inspector(daemon, most=3)
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(lambda: len(busy(inspector.look())) == 3, "three that were told")
    assert not daemon.tree().workers_of(2)
    daemon.write("finish", "")

    daemon.wait_for_log("Generation 2 has taken over")
    tree = daemon.wait_for_workers(1)
    assert daemon.read("done").count("\n") == 3
    assert daemon.read("starts").count("\n") == 4
    assert tree.workers_of(2) == tree.workers


def test_a_renamed_list_is_given_up_first(daemon: Daemon):
    """What the new configuration no longer has makes room before anything else is touched."""
    before = daemon.start_working("worker('busy', 'kept')\nworker('gone')\n", count=2)
    (kept,) = (worker for worker in before.workers if "kept" in worker.title)
    daemon.replace("worker('busy', 'kept')\nworker('busy', 'new')\n")
    daemon.signal(signal.SIGHUP)

    daemon.wait_until(
        lambda: lists_of(daemon.tree().workers_of(2)) == {"busy,new": 1}, "the new list's worker"
    )
    assert kept.pid in {worker.pid for worker in daemon.tree().workers}
    daemon.write("finish", "")
    daemon.wait_for_log("Generation 2 has taken over")
    assert daemon.read("done") == f"{kept.pid}\n"


def test_a_pool_that_is_emptied_tells_all_at_once(daemon: Daemon):
    """Nobody waits for the job of another; the listener of the empty pool stays."""
    daemon.start_working("worker('busy', '1')\nworker('busy', '2')\nworker('busy', '3')\n", count=3)
    daemon.replace("")
    daemon.signal(signal.SIGHUP)

    daemon.wait_until(lambda: len(busy(daemon.tree())) == 3, "three jobs to be finished")
    daemon.write("finish", "")

    daemon.wait_for_log("Generation 2 has taken over")
    daemon.wait_until(lambda: len(daemon.tree().processes) == 2, "master and listener alone")
    daemon.wait_until(lambda: daemon.tree().titled(r"\S+ listener #2 0/0/0 \[running\]"), "title")
    assert daemon.stop() == 0


def test_a_canary_that_is_killed_while_it_waits_for_its_place(daemon: Daemon):
    """It has proved its generation, and that stays proved: another takes the place."""
    daemon.start_working("worker('busy')\n", count=1)
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log(r"Listener #2 \(pid \d+\) runs")
    daemon.wait_until(lambda: busy(daemon.tree()), "the job")
    (canary,) = daemon.tree().titled(r"resqued-\S+ canary")

    daemon.signal_process(canary, signal.SIGKILL)
    daemon.wait_until(lambda: not daemon.tree().titled(r"resqued-\S+ canary"), "its end")
    title = r"\S+ listener #2 0/1/1 \[running\] "  # neither counted nor missed
    daemon.wait_until(lambda: daemon.tree().titled(title), title)
    daemon.write("finish", "")

    daemon.wait_for_log("Generation 2 has taken over")
    assert canary.pid not in {worker.pid for worker in daemon.wait_for_workers(1).workers}
    assert not re.search("ERROR|failed", daemon.log)
    assert daemon.stop() == 0
