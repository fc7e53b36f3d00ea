"""Stacks of other processes: what answers, what cannot, and that nothing is left of it."""

import ctypes
import faulthandler
import fcntl
import os
import pathlib
import re
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from importlib import import_module
from signal import Signals

import pytest

from resqued.clock import MonotonicClock
from resqued.process import dump, dump_file, stack
from resqued.process.condition import conditions
from resqued.process.dump import QUESTION, QUESTION_IN_C
from resqued.process.dump_file import DumpFile
from resqued.process.dump_silence import DumpError, HasEndedError, NotAllowedError
from resqued.process.watch import ProcessWatch
from tests.support.forks import in_child
from tests.support.waiting import wait_until

now = MonotonicClock().now
#: A number that is no user's.
STRANGER = 65533


class Looked:
    """A forked process that can be looked at, and the file that it answers in."""

    def __init__(self, body: Callable[[], object], prepare: Callable[[], object] = tuple) -> None:
        """Fork, and wait until it answers and is prepared."""
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                dump.answer()
                prepare()
                os.write(writer, b".")
                body()
            finally:
                os._exit(0)
        os.close(writer)
        assert os.read(reader, 1) == b"."
        os.close(reader)
        self.watch = ProcessWatch(self.pid)

    def file(self) -> DumpFile:
        """Open the file, which must be there."""
        found = DumpFile.of(self.watch)
        assert found is not None
        return found

    @property
    def has_file(self) -> bool:
        """Whether it has a file to answer in."""
        found = DumpFile.of(self.watch)
        if found is not None:
            found.close()
        return found is not None

    def stacks(self) -> str:
        """Look once."""
        with closing(self.file()) as file, file.alone(now):
            return file.stacks(self.watch, now)

    def wait_for(self, pattern: str) -> str:
        """Look until the stacks have it, and return them."""

        def look() -> str | None:
            text = self.stacks()
            return text if re.search(pattern, text) else None

        return wait_until(look, f"{pattern} in its stacks") or ""

    def stop(self) -> None:
        """Have it do nothing, not even for a signal."""
        self.watch.send(Signals.SIGSTOP)
        wait_until(lambda: all(c.is_held for c in conditions(self.pid).values()), "the stop")

    def close(self) -> None:
        """End it."""
        self.watch.send(Signals.SIGKILL)
        os.waitpid(self.pid, 0)
        self.watch.close()


Start = Callable[..., Looked]


@pytest.fixture
def start() -> Iterator[Start]:
    """Fork a process that can be looked at and runs a function, once it is prepared by another."""
    with ExitStack() as started:

        def run(*bodies: Callable[[], object]) -> Looked:
            made = Looked(*bodies)
            started.callback(made.close)
            return made

        yield run


def sleep() -> None:
    """Wait in Python's own sleep."""
    time.sleep(600)


def sleep_in_c() -> None:
    """Wait in C; a signal ends each of its calls."""
    sleep = ctypes.CDLL(None).sleep
    while True:
        sleep(600)


def hang() -> None:
    """Never come back from C, whatever signal comes."""
    mutex = ctypes.create_string_buffer(64)
    lock = ctypes.CDLL(None).pthread_mutex_lock
    lock(mutex)
    lock(mutex)


def hang_alone() -> None:
    """The same, with the interpreter's lock in hand."""
    mutex = ctypes.create_string_buffer(64)
    lock = ctypes.PyDLL(None).pthread_mutex_lock
    lock(mutex)
    lock(mutex)


def wait_for_a_lock() -> None:
    """Wait for what another thread has, and never gives."""
    lock, is_taken = threading.Lock(), threading.Event()

    def hold() -> None:
        with lock:
            is_taken.set()
            sleep()

    threading.Thread(target=hold, name="holder", daemon=True).start()
    is_taken.wait()
    with lock:
        pass


def handle(action: Callable[[], object]) -> None:
    """Do something else at the question."""
    signal.signal(QUESTION, lambda *_: action() and None)


def close_file() -> None:
    """Close the file to answer in, as code does that closes all that it does not know."""
    (path,) = dump_file._paths(ProcessWatch(os.getpid()))
    os.close(int(os.path.basename(path)))


def started_at(text: str) -> int:
    """Return where the stacks show this file's own ``__init__``; threads have one as well."""
    found = re.search(rf'"[^"\n]*{os.path.basename(__file__)}", line \d+ in __init__\n', text)
    assert found is not None
    return found.end()


