"""The control socket of a running pool."""

import json
import os
import pathlib
import shutil
import signal
import socket
from typing import Any

import pytest

from resqued.clock import MonotonicClock
from resqued.control import client as control_client
from resqued.control.address import listener_at
from resqued.control.socket_file import SocketFile
from tests.support.control import ask, connected, read_line, workers_of
from tests.support.daemon import WAITING, WORKERS, Daemon
from tests.support.forks import in_child
from tests.support.inspection import wait_for_take_over
from tests.support.server import ValkeyServer

#: Listeners that never come to answer, each in its own way.
TROUBLES = {
    "boots": "@before_fork\ndef load():\n    time.sleep(1000)\nworker('a')\n",
    "reads": "time.sleep(1000)\n",
    "crashes": "before_fork(lambda: os._exit(3))\nworker('a')\n",
    "fails": "before_fork(lambda: 1 / 0)\nworker('a')\n",
}
BY_PIDFILE = ("-p", "a.pid")


def status(daemon: Daemon, name: str = "a.sock") -> dict[str, Any]:
    """Ask for everything."""
    answer = ask(daemon.folder / name, "status")
    assert answer["ok"], answer
    return answer


def wait_for_socket(daemon: Daemon, name: str = "a.sock") -> pathlib.Path:
    """Wait until somebody listens."""
    path = daemon.folder / name
    daemon.wait_until(path.is_socket, f"socket {name}")
    return path


def states(daemon: Daemon) -> list[str]:
    """Return the states of the workers there are."""
    return [worker["state"] for worker in workers_of(status(daemon))]


# --- where it is


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (BY_PIDFILE, "a.sock"),
        (("-p", "a"), "a.sock"),
        (("--control", "b"), "b"),
        (("-p", "a.pid", "--control", "c.sock"), "c.sock"),
    ],
)
def test_it_is_there_while_the_pool_runs(daemon: Daemon, arguments: tuple[str, ...], name: str):
    """Private from the start, and gone in the end."""
    daemon.start_working("worker('a')\n", *arguments, count=1)

    path = daemon.folder / name
    assert path.stat().st_mode & 0o777 == 0o600
    assert status(daemon, name)["master"]["pid"] == daemon.pid
    assert daemon.stop() == 0
    assert not path.exists()
    assert not list(daemon.folder.glob(".*"))


def test_without_a_pidfile_it_is_in_the_runtime_folder(daemon: Daemon):
    """Named by the master's pid, in a folder of the user's own; what the dead have left goes."""
    folder = daemon.folder / "run" / "resqued"
    daemon.start_working("worker('a')\n", count=1)
    first = folder / f"{daemon.pid}.sock"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert ask(first, "status")["ok"]
    daemon.signal(signal.SIGKILL)
    daemon.wait_for_exit()
    daemon.wait_until_gone()
    assert first.is_socket()

    daemon.start_working("worker('a')\n", count=1)

    assert [path.name for path in folder.iterdir()] == [f"{daemon.pid}.sock"]
    assert daemon.stop() == 0
    assert list(folder.iterdir()) == []


def test_a_runtime_folder_that_cannot_be_trusted(daemon: Daemon):
    """The pool runs without a control socket, and says why."""
    folder = daemon.folder / "run" / "resqued"
    folder.mkdir()
    folder.chmod(0o777)

    daemon.start_working("worker('a')\n", count=1)

    assert f"There is no control socket: cannot use folder {folder}: others may" in daemon.log
    assert daemon.stop() == 0


def test_a_named_socket_that_cannot_be_made(daemon: Daemon):
    """Nothing is started; one line says why."""
    done = daemon.run("--control", "gone/x.sock", "resqued.py")

    path = daemon.folder / "gone" / "x.sock"
    assert done.stderr == f"cannot make control socket {path}: No such file or directory\n"
    assert done.returncode == 1


