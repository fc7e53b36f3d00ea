import re
import signal

import pytest

from tests.support.daemon import WORKERS, Daemon
from tests.support.inspection import Inspector, has_taken_over, lists_of, wait_for_take_over

OLDER, NEWER = "1.0.0", "2.0.0"
#: An upgrade, and the way back.
BOTH_WAYS = pytest.mark.parametrize(("here", "there"), [(OLDER, NEWER), (NEWER, OLDER)])
POOL = "worker('working')\nworker_pool(3, 'a')\n"

#: What the newer version's protocol has at the end of its module: a message of a type that the
#: older one does not know before each other message.
GREETING = """
encode_alone = encode

def encode(message):
    greeting = {"v": f"{MAJOR}.{MINOR}", "type": "Greeting", "text": ["hello"]}
    return json.dumps(greeting).encode() + b"\\n" + encode_alone(message)
"""


def install(daemon: Daemon, version: str) -> None:
    """Put a version in the place of the installed one.

    The newer one's protocol is of the next minor version, with additional fields as well.
    """
    path = daemon.folder / "installed" / "resqued" / "ipc" / "messages.py"
    text = daemon.read("messages.py")
    if version == NEWER:
        text = text.replace("MINOR = 0\n", "MINOR = 1\n")
        for field in ("app_version: str | None", "slot: int"):
            text = text.replace(f"    {field}\n\n", f'    {field}\n    mood: str = "good"\n\n')
        assert text.count("mood: str") == 5
        text += GREETING
    path.write_text(text)
    daemon.publish(version)


def start(daemon: Daemon, version: str) -> int:
    """Start a version, and wait until one worker has a job and three wait; returns the busy one."""
    package = daemon.install()
    daemon.write("messages.py", (package / "ipc" / "messages.py").read_text())
    install(daemon, version)
    daemon.start(WORKERS + POOL)
    daemon.wait_for_log("Worker .* works", count=4)
    tree = daemon.wait_until(
        lambda: t if len((t := daemon.tree()).waiting) == 3 else None, "three idle workers"
    )
    (busy,) = tree.titled("resque-0: Processing ")
    return busy.pid


def troubles(daemon: Daemon) -> list[str]:
    """Return the lines of the log that ask for somebody's attention."""
    return re.findall(".*(?:WARNING|ERROR|Traceback).*", daemon.log)


@BOTH_WAYS
def test_a_master_with_the_listener_of_another_version(daemon: Daemon, here: str, there: str):
    """HUP after an upgrade without USR1: the workers move over, and the job is finished."""
    busy = start(daemon, here)
    inspector = Inspector(daemon, most=4, least=3, working=1, a=3)
    install(daemon, there)
    daemon.signal(signal.SIGHUP)

    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(2)) == {"a": 3}, "three new workers"
    )
    tree = daemon.tree()
    assert busy in {worker.pid for worker in tree.workers}
    assert tree.titled(f"resqued-{here} master ")
    assert tree.titled(f"resqued-{here} listener #1 ")
    assert tree.titled(f"resqued-{there} listener #2 ")
    daemon.write("finish", "")
    daemon.wait_until(lambda: has_taken_over(daemon, 2) if inspector.look() else None, "the end")
    assert daemon.read("done").splitlines()[0] == str(busy)
    daemon.wait_for_workers(4)
    (killed, *_) = daemon.tree().workers
    daemon.signal_process(killed, signal.SIGKILL)
    daemon.wait_until(lambda: killed.pid not in {w.pid for w in daemon.tree().workers}, "its end")
    daemon.wait_for_workers(4)
    assert daemon.stop() == 0
    (of_killed,) = troubles(daemon)
    assert "ended: SIGKILL" in of_killed