@pytest.mark.parametrize("body", [sleep, sleep_in_c, wait_for_a_lock])
def test_where_a_process_is(start: Start, body: Callable[[], object]):
    """All its threads, as faulthandler writes them; the most recent call comes first."""
    text = start(body).wait_for(f"in {body.__name__}\n")
    assert re.match(r"Current thread 0x[0-9a-f]{16} \(most recent call first\):\n  File ", text)
    assert text.index(f" in {body.__name__}\n") < started_at(text)
    assert text.endswith("\n")


@pytest.mark.parametrize("body", [hang, hang_alone])
def test_where_a_process_is_that_does_not_come_back_from_c(
    start: Start, body: Callable[[], object], monkeypatch: pytest.MonkeyPatch
):
    """The thread that is stuck, also where it has the interpreter's lock in hand."""
    monkeypatch.setattr(dump_file, "_EACH", 0.2)
    text = start(body).wait_for(rf"(?s)^Stack .*in {body.__name__}\n")
    assert text.startswith("Stack (most recent call first):\n  File ")
    assert text.index(f" in {body.__name__}\n") < started_at(text)
    assert text.endswith("\n")


def test_all_threads(start: Start):
    """Who holds the lock is seen beside who waits for it."""
    text = start(wait_for_a_lock).wait_for(" in hold\n")
    assert len(re.findall(r"hread 0x[0-9a-f]+ \(most recent call first\):", text)) == 2


def test_looks_at_a_process_whose_frames_never_rest(start: Start):
    """They are read between two instructions: it goes on, however often it is looked at."""

    def recurse(depth: int) -> int:
        return recurse(depth - 1) if depth else 0

    def run() -> None:
        while True:
            recurse(40)
            exec("def made(): return 1\nmade()")  # code that comes and goes

    def run_all() -> None:
        for _ in range(4):
            threading.Thread(target=run, daemon=True).start()
        run()

    looked = start(run_all)
    looked.wait_for(" in recurse\n")
    for _ in range(100):
        assert " in run_all\n" in looked.stacks()


def test_what_cannot_be_told_harms_nobody():
    """Who was interrupted goes on: without the file, or without room on the stack."""

    def body() -> int:
        dump.answer()
        close_file()
        os.kill(os.getpid(), QUESTION)
        dump.answer()

        def recurse(depth: int) -> int:
            os.kill(os.getpid(), QUESTION)
            return recurse(depth - 1) + 1 if depth else 0

        sys.setrecursionlimit(300)
        return recurse(200)

    assert in_child(body) == 200


def test_a_file_of_the_applications_that_has_the_descriptors_number(tmp_path: pathlib.Path):
    """Code that closes files not its own gives it to the next: no stray signal writes there."""
    other = tmp_path / "other"

    def body() -> None:
        dump.answer()
        file = next(n for n in map(int, os.listdir("/proc/self/fd")) if _is_ours(n))
        os.dup2(os.open(other, os.O_CREAT | os.O_RDWR), file)
        os.kill(os.getpid(), QUESTION)

    in_child(body)
    assert other.read_bytes() == b""


def test_the_next_files_of_code_that_has_closed_it(tmp_path: pathlib.Path):
    """They have other numbers, so that in C, where nothing can be compared, none is written to.

    A terminal sends that signal to all that runs in it, whenever its size changes.
    """

    def body() -> int:
        dump.answer()
        close_file()
        files = [os.open(tmp_path / str(n), os.O_CREAT | os.O_RDWR) for n in range(100)]
        os.kill(os.getpid(), QUESTION_IN_C)
        return sum(os.fstat(file).st_size for file in files)

    assert in_child(body) == 0


def test_a_low_limit_of_descriptors():
    """The file has the number that there is."""

    def body() -> bool:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        dump.answer()
        return any(_is_ours(file) for file in range(64))

    assert in_child(body)


