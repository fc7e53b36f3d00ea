import os
import pathlib
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping

import pytest

from resqued.exit_codes import ExitCode
from tests.support import systemd
from tests.support.daemon import WAITING, WORKERS, Daemon
from tests.support.notify import NotifySocket, notify_socket
from tests.support.systemd import Service

#: So that ExecStop waits for 0.5 s only, and systemd itself for a while.
IMPATIENT = {"--grace-period 605": "--grace-period 5.5", "TimeoutStopSec=620": "TimeoutStopSec=8"}
PIDFILE = "run/myapp/resqued.pid"


def release(daemon: Daemon, number: str, workers: str) -> None:
    """Put a release in a folder of its own, with its own environment, and the link on it."""
    folder = daemon.folder / "srv" / "myapp" / "releases" / number
    daemon.write(f"{folder}/config/resqued.py", WORKERS + workers)
    (folder / "jobs.py").symlink_to(daemon.folder / "jobs.py")
    (folder / ".venv").symlink_to(sys.prefix)
    link = folder.parent.parent / "new"
    link.symlink_to(folder)
    link.rename(link.with_name("current"))


@pytest.fixture
def manager(daemon: Daemon) -> Iterator[NotifySocket]:
    """Where the service says how it is."""
    with notify_socket(daemon.folder) as listening:
        yield listening


def service(
    daemon: Daemon, manager: NotifySocket, changed: Mapping[str, str] | None = None
) -> Service:
    """Return the example's service, in the folder of the test."""
    (daemon.folder / "run" / "myapp").mkdir(parents=True)  # RuntimeDirectory
    return Service(daemon, systemd.read_example(daemon.folder, changed or {}), manager)


def test_the_unit_is_one(daemon: Daemon):
    """Systemd itself has nothing to say against it, if there is one to ask."""
    release(daemon, "1", "worker('a')\n")
    unit = systemd.read_example(daemon.folder, {})
    daemon.write("myapp-workers.service", unit.text)
    assert unit["KillMode"] == "mixed"
    program = shutil.which("systemd-analyze")
    if program is not None:
        done = daemon.execute(program, "verify", "myapp-workers.service")
        assert (done.returncode, done.stderr) == (0, "")


def test_a_service_is_started_when_its_code_is_loaded(daemon: Daemon, manager: NotifySocket):
    """And not before: whoever waits for the start waits for the application."""
    release(daemon, "1", WAITING + "worker('a')\n")
    daemon.write("srv/myapp/releases/1/wait", "")
    myapp = service(daemon, manager)
    myapp.start()
    daemon.wait_until(lambda: daemon.read("srv/myapp/releases/1/loading"), "a slow application")
    daemon.wait_until(lambda: myapp.signs_of_life, "a sign of life")
    assert not myapp.is_started

    (daemon.folder / "srv/myapp/releases/1/wait").unlink()

    daemon.wait_until(lambda: myapp.is_started, "the start")
    assert myapp.stop().returncode == ExitCode.OK
    assert manager.phases == ["READY", "STOPPING"]


def test_an_idle_service_stops_at_once(daemon: Daemon, manager: NotifySocket):
    """ExecStop has done all; nobody is left to be signalled, and nothing remains."""
    release(daemon, "1", "worker_pool(3, 'a')\n")
    myapp = service(daemon, manager)
    myapp.start()
    tree = daemon.wait_for_workers(3)
    assert os.path.samefile(f"/proc/{tree.masters[0].pid}/cwd", daemon.folder / "srv/myapp/current")
    assert daemon.read(PIDFILE) == f"{daemon.pid}\n"

    stopped = myapp.stop()

    assert (stopped.returncode, stopped.stdout) == (ExitCode.OK, "")
    assert daemon.wait_for_exit() == 0
    assert not daemon.read(PIDFILE)
    assert "KILL" not in daemon.log


def test_a_service_stops_when_its_jobs_are_done(daemon: Daemon, manager: NotifySocket):
    """The job in hand is finished within the grace period; no second signal is needed."""
    release(
        daemon,
        "1",
        "@after_exit\ndef told(summary): print('left', summary.process_status)\n"
        "worker('busy')\nworker('a')\n",
    )
    myapp = service(daemon, manager)
    myapp.start()
    daemon.wait_for_workers(2)
    # What finishes as soon as it has been told is the next best to a job that ends meanwhile.
    daemon.write("srv/myapp/releases/1/finish", "")

    assert myapp.stop().returncode == ExitCode.OK

    assert daemon.wait_for_exit() == 0
    assert daemon.read("srv/myapp/releases/1/done")
    assert daemon.log.count("left exit status 0\n") == 2
    assert "SIGTERM received" not in daemon.log


