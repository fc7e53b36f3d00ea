import re
import signal

import pytest

from tests.support.daemon import WORKERS, Daemon

LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} \[\d+\] (DEBUG|INFO|WARNING|ERROR) \S+: ."
)


def test_every_line_has_time_pid_level_and_logger(daemon: Daemon):
    """From start to end, on standard output, in order of time."""
    daemon.start_working("worker('a')\n", count=1)
    daemon.stop()

    lines = daemon.log.splitlines()
    assert len(lines) > 5
    assert [line for line in lines if not LINE.match(line)] == []
    times = [line[:26] for line in lines]
    # Each process stamps its own lines; they reach the file within moments of each other.
    assert times[0] == min(times)
    pids = {int(pid) for pid in re.findall(r"\[(\d+)\]", daemon.log)}
    assert daemon.pid in pids
    assert len(pids) >= 2


@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_lines_follow_a_rotated_log_file(daemon: Daemon, how: str):
    """Master, listener and a worker that lives on write to the new file from the next line on."""
    daemon.start(
        WORKERS
        + """
import logging, os, signal
class Reporter(Worker):
    def _reporter(self):
        while True:
            number = signal.sigwait({signal.SIGQUIT, signal.SIGUSR1})
            if number == signal.SIGQUIT:
                return
            logging.getLogger("app").warning("from the application")
            print("and printed", flush=True)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
worker_factory(Reporter)
worker("reporter"); worker("a")
""",
        "-l",
        "resqued.log",
    )
    tree = daemon.wait_for_workers(2)
    assert daemon.log == ""
    log = daemon.folder / "resqued.log"
    # A worker's title may say that it waits for jobs a moment before the listener's line does.
    daemon.wait_until(lambda: log.read_text().count(" works") == 2, "both workers' lines")
    if how == "moved":
        log.rename(daemon.folder / "resqued.log.1")
    else:
        log.unlink()

    reporter = next(w for w in tree.workers if "reporter" in w.title)
    other = next(w for w in tree.workers if "reporter" not in w.title)
    daemon.signal_process(reporter, signal.SIGUSR1)
    daemon.wait_until(lambda: "and printed" in daemon.read("resqued.log"), "the worker's lines")
    daemon.signal_process(other, signal.SIGKILL)
    daemon.wait_until(lambda: "next start" in daemon.read("resqued.log"), "the listener's line")
    daemon.stop()

    after = log.read_text()
    assert re.search(rf"\[{reporter.pid}\] WARNING app: from the application\nand printed\n", after)
    assert re.search(rf"\[{daemon.pid}\] INFO \S+: resqued ends\n$", after)
    if how == "moved":
        before = (daemon.folder / "resqued.log.1").read_text()
        assert before.count(" works") == 2
        assert "from the application" not in before


def test_what_is_printed_stands_between_the_log_lines(daemon: Daemon):
    """Also where standard output is no terminal: not when a buffer is full, but at once."""
    daemon.start(
        WORKERS
        + """
print("read")
@before_fork
def load(): print("loaded")
@after_exit
def report(): print("reported")
worker("talkative")
"""
    )
    daemon.wait_for_workers(1)
    daemon.stop()

    wanted = r"^read$|^loaded$|^reported$|^printed by the worker$|works$|resqued ends$"
    order = re.findall(wanted, daemon.log, re.MULTILINE)
    # The worker is let through and prints before or after its listener says so.
    assert sorted(order[2:4]) == ["printed by the worker", "works"]
    assert order[:2] + order[4:] == ["read", "loaded", "reported", "resqued ends"]
