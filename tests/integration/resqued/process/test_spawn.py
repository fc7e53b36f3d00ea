import contextlib
import fcntl
import io
import json
import os
import pathlib
import signal
import sys
from collections.abc import Callable
from signal import Signals

import pytest

from resqued.process import signals
from resqued.process.signals import HANDLED, SignalInbox
from resqued.process.spawn import fork_child, leave, rehearse_child, spawn_interpreter
from resqued.process.start_context import StartContext
from tests.support import interpreters
from tests.support.forks import in_child, wait_for_end


def outcome(body: Callable[[], object]) -> tuple[int, str]:
    """Return how a child that runs ``body`` ended, and its standard error."""
    reader, writer = os.pipe()

    def redirected() -> int:
        os.dup2(writer, 2)
        sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", closefd=False))
        return body()  # type: ignore[return-value]

    pid = fork_child(redirected)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    return wait_for_end(pid), said


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        pytest.param("0", 0, "", id="zero"),
        pytest.param("7", 7, "", id="seven"),
        pytest.param("sys.exit()", 0, "", id="exit()"),
        pytest.param("sys.exit(None)", 0, "", id="exit(None)"),
        pytest.param("sys.exit(0)", 0, "", id="exit(0)"),
        pytest.param("sys.exit(3)", 3, "", id="exit(3)"),
        pytest.param("sys.exit(True)", 1, "", id="exit(True)"),
        pytest.param("sys.exit(-1)", 255, "", id="exit(-1)"),
        pytest.param("sys.exit(256)", 0, "", id="exit(256)"),
        pytest.param("sys.exit('reason')", 1, "reason\n", id="exit(text)"),
    ],
)
def test_exit_status(code: str, status: int, said: str):
    """What the body returns or passes to sys.exit is the status, as in a program of its own."""
    assert outcome(lambda: eval(code)) == (status, said)


def test_an_exception_is_printed_and_fails():
    """The traceback goes to standard error, the status is 1."""

    def body() -> int:
        raise LookupError("nothing there")

    status, said = outcome(body)

    assert status == 1
    assert said.startswith("Traceback (most recent call last):")
    assert said.endswith("LookupError: nothing there\n")


def test_even_keyboard_interrupt_does_not_reach_the_parents_stack():
    """The child leaves below the fork; nothing after the call runs twice."""

    def body() -> int:
        raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        assert outcome(body)[0] == 1


def test_exit_handlers_and_finally_blocks_of_the_parent_do_not_run():
    """They are the parent's; the child leaves through os._exit."""
    reader, writer = os.pipe()

    def body() -> None:
        import atexit  # noqa: PLC0415 - in the child only

        atexit.register(os.write, writer, b"exit handler ran")
        try:
            pid = fork_child(lambda: 0)
        finally:
            os.write(writer, b".")
        assert wait_for_end(pid) == 0

    in_child(body)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"."


def test_what_the_parent_had_in_its_buffers_is_written_once(tmp_path: pathlib.Path):
    """A copy of the parent's buffer is not written again by the child."""
    path = tmp_path / "output"

    def body() -> None:
        with path.open("w") as output:
            sys.stdout = output
            print("parent")
            pid = fork_child(lambda: print("child") or 0)
            wait_for_end(pid)

    in_child(body)

    assert path.read_text() == "parent\nchild\n"


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        pytest.param("3", 3, "", id="a number"),
        pytest.param("sys.exit('over')", 1, "over\n", id="sys.exit"),
        pytest.param("1 / 0", 1, "division by zero\n", id="an exception"),
        pytest.param("signals.reset_for_child() or 0", 0, "", id="other handlers"),
    ],
)
def test_what_a_child_does_can_be_rehearsed(code: str, status: int, said: str):
    """In this process, which goes on as before: it neither leaves, nor loses its signals."""

    def body() -> tuple[int, int, bool]:
        with SignalInbox([Signals.SIGTERM]) as inbox:
            printed = io.StringIO()
            with contextlib.redirect_stderr(printed):
                outcome = rehearse_child(lambda: eval(code))
            os.kill(os.getpid(), Signals.SIGTERM)
            return outcome, inbox.drain() == [Signals.SIGTERM], printed.getvalue()[-len(said) :]

    assert in_child(body) == (status, True, said)


def test_a_child_starts_with_default_handlers_and_no_inbox():
    """TERM ends it although its parent only collects signals."""

    def body() -> tuple[int, list[Signals]]:
        with SignalInbox(HANDLED) as inbox:
            pid = fork_child(lambda: signal.pause() or 0)
            os.kill(pid, Signals.SIGTERM)
            status = wait_for_end(pid)
            return status, inbox.drain()

    assert in_child(body) == (-Signals.SIGTERM, [Signals.SIGCHLD])


