import os
import pathlib
import signal

from tests.support.daemon import WORKERS, Daemon

BACKGROUND = ("-D", "-p", "run/resqued.pid", "-l", "run/resqued.log", "resqued.py")


def test_daemonize_returns_when_the_files_have_been_read(daemon: Daemon):
    """The command exits 0 only then; the daemon has its own session, log and pidfile."""
    daemon.write("run/keep", "")
    # So slow that a command which does not wait for it would be back sooner.
    daemon.write(
        "resqued.py",
        WORKERS
        + "print('the file is being read')\nimport time; time.sleep(0.3)\n"
        + "open('read', 'w').write('yes')\nworker('talkative')\n"
        + "@before_fork\ndef load(): print('loading')\n",
    )

    result = daemon.run(*BACKGROUND)

    assert daemon.read("read") == "yes"
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    daemon.adopt("run/resqued.pid")
    tree = daemon.wait_for_workers(1)
    (master,) = tree.masters
    assert master.pid == daemon.pid
    assert os.getsid(master.pid) not in (master.pid, os.getsid(0))  # it cannot get a terminal
    assert os.readlink(f"/proc/{master.pid}/fd/0") == os.devnull
    assert os.readlink(f"/proc/{master.pid}/cwd") == str(daemon.folder)
    printed = [line for line in daemon.read("run/resqued.log").splitlines() if "[" not in line]
    assert printed == ["the file is being read", "loading", "printed by the worker"]

    again = daemon.run(*BACKGROUND)

    assert again.stderr.splitlines() == [
        f"{daemon.folder}/run/resqued.pid is held by a running process (pid {master.pid})",
        "Master process failed to start!",
    ]
    assert again.returncode == 1
    assert daemon.tree() == tree

    daemon.signal(signal.SIGQUIT)
    daemon.wait_until_gone()
    assert not (daemon.folder / "run/resqued.pid").exists()
    assert list((daemon.folder / "run").glob("resqued.pid*")) == []


def test_a_linked_folder_stays_a_link(daemon: Daemon):
    """A deploy moves the link; the listener enters it by the name the shell had."""
    release = daemon.folder / "releases" / "1"
    daemon.write("releases/1/resqued.py", WORKERS + "worker('a')\n")
    (daemon.folder / "current").symlink_to(release)
    (release / "jobs.py").symlink_to(daemon.folder / "jobs.py")

    result = daemon.run(
        *("-D", "-p", "resqued.pid", "-l", "resqued.log", "resqued.py"),
        folder="current",
        environment={"PWD": str(daemon.folder / "current")},
    )

    assert result.returncode == 0, result.stderr
    daemon.adopt("current/resqued.pid")
    (listener,) = daemon.wait_for_workers(1).listeners
    assert os.readlink(f"/proc/{listener.pid}/cwd") == str(release)
    # The next listener follows the link to the new release.
    other = daemon.folder / "releases" / "2"
    daemon.write("releases/2/resqued.py", WORKERS + "worker('new')\n")
    (other / "jobs.py").symlink_to(daemon.folder / "jobs.py")
    link = pathlib.Path(daemon.folder / "next")
    link.symlink_to(other)
    link.rename(daemon.folder / "current")
    daemon.adopt("releases/1/resqued.pid")
    daemon.signal_process(listener, signal.SIGKILL)
    daemon.wait_until(lambda: daemon.tree().titled(r"resque-0: Waiting for new"), "release 2")

    daemon.signal(signal.SIGQUIT)
    daemon.wait_until_gone()


def test_an_orderly_end_removes_the_pidfile(daemon: Daemon):
    """In the foreground as well; the pidfile holds the master's pid while it runs."""
    daemon.start_working("worker('a')\n", "-p", "resqued.pid", count=1)
    assert daemon.read("resqued.pid") == f"{daemon.pid}\n"

    refused = daemon.run("-p", "resqued.pid", "resqued.py")
    assert refused.stderr.splitlines() == [
        f"{daemon.folder}/resqued.pid is held by a running process (pid {daemon.pid})"
    ]
    assert refused.returncode == 1

    assert daemon.stop() == 0
    assert not (daemon.folder / "resqued.pid").exists()


def test_a_pidfile_left_behind_is_taken_over(daemon: Daemon):
    """The lock decides, not the number: a container may give the same number out again."""
    daemon.write("resqued.pid", f"{os.getpid()}\n")

    daemon.start_working("worker('a')\n", "-p", "resqued.pid", count=1)

    assert daemon.read("resqued.pid") == f"{daemon.pid}\n"
    assert daemon.stop() == 0