def test_the_socket_of_a_living_master(daemon: Daemon):
    """A second one is refused, by whatever way it comes to the name, and changes nothing."""
    daemon.start_working("worker('a')\n", "--control", "a.sock", count=1)
    path = daemon.folder / "a.sock"
    complaint = f"control socket {path} is held by a running process (pid {daemon.pid})\n"

    for arguments in (("--control", "a.sock"), ("-p", "a.pid")):
        done = daemon.run(*arguments, "resqued.py")
        assert (done.stderr, done.returncode) == (complaint, 1)
    assert not (daemon.folder / "a.pid").exists()

    assert status(daemon)["master"]["pid"] == daemon.pid
    assert daemon.stop() == 0


def test_the_socket_of_a_dead_master_is_replaced(daemon: Daemon):
    """Nobody has to remove it by hand."""
    daemon.start_working("worker('a')\n", *BY_PIDFILE, count=1)
    daemon.signal(signal.SIGKILL)
    daemon.wait_for_exit()
    daemon.wait_until_gone()
    assert (daemon.folder / "a.sock").is_socket()

    daemon.start_working("worker('a')\n", *BY_PIDFILE, count=1)

    assert status(daemon)["master"]["pid"] == daemon.pid
    assert daemon.stop() == 0
    assert not (daemon.folder / "a.sock").exists()


def test_in_the_background(daemon: Daemon):
    """It is the master's that has detached."""
    daemon.write("resqued.py", WORKERS + "worker('a')\n")
    assert daemon.run("-D", *BY_PIDFILE, "-l", "a.log", "resqued.py").returncode == 0
    daemon.adopt("a.pid")

    assert status(daemon)["master"]["pid"] == daemon.pid
    assert status(daemon)["master"]["log"] == str(daemon.folder / "a.log")
    daemon.signal(signal.SIGQUIT)
    daemon.wait_until_gone(10)
    assert not (daemon.folder / "a.sock").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_another_user_cannot_connect(daemon: Daemon):
    """Though he stands in the very folder."""
    daemon.start_working("worker('a')\n", *BY_PIDFILE, count=1)
    daemon.folder.chmod(0o777)

    def try_it() -> str:
        os.chdir(daemon.folder)
        os.setgid(65534)
        os.setuid(65534)
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect("a.sock")
            except PermissionError:
                return "refused"
        return "connected"

    assert in_child(try_it) == "refused"
    assert daemon.stop() == 0


def test_a_socket_that_was_deleted(daemon: Daemon):
    """It is made anew within seconds, at HUP at once; after a re-exec, too; and goes in the end."""
    daemon.start_working("worker('a')\n", *BY_PIDFILE, count=1)
    path = wait_for_socket(daemon)
    path.unlink()
    wait_for_socket(daemon)
    assert path.stat().st_mode & 0o777 == 0o600
    assert status(daemon)["master"]["pid"] == daemon.pid
    daemon.wait_for_log("The control socket was gone, and has been made anew")

    path.unlink()
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(path.is_socket, "the socket", seconds=3)

    path.unlink()
    daemon.signal(signal.SIGUSR1)
    daemon.wait_for_log("has taken over from itself")
    wait_for_socket(daemon)
    assert status(daemon)["master"]["pid"] == daemon.pid
    assert daemon.stop() == 0
    assert not path.exists()


def test_a_runtime_folder_that_was_deleted(daemon: Daemon):
    """As by the end of a session; when there is one again, the socket is there again."""
    daemon.start_working("worker('a')\n", count=1)
    path = daemon.folder / "run" / "resqued" / f"{daemon.pid}.sock"
    assert ask(path, "status")["ok"]
    shutil.rmtree(daemon.folder / "run")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log("control socket is gone, trying again: .*No such file or directory")
    (daemon.folder / "run").mkdir()
    daemon.wait_until(path.is_socket, "the socket")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert ask(path, "status")["ok"]
    assert daemon.stop() == 0