@pytest.mark.parametrize("blocked", [[], [Signals.SIGTERM], [Signals.SIGWINCH, Signals.SIGHUP]])
def test_a_child_has_its_parents_mask(blocked: list[Signals]):
    """What the parent blocked stays blocked; what fork_child itself blocks does not."""

    def body() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

        def child() -> int:
            return 0 if signal.pthread_sigmask(signal.SIG_BLOCK, []) == set(blocked) else 1

        assert wait_for_end(fork_child(child)) == 0
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set(blocked)

    in_child(body)


def test_no_signal_is_lost_or_doubled_by_forking():
    """One that comes during forks is the parent's, however many children start meanwhile."""

    def body() -> None:
        parent = os.getpid()
        with SignalInbox([Signals.SIGUSR1, Signals.SIGUSR2]) as inbox:
            sender = os.fork()
            if sender == 0:
                for _ in range(200):
                    os.kill(parent, Signals.SIGUSR1)
                os.kill(parent, Signals.SIGUSR2)
                os._exit(0)
            pids = [fork_child(lambda: 0) for _ in range(30)]
            assert wait_for_end(sender) == 0
            # A child that a stray signal hit would have ended by it.
            assert [wait_for_end(pid) for pid in pids] == [0] * 30
            assert set(inbox.drain()) == {Signals.SIGUSR1, Signals.SIGUSR2}

    in_child(body)


def test_leave_flushes_and_ends_at_once(tmp_path: pathlib.Path):
    """Streams are written out; exit handlers and waiting threads are not run."""
    path = tmp_path / "output"

    def body() -> int:
        import threading  # noqa: PLC0415 - in the child only

        threading.Thread(target=signal.pause).start()
        sys.stdout = path.open("w")
        print("kept")
        leave(5)

    assert outcome(body)[0] == 5
    assert path.read_text() == "kept\n"


# --- fresh interpreters

PROBE = """
import json, os, signal, sys
def open_descriptors():
    found = []
    for number in range(3, 256):
        try:
            os.fstat(number)
        except OSError:
            continue
        found.append(number)
    return found
open_now = open_descriptors()
os.kill(os.getpid(), signal.SIGTERM)  # survives: it is blocked
report = {
    "arguments": sys.argv[1:],
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "pending": sorted(signal.sigpending()),
    "ignored": [n for n in (1, 2, 3, 10, 12, 15, 17, 18) if signal.getsignal(n) == signal.SIG_IGN],
    "descriptors": open_now,
    "folder_on_path": os.getcwd() in sys.path or "" in sys.path,
    "variable": os.environ.get("GIVEN"),
    "everything": sorted(os.environ),
}
os.write(int(sys.argv[1]), json.dumps(report).encode())
"""


@pytest.fixture
def probe(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict]:
    """Spawn a module that reports how it was started."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "start_probe.py").write_text(PROBE)
    monkeypatch.chdir(tmp_path)

    def spawn(*inherit: int, before: Callable[[], object] = lambda: None) -> dict:
        def body() -> dict:
            before()
            for name in os.listdir("/proc/self/fd"):
                with contextlib.suppress(OSError):  # the one that listed them
                    os.set_inheritable(int(name), int(name) < 3)  # whoever started the tests
            reader, writer = os.pipe()
            environment = {"PYTHONPATH": str(tmp_path / "modules"), "GIVEN": "yes"}
            context = StartContext(sys.executable, str(tmp_path), environment)
            arguments = [str(writer), "two words"]
            pid = spawn_interpreter(context, "start_probe", arguments, [writer, *inherit])
            assert not os.get_inheritable(writer)
            os.close(writer)
            with os.fdopen(reader) as pipe:
                report = json.load(pipe)
            assert wait_for_end(pid) == 0
            return report | {"writer": writer}

        return in_child(body)

    return spawn


def test_a_fresh_interpreter_starts_with_signals_blocked(probe):
    """Whatever its parent had: the handled ones blocked, none ignored, none lost."""

    def odd_state() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, [Signals.SIGWINCH])
        for number in (Signals.SIGHUP, Signals.SIGUSR1, Signals.SIGINT):
            signal.signal(number, signal.SIG_IGN)

    report = probe(before=odd_state)

    assert report["blocked"] == sorted(HANDLED)
    assert report["pending"] == [Signals.SIGTERM]
    assert report["ignored"] == []


def test_a_fresh_interpreter_inherits_only_what_is_listed(probe):
    """Under the same numbers; other descriptors stay behind."""
    with open(os.devnull) as wanted, open(os.devnull) as unwanted:
        report = probe(wanted.fileno())

        assert report["descriptors"] == sorted([report["writer"], wanted.fileno()])
        assert unwanted.fileno() not in report["descriptors"]
        assert not os.get_inheritable(wanted.fileno())


def test_a_fresh_interpreter_gets_arguments_and_environment(probe):
    """Words stay whole; the environment is the one of the context and not the present one."""
    report = probe()

    assert report["arguments"][1] == "two words"
    assert report["variable"] == "yes"
    assert not {"PATH", "HOME"} & set(report["everything"])


def test_modules_in_the_working_directory_do_not_shadow_the_standard_library(
    probe, tmp_path: pathlib.Path
):
    """A json.py beside the config file is the application's affair."""
    (tmp_path / "json.py").write_text("raise SystemExit(9)")

    assert probe()["folder_on_path"] is False