def test_a_reload_enters_the_release_that_the_link_names_now(daemon: Daemon, manager: NotifySocket):
    """ExecReload is HUP: configuration, code and environment are those of the new target."""
    release(daemon, "1", "worker('old')\n")
    myapp = service(daemon, manager)
    myapp.start()
    daemon.wait_for_workers(1)
    release(daemon, "2", "worker('new')\n")

    myapp.reload()

    daemon.wait_for_log("Generation 2 has taken over")
    (worker,) = daemon.wait_for_workers(1).workers
    assert worker.title == "resque-0: Waiting for new"
    assert pathlib.Path(f"/proc/{worker.pid}/cwd").readlink().name == "2"
    assert myapp.stop().returncode == ExitCode.OK
    assert daemon.wait_for_exit() == 0


def test_a_job_that_does_not_end_in_time(daemon: Daemon, manager: NotifySocket):
    """The grace period over, systemd sends TERM to the master, and the master ends the job."""
    release(daemon, "1", "worker('busy')\nworker('a')\n")
    myapp = service(daemon, manager, IMPATIENT)
    myapp.start()
    daemon.wait_for_workers(2)

    assert myapp.stop().returncode == ExitCode.STILL_RUNNING

    assert daemon.wait_for_exit() == 0
    assert not daemon.read("srv/myapp/releases/1/done")
    assert "SIGTERM received" in daemon.log
    assert "KILL" not in daemon.log


def test_a_job_that_refuses_to_end(daemon: Daemon, manager: NotifySocket):
    """After stop_timeout the master kills it, long before systemd kills everything."""
    release(daemon, "1", "stop_timeout(0.5)\nworker('stubborn')\n")
    myapp = service(daemon, manager, IMPATIENT)
    myapp.start()
    daemon.wait_until(lambda: daemon.tree().titled("resque-0: Processing"), "a stubborn worker")
    begun = time.monotonic()

    assert myapp.stop().returncode == ExitCode.STILL_RUNNING

    assert daemon.wait_for_exit() == 0
    assert time.monotonic() - begun < 6
    assert "killing what is left" in daemon.log
    assert not daemon.read(PIDFILE)


def test_a_master_that_is_stopped_is_woken(daemon: Daemon, manager: NotifySocket):
    """Nothing hears QUIT while it is; the CONT after TERM lets it act on both."""
    release(daemon, "1", "worker('a')\n")
    myapp = service(daemon, manager, IMPATIENT)
    myapp.start()
    daemon.wait_for_workers(1)
    daemon.signal(signal.SIGSTOP)

    assert myapp.stop().returncode == ExitCode.STILL_RUNNING

    assert daemon.wait_for_exit() == 0
    daemon.wait_until_gone()


def test_what_is_not_gone_in_time_is_killed(daemon: Daemon, manager: NotifySocket):
    """stop_timeout is too long: systemd's KILL ends all, and the next start is as any."""
    release(daemon, "1", "stop_timeout(60)\nworker('stubborn')\n")
    myapp = service(daemon, manager, IMPATIENT | {"TimeoutStopSec=620": "TimeoutStopSec=0.5"})
    myapp.start()
    daemon.wait_until(lambda: daemon.tree().titled("resque-0: Processing"), "a stubborn worker")

    assert myapp.stop().returncode == ExitCode.STILL_RUNNING

    assert daemon.wait_for_exit() == -signal.SIGKILL
    daemon.wait_until_gone()
    release(daemon, "2", "worker('a')\n")
    myapp.start()
    daemon.wait_for_workers(1)
    assert myapp.stop().returncode == ExitCode.OK
    assert daemon.wait_for_exit() == 0


def test_a_configuration_that_cannot_be_read_fails_the_start(daemon: Daemon, manager: NotifySocket):
    """The main process ends with 1, which Restart=on-failure takes for a failure."""
    release(daemon, "1", "worker(")
    myapp = service(daemon, manager)

    myapp.start()

    assert daemon.wait_for_exit() == ExitCode.FAILED
    assert "config/resqued.py" in daemon.log
