import os
import pathlib
import shutil
import signal
import subprocess
import sys
import sysconfig

import pytest

from tests.support.daemon import WORKERS, Daemon
from tests.support.inspection import lists_of, wait_for_take_over


def release(daemon: Daemon, number: int, folder: str) -> None:
    """Put a release with a package of its own below ``folder``; its version is ``number``.0.0."""
    path = daemon.folder / "releases" / str(number)
    copy = daemon.install()
    daemon.publish(f"{number}.0.0")
    (path / folder).mkdir(parents=True, exist_ok=True)
    shutil.move(copy, path / folder / "resqued")
    shutil.rmtree(copy.parent)
    daemon.write(f"releases/{number}/config/resqued.py", WORKERS + f"worker('release{number}')\n")
    shutil.copy(daemon.folder / "jobs.py", path)


def move_link(daemon: Daemon, number: int) -> None:
    """Let the link name another release, in one step."""
    (daemon.folder / "next").symlink_to(pathlib.Path("releases") / str(number))
    (daemon.folder / "next").rename(daemon.folder / "current")


def assert_is_of_release(daemon: Daemon, generation: int, number: int) -> None:
    """The whole generation is a release's: files, application and package."""
    tree = wait_for_take_over(daemon, generation)
    assert lists_of(daemon.wait_for_workers(1).workers) == {f"release{number}": 1}
    (listener,) = tree.listeners
    assert listener.title.startswith(f"resqued-{number}.0.0 listener ")
    assert os.readlink(f"/proc/{listener.pid}/cwd") == f"{daemon.folder}/releases/{number}"


def deploy_twice(daemon: Daemon) -> None:
    """Move the link by one release for HUP and by another for USR1, the former ones being gone."""
    daemon.wait_for_workers(1)
    daemon.wait_for_log("Listener #1 .* runs")
    pid = daemon.tree().masters[0].pid
    move_link(daemon, 2)
    shutil.rmtree(daemon.folder / "releases" / "1")
    daemon.signal(signal.SIGHUP)
    assert_is_of_release(daemon, 2, 2)
    daemon.wait_for_title("resqued-1.0.0 master ")
    move_link(daemon, 3)
    shutil.rmtree(daemon.folder / "releases" / "2")
    daemon.signal(signal.SIGUSR1)
    assert_is_of_release(daemon, 3, 3)
    (master,) = daemon.tree().titled("resqued-3.0.0 master ")
    assert master.pid == pid == daemon.pid


@pytest.mark.parametrize("modules", ["lib", "{folder}/current/lib"], ids=["relative", "absolute"])
def test_a_deploy_that_moves_a_link(daemon: Daemon, modules: str):
    """HUP and USR1 bring the link's new target, though the folder they were started in is gone."""
    for number in (1, 2, 3):
        release(daemon, number, "lib")
    move_link(daemon, 1)
    daemon.start(
        None,
        "config/resqued.py",
        through=("sh", "-c", 'cd current && exec "$@"', "sh"),
        environment={"PYTHONPATH": modules.format(folder=daemon.folder)},
    )

    deploy_twice(daemon)

    assert daemon.stop() == 0


def test_a_link_that_is_missing_for_a_moment(daemon: Daemon):
    """What is to be started is started when it is there again; USR1 is only refused."""
    release(daemon, 1, "lib")
    move_link(daemon, 1)
    through = ("sh", "-c", 'cd current && exec "$@"', "sh")
    lib = {"PYTHONPATH": "lib"}
    daemon.start(None, "config/resqued.py", through=through, environment=lib)
    before = daemon.wait_for_workers(1)
    daemon.wait_for_log("Listener #1 .* runs")
    (daemon.folder / "current").unlink()
    daemon.signal(signal.SIGUSR1)
    daemon.wait_for_log(r"ERROR .*Cannot start .*/current'; this master goes on\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log(r"ERROR .*Cannot start a listener, trying again: .*/current'\n")
    assert daemon.tree().processes == before.processes
    release(daemon, 2, "lib")
    move_link(daemon, 2)

    assert_is_of_release(daemon, 2, 2)
    assert daemon.stop() == 0


@pytest.mark.parametrize("named", [".venv/bin/python", "{folder}/current/.venv/bin/python"])
def test_a_virtual_environment_that_is_replaced(daemon: Daemon, named: str):
    """Each release has its own, with its packages: HUP and USR1 run the new one's interpreter."""
    first = daemon.folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", first], check=True, timeout=30)
    (site,) = first.glob("lib/python*/site-packages")
    (site / "more.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for number in (1, 2, 3):
        path = daemon.folder / "releases" / str(number)
        shutil.copytree(first, path / ".venv", symlinks=True)
        release(daemon, number, str(pathlib.Path(".venv") / site.relative_to(first)))
    shutil.rmtree(first)
    move_link(daemon, 1)
    python = named.format(folder=daemon.folder)
    script = f'cd current && shift && exec {python} -P -m resqued "$@"'
    daemon.start(
        None,
        "config/resqued.py",
        through=("sh", "-c", script, "sh"),
        environment={"PYTHONPATH": ""},
    )

    deploy_twice(daemon)

    assert daemon.stop() == 0
