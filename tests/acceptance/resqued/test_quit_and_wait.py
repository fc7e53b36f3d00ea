import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from resqued.exit_codes import ExitCode
from tests.support.daemon import COMMAND, Daemon

#: Holds the pidfile as a master does. At QUIT it becomes another program under the same pid, with
#: the lock, and that lives until its standard input ends.
REPLACED_AT_QUIT = """
import os, signal, sys
from resqued.process.pidfile import Pidfile

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGQUIT})
pidfile = Pidfile("a.pid").__enter__()
print("held", flush=True)
signal.sigwait({signal.SIGQUIT})
os.set_inheritable(pidfile._descriptor, True)
os.execv(sys.executable, [sys.executable, "-c", "import sys; sys.stdin.read()"])
"""


@contextmanager
def waiting_command(daemon: Daemon, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run quit-and-wait in the background; yields it when it has said that it waits."""
    command = [COMMAND, "quit-and-wait", "a.pid", *arguments]
    with subprocess.Popen(
        command,
        cwd=daemon.folder,
        env=daemon._environment(None),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert re.fullmatch(r"Told resqued .* to quit, .*\n", process.stdout.readline())
            yield process
        finally:
            process.kill()


def start_busy(daemon: Daemon) -> None:
    """Start a pool whose only worker will have a job in hand when it is told to quit."""
    daemon.start_working("worker('busy')\n", "-p", "a.pid", count=1)


def test_it_stops_an_idle_pool(daemon: Daemon):
    """It says whom it has told, returns 0 when the master is gone, and nothing is left."""
    daemon.start_working("worker_pool(3, 'a')\n", "-p", "a.pid", count=3)
    pid = daemon.pid

    done = daemon.run("quit-and-wait", "a.pid")

    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert done.stdout == (
        f"Told resqued (pid {pid}) to quit, waiting 25 s\nresqued (pid {pid}) is gone\n"
    )
    assert daemon.wait_for_exit(0) == 0  # it has ended before the command has
    assert not (daemon.folder / "a.pid").exists()
    daemon.wait_until_gone()


def test_it_stops_one_in_the_background_without_a_word(daemon: Daemon):
    """With --quiet nothing is printed; the pidfile may be named from any folder."""
    daemon.write("resqued.py", "from jobs import Worker\nworker_factory(Worker)\nworker('a')\n")
    assert daemon.run("-D", "-p", "a.pid", "-l", "a.log", "resqued.py").returncode == 0
    daemon.adopt("a.pid")

    done = daemon.run("quit-and-wait", "-q", "../a.pid", folder="tmp")

    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, "", "")
    daemon.wait_until_gone()


def test_it_waits_for_the_job_in_hand(daemon: Daemon):
    """It returns no sooner than the job is done, and then at once."""
    start_busy(daemon)

    with waiting_command(daemon) as command:
        daemon.wait_until(lambda: daemon.tree().titled(r"resque-0: Processing"), "a job at QUIT")
        assert command.poll() is None
        daemon.write("finish", "")
        assert command.wait(10) == ExitCode.OK

    assert daemon.wait_for_exit() == 0
    assert daemon.read("done")


def test_it_gives_up_before_the_grace_period_ends(daemon: Daemon):
    """Exit 99 after 2 of 7 s, most of which it slept; the job goes on, and can be waited for."""
    start_busy(daemon)
    begun = time.monotonic()

    with waiting_command(daemon, "--grace-period", "7") as command:
        _, status, usage = os.wait4(command.pid, 0)
        command.returncode = os.waitstatus_to_exitcode(status)

    assert command.returncode == ExitCode.STILL_RUNNING == 99
    assert 2 <= time.monotonic() - begun < 5
    assert usage.ru_utime + usage.ru_stime < 1
    assert len(daemon.tree().workers) == 1
    assert not daemon.read("done")
    daemon.write("finish", "")
    assert daemon.run("quit-and-wait", "a.pid").returncode == ExitCode.OK


@pytest.mark.parametrize("grace_period", ["5", "1", "0"])
def test_a_grace_period_that_leaves_no_time(daemon: Daemon, grace_period: str):
    """The pool is told to quit, and nobody waits."""
    start_busy(daemon)

    done = daemon.run("quit-and-wait", "a.pid", "--grace-period", grace_period)

    assert done.returncode == ExitCode.STILL_RUNNING
    assert done.stdout.endswith(f"resqued (pid {daemon.pid}) still runs after 0 s\n")
    daemon.wait_until(lambda: daemon.tree().titled(r"resque-0: Processing"), "a job at QUIT")
    daemon.write("finish", "")
    assert daemon.wait_for_exit() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_can_be_told_to_wait_no_longer(daemon: Daemon, number: signal.Signals):
    """TERM or INT ends the waiting at once, and not the quitting."""
    start_busy(daemon)

    with waiting_command(daemon, "--grace-period", "1000") as command:
        command.send_signal(number)
        assert command.wait(5) == 128 + number
        assert command.stdout is not None
        assert command.stdout.read() == (
            f"{number.name} received, waiting no longer; resqued goes on quitting\n"
        )

    assert daemon.tree().masters
    daemon.write("finish", "")
    assert daemon.wait_for_exit() == 0


def test_a_stale_pidfile_with_the_pid_of_another_process(daemon: Daemon):
    """In a container pids come again: without the lock nobody is signalled, and 0 returned."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        daemon.write("a.pid", f"{other.pid}\n")

        done = daemon.run("quit-and-wait", "a.pid")

        assert (done.returncode, done.stdout) == (0, "No resqued runs with pidfile a.pid\n")
        assert other.stdin is not None
        other.stdin.write(b"\n")
        other.stdin.close()
        assert other.wait(10) == 0  # it has not been signalled


def test_a_killed_master_is_not_waited_for(daemon: Daemon):
    """Its pidfile stays, but its lock went with it, though its worker is still busy."""
    start_busy(daemon)
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait_for_exit()

    done = daemon.run("quit-and-wait", "a.pid")

    assert (done.returncode, done.stdout) == (0, "No resqued runs with pidfile a.pid\n")
    daemon.write("finish", "")
    daemon.wait_until_gone()


def test_a_master_that_replaces_itself_is_the_same(daemon: Daemon):
    """An exec under the same pid is no end: the command still waits, until the real end."""
    with subprocess.Popen(
        [sys.executable, "-c", REPLACED_AT_QUIT],
        cwd=daemon.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as master:
        try:
            assert master.stdin is not None
            assert master.stdout is not None
            assert master.stdout.readline() == b"held\n"

            done = daemon.run("quit-and-wait", "a.pid", "--grace-period", "6")
            assert done.returncode == ExitCode.STILL_RUNNING

            with waiting_command(daemon) as command:
                master.stdin.close()
                assert command.wait(10) == ExitCode.OK
        finally:
            master.kill()