@BOTH_WAYS
def test_a_master_that_takes_over_the_listener_of_another_version(
    daemon: Daemon, here: str, there: str
):
    """USR1 whose reload fails: the former listener goes on under it; a later HUP moves all over."""
    busy = start(daemon, here)
    inspector = Inspector(daemon, most=4, least=2, working=1, a=3)
    install(daemon, there)
    daemon.write("resqued.py", "raise RuntimeError('not today')\n")
    daemon.signal(signal.SIGUSR1)

    daemon.wait_for_log("Generation 2 failed, generation 1 goes on:\n.*not today")
    tree = inspector.look()
    assert tree.titled(f"resqued-{there} master ")
    assert tree.masters[0].pid == daemon.pid
    killed = tree.waiting[0]
    daemon.signal_process(killed, signal.SIGKILL)
    daemon.wait_until(lambda: killed.pid not in {w.pid for w in inspector.look().workers}, "it")
    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(1)) == {"working": 1, "a": 3}, "a full pool"
    )
    daemon.wait_for_title(f"resqued-{here} listener #1 ")
    daemon.replace(POOL)
    daemon.signal(signal.SIGHUP)
    daemon.wait_until(
        lambda: lists_of(inspector.look().workers_of(3)) == {"a": 3}, "three new workers"
    )
    daemon.write("finish", "")
    daemon.wait_until(lambda: has_taken_over(daemon, 3) if inspector.look() else None, "the end")
    assert daemon.read("done").splitlines()[0] == str(busy)
    assert daemon.wait_for_workers(4).titled(f"resqued-{there} listener #3 ")
    assert daemon.stop() == 0
    assert [line.split()[3] for line in troubles(daemon)] == ["ERROR", "WARNING"]


def assert_next_major_is_refused(daemon: Daemon, number: signal.Signals, block: str) -> None:
    """Put a version in place whose protocol is another one: one block, and nothing has changed."""
    before = daemon.tree()
    path = daemon.folder / "installed" / "resqued" / "ipc" / "messages.py"
    path.write_text(path.read_text().replace("MAJOR = 1\n", "MAJOR = 2\n"))
    daemon.publish("3.0.0")
    daemon.signal(number)

    daemon.wait_for_log(block)

    daemon.wait_until(lambda: daemon.tree().listeners == before.listeners, "no other listener")
    assert daemon.tree().workers == before.workers
    assert len(troubles(daemon)) == 1


def test_a_listener_of_another_major_version(daemon: Daemon):
    """HUP: the log says why it cannot be, and what to do; the present generation goes on."""
    start(daemon, OLDER)
    assert_next_major_is_refused(
        daemon,
        signal.SIGHUP,
        r"ERROR \S+ Generation 2 failed, generation 1 goes on:\n"
        r"  the installed listener speaks protocol 2, and this master 1: stop resqued .*\n",
    )

    daemon.wait_for_log(r"Listener #2 \(pid \d+\) ended\n")
    daemon.write("finish", "")
    install(daemon, OLDER)
    daemon.signal(signal.SIGHUP)
    wait_for_take_over(daemon, 3)
    daemon.wait_for_workers(4)
    assert daemon.stop() == 0


def test_a_master_of_another_major_version(daemon: Daemon):
    """USR1: refused while there are listeners; a pause makes it possible."""
    start(daemon, OLDER)
    assert_next_major_is_refused(
        daemon,
        signal.SIGUSR1,
        r"ERROR \S+ The installed program cannot take over, this master goes on"
        r" \(its probe ended: exit status 1\):\n"
        r"  the listeners speak protocol 1, this version 2: pause first .*\n",
    )

    daemon.signal(signal.SIGUSR2)
    daemon.write("finish", "")
    daemon.wait_for_log(r"Listener #1 \(pid \d+\) ended\n")
    daemon.signal(signal.SIGUSR1)
    daemon.wait_until(lambda: daemon.tree().titled("resqued-3.0.0 master "), "the new master")
    daemon.signal(signal.SIGCONT)
    assert daemon.wait_for_workers(4).titled("resqued-3.0.0 listener #2 ")
    assert daemon.read("done")
    assert daemon.stop() == 0