def test_a_place_that_another_has_taken(daemon: Daemon):
    """It is said, and left alone, as long as somebody listens there."""
    daemon.start_working("worker('a')\n", *BY_PIDFILE, count=1)
    path = wait_for_socket(daemon)
    with SocketFile(str(daemon.folder / "b.sock")):
        (daemon.folder / "b.sock").rename(path)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log(f"trying again: control socket .* is held .*pid {os.getpid()}")
        assert listener_at(str(path)) == os.getpid()
    daemon.wait_until(lambda: listener_at(str(path)) == daemon.pid, "the socket of its own")
    assert daemon.stop() == 0


# --- when it answers


@pytest.mark.parametrize("trouble", TROUBLES)
def test_it_answers_whatever_the_listener_does(daemon: Daemon, trouble: str):
    """In the first boot, and beside a generation that works."""
    daemon.start("import os, time\n" + TROUBLES[trouble], *BY_PIDFILE)
    wait_for_socket(daemon)
    daemon.wait_until(lambda: status(daemon)["generations"] or daemon.tree().listeners, "one")
    assert status(daemon)["master"]["mode"] == "working"
    daemon.stop(signal.SIGTERM)

    daemon.start_working("worker_pool(2, 'a')\n", *BY_PIDFILE, count=2)
    daemon.write("resqued.py", "import os, time\n" + TROUBLES[trouble])
    number = ask(daemon.folder / "a.sock", "reload")["reload"]["number"]
    if trouble in ("crashes", "fails"):
        daemon.wait_until(
            lambda: (
                ask(daemon.folder / "a.sock", "progress", reload=number)["reload"]["outcome"]
                == "failed"
            ),
            "the reload's end",
        )
    daemon.wait_until(lambda: states(daemon) == ["ready", "ready"], "the old workers")
    assert daemon.stop(signal.SIGTERM) == 0


def test_a_listener_that_hangs(daemon: Daemon):
    """What only it knows is missing, which is said, and nobody waits long for it."""
    daemon.start_working("worker_pool(2, 'a')\n", *BY_PIDFILE, count=2)
    daemon.wait_until(lambda: states(daemon) == ["ready", "ready"], "both workers known")
    (listener,) = daemon.tree().listeners
    daemon.signal_process(listener, signal.SIGSTOP)

    (generation,) = status(daemon)["generations"]
    assert generation["is_stale"]
    assert [worker["state"] for worker in generation["workers"]] == ["ready", "ready"]
    assert {w["pid"] for w in generation["workers"]} == {w.pid for w in daemon.tree().workers}

    daemon.signal_process(listener, signal.SIGCONT)
    daemon.wait_until(lambda: not status(daemon)["generations"][0]["is_stale"], "its answer")
    assert daemon.stop() == 0


def test_while_the_server_is_away(daemon: Daemon):
    """The default workers have nobody to register with; the master needs no server."""
    daemon.start(
        "worker_pool(2, 'a')\n", *BY_PIDFILE, environment={"REDIS_URL": "redis://127.0.0.1:1"}
    )
    wait_for_socket(daemon)

    daemon.wait_until(lambda: len(workers_of(status(daemon))) == 2, "two workers")
    assert daemon.stop(signal.SIGTERM) == 0