def test_a_file_that_is_closed_while_it_is_looked_at(
    start: Start, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    """Between two questions it has become another one, which is not written to."""
    monkeypatch.setattr(dump_file, "_EACH", 0.1)
    other = tmp_path / "other"

    def replace() -> None:
        (path,) = dump_file._paths(ProcessWatch(os.getpid()))
        os.dup2(os.open(other, os.O_CREAT | os.O_RDWR), int(os.path.basename(path)))

    looked = start(sleep, lambda: handle(replace))
    with pytest.raises(DumpError, match=f"^{dump_file.CLOSED}$"):
        looked.stacks()
    assert other.read_bytes() == b""


def _is_ours(file: int) -> bool:
    try:
        return dump.FILE_NAME in os.readlink(f"/proc/self/fd/{file}")
    except OSError:
        return False  # that of the look itself


def test_questions_whose_answers_nobody_reads():
    """They do not fill the memory."""

    def body() -> int:
        dump.answer()
        (path,) = dump_file._paths(ProcessWatch(os.getpid()))
        for _ in range(1000):
            os.kill(os.getpid(), QUESTION)
        return os.stat(path).st_size

    assert 1024 * 1024 < in_child(body) < 1100 * 1024


def test_what_another_handler_raises_meanwhile(monkeypatch: pytest.MonkeyPatch):
    """It is meant for the code that both have interrupted, and gets there."""

    def body() -> str:
        def give_up(*_: object) -> None:
            raise TimeoutError("too long")

        def write(*_: object) -> None:
            os.kill(os.getpid(), Signals.SIGUSR1)

        dump.answer()
        signal.signal(Signals.SIGUSR1, give_up)
        monkeypatch.setattr(os, "write", write)
        try:
            os.kill(os.getpid(), QUESTION)
        except TimeoutError as error:
            return str(error)
        finally:
            monkeypatch.undo()
        return "nothing"

    assert in_child(body) == "too long"


def test_a_deep_stack_and_strange_names():
    """A hundred frames; names are ASCII, and cannot end an answer."""

    def body() -> str:
        names: dict[str, Callable[[int], object]] = {}
        source = "def grüße(depth):\n    return grüße(depth - 1) if depth else look()\n"
        found: list[str] = []
        names["look"] = lambda: found.append(dump._stacks(sys._getframe()))  # type: ignore[misc]
        exec(compile(source, "a\nEnd\n", "exec"), names)
        names["gr\xfc\xdfe"](150)
        return found[0]

    lines = in_child(body).splitlines()
    assert len(lines) == 102
    assert lines[2] == '  File "a\\nEnd\\n", line 2 in gr\\xfc\\xdfe'
    assert lines[-1] == "  ..."


def test_looks_while_threads_are_started(start: Start):
    """Who starts one blocks all signals meanwhile, which is not taken for its own doing."""

    def begin_threads() -> None:
        while True:
            thread = threading.Thread(target=tuple)
            thread.start()
            thread.join()

    looked = start(begin_threads)
    looked.wait_for(" in begin_threads\n")
    for _ in range(200):
        assert " in begin_threads\n" in looked.stacks()


def test_two_hundred_looks(start: Start):
    """Each is whole and alone; the file is empty afterwards, and no descriptor is left."""
    looked = start(sleep)
    first = looked.wait_for(" in sleep\n")
    own, others = len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{looked.pid}/fd"))
    for _ in range(200):
        assert looked.stacks() == first
    assert len(os.listdir("/proc/self/fd")) == own
    assert len(os.listdir(f"/proc/{looked.pid}/fd")) == others
    with closing(looked.file()) as file:
        assert os.fstat(file._file).st_size == 0


def test_looks_at_the_same_time(start: Start):
    """They wait for each other, and each gets one whole answer."""
    looked = start(sleep)
    first = looked.wait_for(" in sleep\n")
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.extend(looked.stacks() for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [first] * 80


def test_what_is_forked_from_it(start: Start):
    """It has handler and file at no cost, and answers for itself; its parent does not answer."""
    reader, writer = os.pipe()

    def fork() -> None:
        pid = os.fork()
        if pid == 0:
            sleep()
        os.write(writer, f"{pid}\n".encode())
        os.waitpid(pid, 0)

    parent = start(fork)
    with closing(ProcessWatch(int(os.read(reader, 20)))) as child, closing(parent.file()) as file:
        assert file.is_open_in(child)
        with file.alone(now):
            wait_until(lambda: " in sleep\n" in file.stacks(child, now), "where the child is")
            assert " in sleep\n" not in file.stacks(parent.watch, now)
        child.send(Signals.SIGKILL)
    os.close(reader)
    os.close(writer)


def test_a_program_that_it_has_started(start: Start):
    """It has neither file nor handler."""

    def become() -> None:
        os.execv("/bin/sleep", ["sleep", "600"])

    looked = start(become)
    wait_until(lambda: not looked.has_file, "another program")
    assert not dump_file.is_forked_from(looked.watch, os.getpid())


def test_a_file_that_was_closed(start: Start):
    """It is seen that there was one; that of another worker is not taken for it."""
    looked, other = start(sleep, close_file), start(sleep)
    assert not looked.has_file
    assert dump_file.is_forked_from(looked.watch, os.getpid())
    with closing(other.file()) as file:
        assert file.is_open_in(other.watch)
        assert not file.is_open_in(looked.watch)


def test_it_is_stopped(start: Start):
    """It is not even signalled; when it goes on it answers."""
    looked = start(sleep)
    looked.wait_for(" in sleep\n")
    looked.stop()
    with pytest.raises(DumpError, match=r"^is stopped \(by SIGSTOP, or by a debugger\), and answ"):
        looked.stacks()
    assert not conditions(looked.pid)[looked.pid].awaits(QUESTION)
    looked.watch.send(Signals.SIGCONT)
    wait_until(lambda: not conditions(looked.pid)[looked.pid].is_held, "that it goes on")
    assert " in sleep\n" in looked.stacks()


def test_it_is_stopped_while_it_is_looked_at(start: Start):
    """Before it could answer, which is said at once."""
    looked = start(sleep, lambda: handle(lambda: os.kill(os.getpid(), Signals.SIGSTOP)))
    with pytest.raises(DumpError, match=r"^is stopped "):
        looked.stacks()


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN])
def test_the_handlers_were_taken_away(start: Start, handler: signal.Handlers):
    """Nothing is sent."""
    looked = start(sleep, lambda: [signal.signal(n, handler) for n in (QUESTION, QUESTION_IN_C)])
    with pytest.raises(
        DumpError,
        match=r"^does not answer: its code has taken the handlers of SIGURG and SIGWINCH away$",
    ):
        looked.stacks()


