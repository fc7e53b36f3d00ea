import contextlib
import os
import pathlib
import select
import signal
import threading

import pytest

from resqued.process.pidfile import Pidfile, PidfileError
from tests.support.forks import in_child, wait_for_end


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """The pidfile's name."""
    return tmp_path / "resqued.pid"


def holder(path: pathlib.Path) -> int:
    """Fork a process that takes the file and holds it until it is signalled."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with Pidfile(str(path)):
            os.write(writer, b".")
            signal.sigwait({signal.SIGTERM})
        os._exit(0)
    os.close(writer)
    assert os.read(reader, 1) == b"."
    os.close(reader)
    return pid


@pytest.fixture(autouse=True)
def _term_waits():
    """Let holders wait for TERM, blocked from their first moment."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, former)


def test_it_holds_our_pid_and_is_removed(path: pathlib.Path):
    """A line with the pid while we run, nothing afterwards, no other file beside it."""
    with Pidfile(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"
        assert [p.name for p in path.parent.iterdir()] == [path.name]
        assert path.stat().st_mode & 0o777 == 0o644

    assert list(path.parent.iterdir()) == []


def test_it_is_refused_while_a_live_process_holds_it(path: pathlib.Path):
    """The message names file and pid; the file stays as it is."""
    pid = holder(path)

    with pytest.raises(PidfileError) as caught, Pidfile(str(path)):
        pass

    assert str(caught.value) == f"{path} is held by a running process (pid {pid})"
    assert path.read_text() == f"{pid}\n"
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    os.kill(pid, signal.SIGTERM)
    assert wait_for_end(pid) == 0
    assert not path.exists()


def test_a_killed_owners_file_is_free_at_once(path: pathlib.Path):
    """The kernel drops the lock with the process, before anybody has reaped it."""
    pid = holder(path)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    with Pidfile(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"

    wait_for_end(pid)


@pytest.mark.parametrize("content", ["1\n", "", "nonsense", "999999999\n", "\0" * 64])
def test_a_stale_file_is_taken_over_whatever_it_says(path: pathlib.Path, content: str):
    """Pid 1 is alive, but holds no lock: a container gives numbers out again."""
    path.write_text(content)

    with Pidfile(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"


def test_only_its_owner_removes_it(path: pathlib.Path):
    """A file that somebody has put in its place meanwhile is not ours to remove."""
    with Pidfile(str(path)):
        path.unlink()
        path.write_text("4711\n")

    assert path.read_text() == "4711\n"


def test_a_file_that_somebody_removed_is_no_problem(path: pathlib.Path):
    """Leaving without it is as good."""
    with Pidfile(str(path)):
        path.unlink()

    assert not path.exists()


def test_a_forked_child_does_not_remove_it(path: pathlib.Path):
    """A child that ends without the context manager leaves file and lock to its parent."""
    with Pidfile(str(path)):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        wait_for_end(pid)
        assert path.read_text() == f"{os.getpid()}\n"

        def take() -> str:
            with contextlib.suppress(PidfileError), Pidfile(str(path)):
                return "taken"
            return "refused"

        assert in_child(take) == "refused"


def test_it_is_the_same_file_from_another_working_directory(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    """A relative name is read where the command was given."""
    monkeypatch.chdir(path.parent)
    with Pidfile("resqued.pid"):
        monkeypatch.chdir("/")
        assert path.exists()

    assert not path.exists()


def test_nobody_ever_sees_it_half_written(path: pathlib.Path):
    """From its first moment under its name it holds a whole pid, also when it is taken over."""
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            with contextlib.suppress(FileNotFoundError):
                seen.add(path.read_text())

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(200):
        if number % 2:
            path.write_text(f"{os.getpid()}\n")  # a stale one
            seen.discard("")  # write_text itself is not in one step
        with Pidfile(str(path)):
            seen.discard("")
    done.set()
    reader.join()

    assert seen <= {f"{os.getpid()}\n", ""}


def test_of_many_at_once_exactly_one_wins(path: pathlib.Path):
    """Twenty processes rush for a stale file; the losers are refused and it is never lost."""
    path.write_text("1\n")
    start_reader, start_writer = os.pipe()
    said_reader, said_writer = os.pipe()
    pids = []
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            os.close(start_writer)
            os.read(start_reader, 1)
            try:
                with Pidfile(str(path)):
                    os.write(said_writer, b"won\n")
                    signal.sigwait({signal.SIGTERM})
                os._exit(0)
            except PidfileError:
                os.write(said_writer, b"lost\n")
                os._exit(1)
        pids.append(pid)
    os.close(start_writer)  # go

    said = b""
    while said.count(b"\n") < 20:
        assert select.select([said_reader], [], [], 20)[0]
        said += os.read(said_reader, 1000)
    assert sorted(said.split()) == [b"lost"] * 19 + [b"won"]
    winner = int(path.read_text())
    assert winner in pids
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    os.kill(winner, signal.SIGTERM)
    assert sorted(wait_for_end(pid) for pid in pids) == [0] + [1] * 19
    assert not path.exists()
    os.close(start_reader)
    os.close(said_reader)
    os.close(said_writer)


def test_ends_and_takings_that_cross_never_leave_two_owners(path: pathlib.Path):
    """Processes that take and leave the file over and over are never two at the same time."""
    marks = path.parent / "marks"
    pids = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            status = 0
            taken = 0
            while taken < 300:
                try:
                    with Pidfile(str(path)):
                        taken += 1
                        mark = os.open(marks, os.O_CREAT | os.O_EXCL)  # fails if there are two
                        os.unlink(marks)
                        os.close(mark)
                except PidfileError:
                    continue
                except FileExistsError:
                    status = 9
            os._exit(status)
        pids.append(pid)

    assert [wait_for_end(pid, 60) for pid in pids] == [0] * 4
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/resqued.pid", "No such file or directory"),
        ("folder", "not a regular file"),
        ("pool.py", "it is no pidfile"),
    ],
)
def test_a_name_that_cannot_be_written(tmp_path: pathlib.Path, name: str, reason: str):
    """The message names the file and why; nothing is left beside it."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "pool.py").write_text("worker()\n" * 8)

    with pytest.raises(PidfileError) as caught, Pidfile(str(tmp_path / name)):
        pass

    assert str(caught.value) == f"cannot write pidfile {tmp_path / name}: {reason}"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "pool.py"]
    assert (tmp_path / "pool.py").read_text() == "worker()\n" * 8