def test_it_survives_the_masters_re_exec(daemon: Daemon):
    """The same socket, without a moment at which nobody listens; it is removed in the end.

    The exec may cut a connection; whoever asks again, as the commands do, is answered.
    """
    daemon.start_working("worker('a')\n", *BY_PIDFILE, count=1)
    path = daemon.folder / "a.sock"
    before = path.stat()
    assert ask(path, "reexec")["ok"]

    def has_taken_over() -> bool:
        control_client.ask(str(path), "status", MonotonicClock())
        return "has taken over from itself" in daemon.log

    daemon.wait_until(has_taken_over, "another master, and an answer at any time")
    wait_for_take_over(daemon, 2)

    found = status(daemon)
    assert os.path.samestat(path.stat(), before)
    assert found["master"]["pid"] == daemon.pid
    assert found["reload"]["number"] == 1
    daemon.wait_until(lambda: status(daemon)["reload"]["outcome"] == "done", "the reload's end")
    daemon.signal(signal.SIGUSR1)
    wait_for_take_over(daemon, 3)
    daemon.wait_until(lambda: status(daemon)["reload"]["number"] == 2, "the second")
    for process in (*daemon.tree().listeners, *daemon.tree().workers):
        links = os.listdir(f"/proc/{process.pid}/fd")
        names = [os.readlink(f"/proc/{process.pid}/fd/{link}") for link in links]
        assert f"socket:[{_inode(path)}]" not in names
    assert daemon.stop() == 0
    assert not path.exists()


def _inode(path: pathlib.Path) -> str:
    """Return the number of the listening socket behind a path; it was bound to a longer one."""
    lines = pathlib.Path("/proc/net/unix").read_text().splitlines()
    return next(words[6] for line in lines if (words := line.split())[-1].startswith(f"{path}."))


# --- what it does


def test_each_signal_has_its_verb(daemon: Daemon):
    """The same happens, and the log says who has asked."""
    daemon.start_working("worker('a')\n", *BY_PIDFILE, count=1)
    path = daemon.folder / "a.sock"

    reload = ask(path, "reload")["reload"]
    assert (reload["number"], reload["generation"], reload["outcome"]) == (1, 2, "loading")
    wait_for_take_over(daemon, 2)
    progress = daemon.wait_until(
        lambda: (p := ask(path, "progress", reload=1))["reload"]["outcome"] == "done" and p,
        "the reload's end",
    )
    assert (progress["configured"], progress["ready"], progress["former"]) == (1, 1, 0)

    assert ask(path, "pause") == {"v": 1, "ok": True, "was": "working", "workers": 1}
    daemon.wait_until(lambda: status(daemon)["generations"] == [], "nobody left")
    assert status(daemon)["master"]["mode"] == "paused"
    assert ask(path, "pause")["was"] == "paused"
    refusal = ask(path, "reload")
    assert (refusal["ok"], refusal["code"]) == (False, "not-now")
    assert refusal["error"] == "the pool is paused; resume loads what is there"

    assert ask(path, "resume")["was"] == "paused"
    daemon.wait_for_workers(1)
    assert ask(path, "stop")["was"] == "working"
    assert daemon.wait_for_exit() == 0
    for what in ("reload", "pause", "resume", "stop"):
        assert f"Asked at the control socket ({what}), " in daemon.log


def test_stop_now_and_no_way_back(daemon: Daemon):
    """As with signals: a stop goes further, and never back."""
    daemon.start_working("worker('busy')\n", *BY_PIDFILE, count=1)
    path = daemon.folder / "a.sock"
    assert ask(path, "stop")["workers"] == 1
    daemon.wait_until(lambda: status(daemon)["master"]["mode"] == "stopping", "the stop")

    for verb in ("reload", "pause", "resume", "reexec"):
        refusal = ask(path, verb)
        assert refusal["error"] == "the pool is stopping, and stopping never goes back"
    assert states(daemon) == ["leaving"]

    assert ask(path, "stop", now=True)["was"] == "stopping"
    assert daemon.wait_for_exit() == 0


def test_the_log_is_reopened(daemon: Daemon):
    """Master and listeners go on in a new file of the old name."""
    daemon.start_working("worker('a')\n", *BY_PIDFILE, "-l", "a.log", count=1)
    (daemon.folder / "a.log").rename(daemon.folder / "old.log")

    answer = ask(daemon.folder / "a.sock", "reopen-logs")

    assert (answer["log"], answer["listeners"]) == (str(daemon.folder / "a.log"), 1)
    assert "Log reopened as asked for" in daemon.read("a.log")
    (listener,) = daemon.tree().listeners
    new = (daemon.folder / "a.log").stat()
    daemon.wait_until(
        lambda: os.path.samestat(os.stat(f"/proc/{listener.pid}/fd/1"), new), "the listener"
    )
    assert daemon.stop() == 0