def test_the_handler_is_another_one(start: Start, monkeypatch: pytest.MonkeyPatch):
    """Which nobody can tell before; after a second it is asked as where it is in C."""
    monkeypatch.setattr(dump_file, "_EACH", 0.1)
    looked = start(sleep, lambda: handle(tuple))
    assert looked.wait_for(" in sleep\n").startswith("Stack (most recent call first):\n")


def test_both_handlers_are_others(start: Start, monkeypatch: pytest.MonkeyPatch):
    """It has its time, and does not answer."""
    monkeypatch.setattr(dump_file, "_EACH", 0.05)
    looked = start(sleep, lambda: (handle(tuple), signal.signal(QUESTION_IN_C, lambda *_: None)))
    with pytest.raises(
        DumpError,
        match=r"^has not answered within 5 s \(state [SR]\); has its code other handlers for SIGURG"
        r" and SIGWINCH\?$",
    ):
        looked.stacks()


def test_the_signals_are_blocked(start: Start, monkeypatch: pytest.MonkeyPatch):
    """It has its time, as that may be for a moment only; when it is over it answers."""
    monkeypatch.setattr(dump_file, "_EACH", 0.05)
    held = {QUESTION, QUESTION_IN_C, Signals.SIGUSR1}

    def go_on_later() -> None:
        signal.sigwait({Signals.SIGUSR1})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, held)
        sleep()

    looked = start(go_on_later, lambda: signal.pthread_sigmask(signal.SIG_BLOCK, held))
    with pytest.raises(
        DumpError, match=r"^does not answer: its code has blocked SIGURG and SIGWINCH$"
    ):
        looked.stacks()
    monkeypatch.undo()
    looked.watch.send(Signals.SIGUSR1)
    wait_until(lambda: not conditions(looked.pid)[looked.pid].blocks(QUESTION), "the mask")
    assert looked.wait_for(" in sleep\n").count("Current thread") == 1


def test_it_has_ended(start: Start):
    """There is no file any more; who had it open before is told, too."""
    looked = start(sleep)
    with closing(looked.file()) as file:
        looked.watch.send(Signals.SIGKILL)
        wait_until(looked.watch.has_ended, "its end")
        assert not looked.has_file
        with pytest.raises(HasEndedError):
            file.stacks(looked.watch, now)


def test_it_ends_while_it_is_looked_at(start: Start):
    """Nobody waits for a dead one."""
    looked = start(sleep, lambda: handle(lambda: os._exit(0)))
    with pytest.raises(HasEndedError):
        looked.stacks()


def test_somebody_else_looks_and_does_not_end(start: Start, monkeypatch: pytest.MonkeyPatch):
    """It is not waited for without end."""
    looked = start(sleep)
    with closing(looked.file()) as one, closing(looked.file()) as other, one.alone(now):
        monkeypatch.setattr(dump_file, "PATIENCE", 0.1)
        with pytest.raises(DumpError, match=r"^is being looked at by somebody else$"):
            other.alone(now).__enter__()


