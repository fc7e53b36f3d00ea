import contextlib
import os
import pathlib
import re
import signal
import socket

import pytest

from tests.support.daemon import WORKERS, Daemon


def port_of(daemon: Daemon) -> int:
    """Wait for the embedded server's address to be printed and return its port."""
    line = r"Embedded server: REDIS_URL=redis://127\.0\.0\.1:(\d+)/0 \(data in .+\)"
    return int(daemon.wait_for_log(line)[-1])


def ask(port: int, command: str) -> str:
    """Send one command to the server and return its answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"{command}\r\n".encode())
        return connection.recv(1000).decode()


def is_listening(port: int) -> bool:
    """Tell whether a server takes connections there."""
    with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


def test_data_survives_a_restart_and_the_address_is_exported(daemon: Daemon):
    """Workers get the server's REDIS_URL, in place of one that was set; DIR keeps the data."""
    config = WORKERS + "worker('a')\n"
    daemon.start(
        config, "--embedded", "data", environment={"REDIS_URL": "redis://elsewhere.invalid:1/0"}
    )
    port = port_of(daemon)
    daemon.wait_for_workers(1)
    assert daemon.read("starts").split()[2] == f"redis://127.0.0.1:{port}/0"
    assert "REDIS_URL was set; these workers use the embedded server instead\n" in daemon.log
    assert ask(port, "SET kept yes") == "+OK\r\n"

    other = daemon.run("--embedded=data", "resqued.py")
    assert re.fullmatch(
        r"--embedded: \S+/data/resqued-embedded\.pid is held by a running process \(pid \d+\)\n",
        other.stderr,
    )
    assert other.returncode == 1

    assert daemon.stop() == 0
    assert not is_listening(port)
    daemon.output.unlink()

    daemon.start(config, "--embedded=data")
    port = port_of(daemon)
    assert "was set" not in daemon.log
    assert ask(port, "GET kept") == "$3\r\nyes\r\n"
    assert daemon.stop(signal.SIGTERM) == 0


def test_without_a_folder_the_data_is_temporary(daemon: Daemon):
    """The folder is there while the server runs and removed afterwards."""
    daemon.start(WORKERS + "worker('a')\n", "--embedded")
    port = port_of(daemon)
    folder = pathlib.Path(re.findall(r"data in (.+)\)", daemon.log)[0])
    assert folder.is_dir()
    assert folder.is_relative_to(daemon.folder / "tmp")
    daemon.wait_for_workers(1)

    assert daemon.stop() == 0
    assert not is_listening(port)
    assert not folder.exists()


@pytest.mark.parametrize("end", ["kill", "fast-exit"])
def test_the_server_outlives_the_master_until_the_last_job_is_done(daemon: Daemon, end: str):
    """A worker that finishes its job after the master's end still has its server."""
    daemon.start_working("worker('busy')\n", "--embedded", "--fast-exit", count=1)
    port = port_of(daemon)

    daemon.signal(signal.SIGKILL if end == "kill" else signal.SIGQUIT)
    assert daemon.wait_for_exit(3) == (-signal.SIGKILL if end == "kill" else 0)
    daemon.wait_until(lambda: daemon.tree().titled(r"resque-0: Processing busy"), "a job at QUIT")
    assert ask(port, "PING") == "+PONG\r\n"
    daemon.write("finish", "")

    daemon.wait_until_gone()
    assert daemon.read("done")
    assert not is_listening(port)
    assert list((daemon.folder / "tmp").iterdir()) == []


def test_ctrl_c_leaves_the_server_to_the_workers(daemon: Daemon):
    """A terminal's INT to the whole group does not take the server from under a worker."""
    tree = daemon.start_working("worker('a')\n", "--embedded", count=1)
    servers = tree.titled(r"\S*valkey-server")
    assert len(servers) == 1
    guards = tree.titled(r"resqued-\S+ guard of the embedded server on port \d+")
    assert len(guards) == 1
    # Not even in the terminal's session, whose end would reach them.
    assert not {os.getsid(p.pid) for p in (*servers, *guards)} & {os.getsid(daemon.pid)}

    for process in (*servers, *guards, *tree.listeners):
        daemon.signal_process(process, signal.SIGINT)
    daemon.wait_until(lambda: not daemon.tree().workers, "the worker's end")
    assert {*servers, *guards} <= set(daemon.tree().processes)
    daemon.stop(signal.SIGINT)


def test_a_folder_that_cannot_be_made(daemon: Daemon):
    """One line says which, and nothing is started."""
    daemon.write("file", "")
    daemon.write("resqued.py", "worker('a')\n")

    result = daemon.run("--embedded=file/data", "resqued.py")

    reason = f"cannot make the folder {daemon.folder}/file/data: Not a directory"
    assert result.stderr == f"--embedded: {reason}\n"
    assert result.returncode == 1
    daemon.wait_until_gone()