def test_what_became_of_a_reload(daemon: Daemon):
    """It fails with its reason, is abandoned for another, or for a pause."""
    daemon.start_working(WAITING + "worker('a')\n", *BY_PIDFILE, count=1)
    path = daemon.folder / "a.sock"
    good = daemon.read("resqued.py")
    daemon.write("resqued.py", "worker('a', x=1)\n")
    ask(path, "reload")

    def outcome(number: int) -> tuple[str, str]:
        found = ask(path, "progress", reload=number)["reload"]
        return found["outcome"], found["reason"]

    failed = ("failed", "resqued.py:1: worker(x=1): no such option")
    daemon.wait_until(lambda: outcome(1)[0] == "failed", "the failure")
    assert outcome(1)[1].startswith(failed[1])

    daemon.write("resqued.py", good)
    daemon.write("wait", "")
    for number in (2, 3):
        ask(path, "reload")
        daemon.wait_until(lambda n=number: daemon.read("loading").count("\n") == n - 1, "loading")
    assert outcome(2) == ("abandoned", "another reload was asked for")
    assert outcome(3) == ("loading", None)
    ask(path, "pause")
    assert outcome(3) == ("abandoned", "the pool was paused")
    assert ask(path, "progress", reload=4)["error"] == "progress: reload 4 is not known"
    assert daemon.stop() == 0


def test_new_workers_that_fail(daemon: Daemon):
    """The reload has failed; the generation before it goes on."""
    daemon.start_working("worker_pool(3, 'a')\n", *BY_PIDFILE, count=3)
    daemon.replace("worker_pool(3, 'raising')\n")
    ask(daemon.folder / "a.sock", "reload")

    reload = daemon.wait_until(
        lambda: (r := status(daemon)["reload"])["outcome"] == "failed" and r, "the failure"
    )
    assert reload["reason"] == "3 of its workers in a row did not get to work"
    assert daemon.stop() == 0


def test_many_requests_over_one_connection(daemon: Daemon):
    """Each line is answered by one, in their order."""
    daemon.start_working("worker('a')\n", *BY_PIDFILE, count=1)
    with connected(daemon.folder / "a.sock") as client:
        client.sendall(b'{"v":1,"verb":"status"}\nnonsense\n{"v":1,"verb":"dance"}\n')
        found = b""
        while found.count(b"\n") < 3:
            found += read_line(client)
    answers = [json.loads(text) for text in found.splitlines()]
    assert [answer.get("code", "ok") for answer in answers] == ["ok", "malformed", "unknown-verb"]
    assert daemon.stop() == 0


# --- what is seen


def test_a_worker_that_crashes(daemon: Daemon):
    """How often, why, and when the next one comes."""
    daemon.start(WORKERS + "worker('raising')\nworker('a')\n", *BY_PIDFILE)

    def waiting() -> dict[str, Any] | None:
        if not wait_for_socket(daemon):
            return None
        workers = [w for each in status(daemon)["generations"] for w in each["workers"]]
        return next((w for w in workers if w["state"] == "backoff"), None)

    worker = daemon.wait_until(waiting, "a pause")
    assert (worker["pid"], worker["queues"]) == (None, ["raising"])
    assert worker["last_end"] == "exit status 1"
    assert worker["restarts"] >= 1
    assert 0 < worker["backoff"] <= 16
    assert daemon.stop() == 0


