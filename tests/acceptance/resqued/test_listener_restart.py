import re
import signal

from tests.support.daemon import WORKERS, Daemon
from tests.support.processes import started_at, uptime

#: A before_fork that ends its listener as often as the test says.
CRASHING = """
import os, signal
from jobs import note
@before_fork
def load():
    note("loads", str(os.getpid()))
    with open("loads") as file:
        if len(file.readlines()) <= CRASHES:
            os.kill(os.getpid(), signal.SIGKILL)
worker("a")
"""


def test_a_listener_that_crashes_is_started_again_after_growing_pauses(daemon: Daemon):
    """1 and 2 s, counted from each end; the block in the log says how it ended, each time."""
    daemon.start(WORKERS + "CRASHES = 2\n" + CRASHING)
    daemon.wait_for_workers(1)

    blocks = re.findall(
        r"ERROR \S+: Generation (\d) failed, trying again:\n"
        r"  its listener \(pid (\d+)\) ended early: SIGKILL \(signal 9\)\n",
        daemon.log,
    )
    assert [int(number) for number, _ in blocks] == [1, 2]
    assert [pid for _, pid in blocks] == daemon.read("loads").split()[:2]
    moments = re.findall(r":(\d\d\.\d+) .*(?:Generation . failed|Listener #3 .* runs)", daemon.log)
    first, second, third = map(float, moments)
    assert (second - first) % 60 >= 1
    assert (third - second) % 60 >= 2


def test_a_long_life_sets_the_pauses_back(daemon: Daemon):
    """After early ends, one that has lived longer than the longest pause is replaced at once."""
    daemon.customize("resqued.backoff", LONG_ENOUGH=1.6)  # which is the longest pause as well
    daemon.start(WORKERS + "CRASHES = 1\n" + CRASHING)
    before = daemon.wait_for_workers(1)
    daemon.wait_until(lambda: uptime() - started_at(before.listeners[0]) > 1.7, "a long life")

    killed_at = uptime()
    daemon.signal_process(before.listeners[0], signal.SIGKILL)

    third = daemon.wait_until(lambda: daemon.tree().listener(3), "the next listener")
    assert started_at(third) - killed_at < 1.5
    assert daemon.stop() == 0