def test_what_a_fresh_interpreter_prints_can_be_kept(tmp_path: pathlib.Path):
    """Both its streams go to the given descriptor, and not to ours."""
    module = "import sys\nprint('one', flush=True)\nprint('two', file=sys.stderr)\n"
    (tmp_path / "talker.py").write_text(module)
    context = StartContext(sys.executable, str(tmp_path), {"PYTHONPATH": str(tmp_path)})

    def body() -> int:
        with (tmp_path / "said").open("wb") as file:
            return wait_for_end(spawn_interpreter(context, "talker", [], [], file.fileno()))

    assert in_child(body) == 0
    assert (tmp_path / "said").read_text() == "one\ntwo\n"


def test_a_program_that_is_not_there(tmp_path: pathlib.Path):
    """OSError, and the descriptors are as they were."""
    context = StartContext(str(tmp_path / "python"), str(tmp_path), {})
    with open(os.devnull) as file:
        with pytest.raises(FileNotFoundError):
            spawn_interpreter(context, "m", [], [file.fileno()])

        assert not fcntl.fcntl(file.fileno(), fcntl.F_GETFD) & ~fcntl.FD_CLOEXEC
        assert not os.get_inheritable(file.fileno())


def test_no_room_for_another_process():
    """OSError reaches the caller, with the mask as it was."""

    def body() -> None:
        import resource  # noqa: PLC0415 - in the child only

        if os.getuid() == 0:  # the limit does not bind root
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        with pytest.raises(BlockingIOError):
            fork_child(lambda: 0)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()

    in_child(body)


def test_the_context_keeps_the_links_of_the_shell(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    """$PWD is believed only if it is the working directory."""
    (tmp_path / "release").mkdir()
    (tmp_path / "current").symlink_to("release")
    monkeypatch.chdir(tmp_path / "release")
    for pwd, folder in [("current", "current"), ("release", "release"), ("missing", "release")]:
        monkeypatch.setenv("PWD", str(tmp_path / pwd))
        assert StartContext.capture().folder == str(tmp_path / folder)
    monkeypatch.setenv("PWD", "/")
    assert StartContext.capture().folder == str(tmp_path / "release")
    monkeypatch.delenv("PWD")
    context = StartContext.capture()
    assert context.folder == str(tmp_path / "release")
    assert context.program == sys.executable


def test_entering_the_folder_follows_its_link(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    """Where it leads to now; it may be gone for a moment."""
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
    (tmp_path / "current").symlink_to("1")
    monkeypatch.chdir(tmp_path / "current")
    monkeypatch.setenv("PWD", str(tmp_path / "current"))
    context = StartContext.capture()
    (tmp_path / "current").unlink()
    with pytest.raises(FileNotFoundError):
        context.enter()
    (tmp_path / "current").symlink_to("2")

    context.enter()

    assert os.getcwd() == str(tmp_path / "2")


def test_the_context_is_a_copy(monkeypatch: pytest.MonkeyPatch):
    """What this process exports later reaches no process that it starts."""
    monkeypatch.setenv("BEFORE", "1")
    context = StartContext.capture()
    monkeypatch.setenv("AFTER", "1")

    assert context.environment["BEFORE"] == "1"
    assert "AFTER" not in context.environment


def test_blocked_is_what_fork_child_relies_on():
    """HANDLED holds every signal that any of our inboxes wants."""
    assert set(signals.HANDLED) >= {
        Signals.SIGHUP,
        Signals.SIGINT,
        Signals.SIGQUIT,
        Signals.SIGTERM,
        Signals.SIGUSR1,
        Signals.SIGUSR2,
        Signals.SIGCONT,
        Signals.SIGCHLD,
    }


def test_a_replaced_exit_is_called():
    """Coverage's, say, which writes down what it has found first."""
    program = """
import os
from resqued.process import kernel
exit = os._exit
os._exit = lambda code: (print("first of all", code, flush=True), exit(code + 1))
kernel.end(6)
"""
    done = interpreters.run(sys.executable, program)
    assert (done.returncode, done.stdout, done.stderr) == (7, "first of all 6\n", "")