def test_a_listener_that_is_killed(daemon: Daemon):
    """Its workers are orphaned; how often and why is known, also after a re-exec."""
    daemon.start_working("worker('busy')\nworker('a')\n", *BY_PIDFILE, count=2)
    daemon.signal_process(daemon.tree().listeners[0], signal.SIGKILL)
    daemon.wait_until(lambda: daemon.tree().listener(2), "the next")
    daemon.wait_until(
        lambda: [g["state"] for g in status(daemon)["generations"]] == ["orphaned", "owner"],
        "both",
    )
    ask(daemon.folder / "a.sock", "reexec")
    daemon.wait_for_log("has taken over from itself")

    ends = status(daemon)["listener_ends"]
    assert (ends["count"], ends["generation"], ends["last_end"]) == (1, 1, "SIGKILL (signal 9)")
    daemon.write("finish", "")
    assert daemon.stop() == 0


def test_a_reload_that_was_refused(daemon: Daemon):
    """No listener has ended untold: the outcome of the reload says all."""
    daemon.start_working("worker('a')\n", *BY_PIDFILE, count=1)
    for text in ("worker('a', x=1)\n", "before_fork(lambda: 1 / 0)\nworker('a')\n"):
        daemon.write("resqued.py", text)
        number = ask(daemon.folder / "a.sock", "reload")["reload"]["number"]

        daemon.wait_for_log(rf"Listener #{number + 1} \(pid \d+\) ended\n")

        found = status(daemon)
        assert (found["reload"]["number"], found["reload"]["outcome"]) == (number, "failed")
        assert found["listener_ends"]["count"] == 0
    assert daemon.stop() == 0


def test_files_that_cannot_be_read_when_they_are_needed(daemon: Daemon):
    """Nobody has asked for a reload: that its listener could not start is told."""
    daemon.start_working("worker('a')\n", *BY_PIDFILE, count=1)
    daemon.write("resqued.py", "worker('a', x=1)\n")
    daemon.signal_process(daemon.tree().listeners[0], signal.SIGKILL)

    daemon.wait_for_log(r"Listener #2 \(pid \d+\) ended\n")

    found = status(daemon)
    assert (found["reload"], found["listener_ends"]["count"]) == (None, 2)
    assert daemon.stop() == 0


def test_the_version_of_the_application(daemon: Daemon):
    """And that of what each generation runs."""
    daemon.start_working(
        "@before_fork\ndef load(resqued):\n    resqued.app_version = 'abc'\nworker('x', 'a')\n",
        *BY_PIDFILE,
        count=1,
    )
    found = status(daemon)
    (generation,) = found["generations"]
    assert generation["app_version"] == "abc"
    assert generation["version"] == found["master"]["version"]
    assert generation["listener"] == daemon.tree().listeners[0].pid
    assert found["master"]["paths"] == ["resqued.py"]
    assert found["master"]["folder"] == str(daemon.folder)
    assert [worker["queues"] for worker in generation["workers"]] == [["x", "a"]]
    assert daemon.stop() == 0


# --- where the jobs are


def test_it_tells_on_which_server_the_jobs_are(daemon: Daemon, valkey: ValkeyServer):
    """As a worker has said itself, wherever the application connects; a status never has it."""
    url = valkey.url.replace("redis://", "redis://:@")
    hook = f"@before_fork\ndef connect():\n    import resque\n    resque.connect({url!r}, 'ours')\n"
    daemon.start(f"{hook}worker('a')\n", *BY_PIDFILE)
    path = wait_for_socket(daemon)

    told = {"url": url, "namespace": "ours", "failures": "redis"}
    daemon.wait_until(lambda: ask(path, "server").get("server") == told, "the server's address")
    assert url not in json.dumps(status(daemon))
    assert daemon.stop() == 0


def test_of_workers_that_do_not_say_it_tells_nothing(daemon: Daemon):
    """Whoever asks goes by the environment then."""
    daemon.start_working(f"{WAITING}worker('a')\n", *BY_PIDFILE, count=1)
    assert ask(wait_for_socket(daemon), "server")["server"] is None
    assert daemon.stop() == 0
