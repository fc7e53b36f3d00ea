"""``resqued top`` in a terminal, beside a pool and a server."""

import json
import pathlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from resque.client import Resque
from tests.support import screens
from tests.support.client import client_of
from tests.support.daemon import COMMAND, Daemon
from tests.support.server import ValkeyServer
from tests.support.terminal import Terminal
from tests.support.view import View
from tests.support.waiting import wait_until

SCREENS = pathlib.Path(__file__).with_name("screens")
PIDFILE = ("-p", "a.pid")
#: A job that takes until the test says that it is done, and one that fails.
APP = """
import os, time
import resque

@resque.job(queue="mail", name="Send")
def send(number):
    while not os.path.exists(f"done{number}"):
        time.sleep(0.01)

@resque.job(queue="mail", name="Fail")
def fail(text):
    raise ValueError(text)
"""
POOL = """
worker("mail", "reports", interval=0.1)
worker("reports", interval=0.1)

@before_fork
def load():
    import app
"""
#: What a worker shows that has had nothing to do for as long as is shown.
FULL = "▁▁▁▁▁▁▁▁   0.0"
#: What the key of that name sends.
DOWN = "\x1b[B"
#: Makes Textual as absent as where the extra is not installed.
NO_TEXTUAL = "import sys\nsys.modules['textual'] = None\n"


@pytest.fixture
def resque(clean_valkey: ValkeyServer) -> Iterator[Resque]:
    """The server, as the pool's application sees it."""
    with client_of(clean_valkey.url) as client:
        yield client


def start(daemon: Daemon, url: str) -> None:
    """Start a pool of two workers, and wait until both work."""
    daemon.write("app.py", APP)
    before = daemon.log.count(" works")
    daemon.start(POOL, *PIDFILE, environment={"REDIS_URL": url})
    daemon.wait_until(lambda: daemon.log.count(" works") == before + 2, "two workers")


@pytest.fixture
def pool(daemon: Daemon, clean_valkey: ValkeyServer) -> Iterator[Daemon]:
    """A pool that works, and is still well when all was looked at."""
    start(daemon, clean_valkey.url)
    yield daemon
    daemon.write("done1", "")
    assert daemon.stop() == 0


@contextmanager
def top(
    daemon: Daemon,
    *options: str,
    size: tuple[int, int] = (80, 24),
    environment: dict[str, str] | None = None,
) -> Iterator[Terminal]:
    """Run the command in a terminal, as one of this test's processes."""
    words = [COMMAND, "top", *PIDFILE, "--interval", "0.2", *options]
    with Terminal(words, daemon.folder, daemon._environment(environment), size) as terminal:
        yield terminal


def push(resque: Resque, queue: str, name: str, *arguments: object) -> None:
    """Put a job into a queue, whatever they are called."""
    element = json.dumps({"class": name, "args": arguments}).encode()
    View(resque).push(queue, element)


def leave(terminal: Terminal) -> None:
    """Quit; the terminal is as it was."""
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    assert terminal.is_as_before


def test_a_pool_that_works(pool: Daemon, resque: Resque):
    """Its master, what each worker does, what waits, and what has failed."""
    push(resque, "mail", "Fail", "no address")
    with top(pool) as terminal:
        terminal.wait_for("1 failure")
        push(resque, "mail", "Send", 1)
        for _ in range(12):
            push(resque, "later", "Other")
        shown = terminal.wait_for("1 busy", "Send", "12 jobs wait", FULL, "ValueError")
        screens.check(SCREENS / "works.txt", shown)
        pool.write("done1", "")
        terminal.wait_for("0 busy")
        leave(terminal)


def test_a_reload(pool: Daemon, resque: Resque):
    """Both generations are shown while workers move; then what became of it."""
    push(resque, "mail", "Send", 1)
    with top(pool) as terminal:
        terminal.wait_for("1 busy")
        terminal.press("r")
        terminal.wait_for("y yes")
        terminal.press("y")
        terminal.wait_for("Reload 1: generation 2 loads")
        shown = terminal.wait_for(
            "workers move to generation 2", "Generation 1: ", "1 of 2 workers at work", "leaving"
        )
        assert "Generation 2: owner" in shown
        pool.write("done1", "")
        terminal.wait_for("generation 2 has taken over after", "2 of 2 workers at work")
        pool.wait_until(lambda: "Generation 1" not in terminal.text, "the end of the former one")
        leave(terminal)


def test_pause_and_resume(pool: Daemon):
    """By one key, which means what is not the case."""
    with top(pool) as terminal:
        terminal.wait_for("): working")
        terminal.press("p")
        terminal.wait_for("Pause the pool? All 2 workers leave when their jobs are done.")
        terminal.press("y")
        terminal.wait_for("): paused", "0 workers")
        terminal.press("p")
        terminal.wait_for("): working", "2 of 2 workers at work")
        leave(terminal)