def test_another_users(start: Start):
    """It may not be looked at, which is said, by whoever may not."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    looked = start(sleep)

    def look() -> str:
        os.setgid(STRANGER)
        os.setuid(STRANGER)
        with pytest.raises(NotAllowedError) as raised:
            looked.stacks()
        return str(raised.value)

    assert in_child(look) == "cannot be looked at: Permission denied; has it changed its user?"


def test_a_file_of_the_same_name_that_was_not_made_for_this(start: Start):
    """Whoever may look at others could be made to empty any file; only a memfd is taken."""

    def pretend() -> None:
        close_file()
        os.memfd_create("resqued-stacks")  # as any other file, it may not be sealed

    looked = start(sleep, pretend)
    assert len(list(dump_file._paths(looked.watch))) == 1
    assert not looked.has_file


def test_a_file_that_was_sealed(start: Start):
    """It cannot be emptied, so it is not written to."""
    looked = start(sleep)
    with closing(looked.file()) as file:
        os.pwrite(file._file, b"x", 0)
        fcntl.fcntl(file._file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        with pytest.raises(
            DumpError, match=r"^cannot be asked: its file is sealed \(Operation not"
        ):
            file.stacks(looked.watch, now)


def test_no_room_for_the_file(monkeypatch: pytest.MonkeyPatch):
    """The process works without, and nobody is answered."""

    def refuse(*_: object) -> int:
        raise OSError("no more files")

    def body() -> bool:
        monkeypatch.setattr(os, "memfd_create", refuse)
        dump.answer()
        return signal.getsignal(QUESTION) is signal.SIG_DFL

    assert in_child(body)


def test_one_descriptor():
    """It is closed in every program that a process starts."""

    def body() -> tuple[int, bool]:
        before = set(os.listdir("/proc/self/fd"))
        dump.answer()
        files = set(os.listdir("/proc/self/fd"))
        (path,) = dump_file._paths(ProcessWatch(os.getpid()))
        return len(files) - len(before), os.get_inheritable(int(os.path.basename(path)))

    assert in_child(body) == (1, False)


def test_the_other_question_has_its_own_answer(start: Start):
    """Who keeps the time of a job is answered elsewhere, before a look and after it."""
    reader, writer = os.pipe()
    looked = start(sleep, lambda: stack.answer(writer))
    for _ in range(2):
        assert looked.wait_for(" in sleep\n").count("Current thread") == 1
        stack.ask(looked.pid)
        wait_until(lambda: b" in sleep\n" in os.read(reader, 1 << 16), "the other answer")
    os.close(reader)
    os.close(writer)


def test_the_other_question_is_not_for_another_program(start: Start):
    """Which it would end: a process that has become one is not asked."""
    looked = start(lambda: os.execv("/bin/sleep", ["sleep", "600"]))
    wait_until(lambda: not looked.has_file, "another program")
    looked.stop()  # whatever is sent stays on its way
    stack.ask(looked.pid)
    assert not conditions(looked.pid)[looked.pid].awaits(Signals.SIGRTMAX)


def test_a_module_that_takes_a_handler_on_import(start: Start, monkeypatch: pytest.MonkeyPatch):
    """That of readline calls the one before it, so that nobody becomes deaf."""
    monkeypatch.setattr(dump_file, "_EACH", 0.2)
    looked = start(hang, lambda: import_module("readline"))
    assert looked.wait_for(r"(?s)^Stack .* in hang\n")


def test_a_question_that_was_lost(start: Start, monkeypatch: pytest.MonkeyPatch):
    """As one is while another question is being answered: it is asked again."""
    monkeypatch.setattr(dump_file, "_EACH", 0.1)

    def lose() -> None:
        (path,) = dump_file._paths(ProcessWatch(os.getpid()))
        file = int(os.path.basename(path))

        def listen(*_: object) -> None:
            faulthandler.register(QUESTION_IN_C, file=file, all_threads=False, chain=False)

        faulthandler.unregister(QUESTION_IN_C)
        signal.signal(QUESTION_IN_C, listen)
        handle(tuple)

    assert " in sleep\n" in start(sleep, lose).stacks()


def test_an_answer_that_comes_late(start: Start, monkeypatch: pytest.MonkeyPatch):
    """That of another process, which was in C when it was asked, is not taken for one's own."""
    assert dump.read_answer("Stacks of 12\nx\nEnd\nStacks of 1\ny\nEnd\n", 1) == "y\n"
    assert dump.read_answer("Stacks of 12\nx\nEnd\nStacks of 1\ny\nEn", 1) is None
    assert dump.read_answer("", 1) is None