def test_a_worker_is_restarted(pool: Daemon):
    """The selected one, and another takes its place."""
    _, second = pool.wait_for_workers(2).workers
    with top(pool) as terminal:
        terminal.wait_for(f" {second.pid} ")
        terminal.press("j")
        terminal.press("R")
        terminal.wait_for(f"Restart worker {second.pid}?")
        terminal.press("y")
        terminal.wait_for(f"Worker {second.pid} leaves when its job is done")
        pool.wait_until(lambda: not second.is_there, "its end")
        terminal.wait_for("1: told", "2 of 2 workers at work")
        leave(terminal)


def test_the_stacks_of_a_worker(pool: Daemon, resque: Resque):
    """The selected one's, and where its job is."""
    push(resque, "mail", "Send", 1)
    with top(pool) as terminal:
        terminal.wait_for("1 busy")
        terminal.press("s")
        terminal.wait_for("most recent call first")
        # Line by line: below the job's own are more lines than the screen has.
        wait_until(lambda: terminal.press(DOWN) or "in send" in terminal.text, "the job's line")
        terminal.press("\x1b")
        terminal.wait_for("1 busy")
        leave(terminal)


def test_the_server_goes_and_comes_back(daemon: Daemon):
    """What needs it is said to be old, and why; all else goes on."""
    with ValkeyServer() as server, client_of(server.url) as resque:
        start(daemon, server.url)
        push(resque, "later", "Other")
        with top(daemon) as terminal:
            terminal.wait_for("1 job waits", FULL, "later")
            server.stop()
            shown = terminal.wait_for(
                "No news of the server for", "Queues: no news for", "] Connection refused ("
            )
            screens.check(SCREENS / "server_away.txt", shown)
            terminal.press("r")
            terminal.press("y")
            terminal.wait_for("Reload 1: generation 2 loads")
            server.start()
            terminal.wait_for("0 jobs wait")
            assert "No news" not in terminal.text
            leave(terminal)
        assert daemon.stop(signal.SIGTERM) == 0


def test_the_master_goes_and_comes_back(daemon: Daemon, clean_valkey: ValkeyServer):
    """It is said since when and why, what was known stays, and the next master is shown."""
    start(daemon, clean_valkey.url)
    with top(daemon) as terminal:
        terminal.wait_for(f"(pid {daemon.pid}): working", FULL, "0 jobs wait")
        daemon.signal(signal.SIGKILL)  # which leaves no moment in which it is seen to stop
        assert daemon.wait_for_exit() == -signal.SIGKILL
        shown = terminal.wait_for("No news of the pool for", "no resqued runs at")
        screens.check(SCREENS / "master_gone.txt", shown)
        daemon.wait_until(
            lambda: not (daemon.tree().listeners or daemon.tree().workers), "the former pool's end"
        )
        start(daemon, clean_valkey.url)
        terminal.wait_for(f"(pid {daemon.pid}): working", "2 of 2 workers at work")
        assert "No news" not in terminal.text
        leave(terminal)
    assert daemon.stop() == 0


def test_a_master_that_replaces_itself(pool: Daemon):
    """It is asked on as if nothing had happened."""
    with top(pool) as terminal:
        terminal.wait_for("Generation 1: owner")
        assert pool.run("reexec", *PIDFILE).returncode == 0
        terminal.wait_for("Generation 2: owner", "generation 2 has taken over")
        assert "No news" not in terminal.text
        leave(terminal)


def test_a_master_that_hangs(pool: Daemon):
    """It is said, keys work all the same, and leaving takes no longer than an answer may."""
    with top(pool) as terminal:
        terminal.wait_for("Generation 1: owner", "0 jobs wait")
        pool.signal(signal.SIGSTOP)
        terminal.wait_for("No news of the pool for", "does not answer in time")
        terminal.press("?")
        terminal.wait_for("quit; the pool goes on")
        terminal.press("q")
        leave(terminal)
    pool.signal(signal.SIGCONT)


def test_hostile_names(pool: Daemon, resque: Resque):
    """What anybody may write to the server does nothing to the terminal."""
    title = "\x1b]0;taken\x07\x1b[2J[red]"
    push(resque, title + "z" * 10_000, title + "Other")
    push(resque, "mail", "Fail", title)
    push(resque, "mail", "Send", 1)
    with top(pool) as terminal:
        terminal.wait_for("1 failure", r"\x1b]0;taken\x07\x1b[2J[red]"[:15], "1 job waits", "Send")
        terminal.press("\t\r")
        terminal.wait_for(r"│ \x1b]0;taken\x07\x1b[2J[red]zzz", "Waiting  1 job")
        terminal.press("q")
        assert b"\x1b]0;taken" not in terminal.written
        leave(terminal)


def test_a_small_terminal(pool: Daemon, resque: Resque):
    """One list at a time, with what matters most of it; a larger one has room for all."""
    push(resque, "mail", "Send", 1)
    push(resque, "later", "Other")
    with top(pool, size=(40, 10)) as terminal:
        screens.check(SCREENS / "small.txt", terminal.wait_for("1 busy", "Send", "Reload"))
        terminal.press("\t")
        screens.check(SCREENS / "small_queues.txt", terminal.wait_for("1 job waits at"))
        terminal.resize(100, 30)
        terminal.wait_for("1 busy", "PRIVATE", "1 job waits at", "0 failures")
        leave(terminal)


def test_another_server(pool: Daemon):
    """The one that is named, and not the pool's own."""
    with ValkeyServer() as other, client_of(other.url) as resque:
        for _ in range(3):
            push(resque, "there", "Other")
        with top(pool, "--url", other.url) as terminal:
            terminal.wait_for("3 jobs wait", "there")
            leave(terminal)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it(pool: Daemon, number: signal.Signals):
    """And leaves the terminal as it was."""
    with top(pool) as terminal:
        terminal.wait_for("Generation 1: owner")
        terminal.process.send_signal(number)
        assert terminal.wait_for_end() == 128 + number
        assert terminal.is_as_before


def test_it_is_put_aside_and_goes_on(pool: Daemon):
    """The terminal is free meanwhile, and at the end as it was before."""
    with top(pool) as terminal:
        terminal.wait_for("Generation 1: owner")
        terminal.press("\x1a")
        pool.wait_until(lambda: terminal.is_stopped, "that it is stopped")
        assert terminal.is_as_before
        terminal.process.send_signal(signal.SIGCONT)
        pool.wait_until(lambda: not terminal.is_as_before, "that it has the terminal again")
        terminal.press("?")
        terminal.wait_for("quit; the pool goes on")
        terminal.press("q")
        leave(terminal)


def test_it_is_told_to_go_on_and_was_not_put_aside(pool: Daemon):
    """The terminal is as it was all the same."""
    with top(pool) as terminal:
        terminal.wait_for("Generation 1: owner")
        terminal.process.send_signal(signal.SIGCONT)
        terminal.press("?")
        terminal.wait_for("quit; the pool goes on")
        terminal.press("q")
        leave(terminal)


def test_the_connection_of_the_terminal_ends(pool: Daemon):
    """Then so does the view."""
    with top(pool) as terminal:
        terminal.wait_for("Generation 1: owner")
        terminal.hang_up()
        pool.wait_until(lambda: terminal.process.poll() is not None, "its end")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--interval", "x"), "option --interval must be a number of seconds from 0.1 to 3600,"),
        (("--interval", "0"), "from 0.1 to 3600, not '0'"),
        (("--interval", "nan"), "from 0.1 to 3600, not 'nan'"),
        (("--interval", "-1"), "from 0.1 to 3600, not '-1'"),
        (("--interval", "3601"), "from 0.1 to 3600, not '3601'"),
        (("--namespace", "x"), "option --namespace is for --url"),
        (("--url", ""), "option --url must not be empty"),
        (("word",), "'word' is one argument too many"),
        ((), "it needs a terminal: standard input, output and error must all be one"),
    ],
)
def test_wrong_usage(daemon: Daemon, options: tuple[str, ...], error: str):
    """One line says what is wrong, before anybody is asked."""
    done = daemon.run("top", *PIDFILE, *options)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("resqued top: ")
    assert error in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("environment", "status", "error"),
    [
        ({}, 3, "no resqued runs at control socket a.sock: No such file or directory"),
        ({"TERM": "dumb"}, 2, "it needs a terminal that can move its cursor; TERM is 'dumb'"),
        ({"PYTHONPATH": "absent"}, 2, "not installed: pip install 'resqued[top]'"),
    ],
)
def test_what_it_needs(daemon: Daemon, environment: dict[str, str], status: int, error: str):
    """A pool, a terminal, the extra: one line says what is missing, and the screen is not taken."""
    daemon.write("absent/sitecustomize.py", NO_TEXTUAL)
    path = str(daemon.folder / environment.get("PYTHONPATH", "none"))
    with top(daemon, environment={**environment, "PYTHONPATH": path}) as terminal:
        assert terminal.wait_for_end() == status
        assert terminal.text.strip().replace("\n", "").startswith("resqued top: ")
        assert error in terminal.text.replace("\n", "")
        assert b"\x1b[" not in terminal.written


def test_help(daemon: Daemon):
    """Needs neither a terminal nor a pool nor the extra."""
    daemon.write("absent/sitecustomize.py", NO_TEXTUAL)

    done = daemon.run("top", "--help", environment={"PYTHONPATH": str(daemon.folder / "absent")})

    assert (done.returncode, done.stderr) == (0, "")
    assert "--interval SECONDS" in done.stdout
