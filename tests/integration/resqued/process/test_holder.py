import fcntl
import os
import pathlib
import select
import signal
from collections.abc import Callable, Iterator

import pytest

from resqued.process.holder import HolderError, find_holder
from resqued.process.pidfile import Pidfile
from tests.support.forks import wait_for_end


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """The pidfile's name."""
    return tmp_path / "resqued.pid"


@pytest.fixture
def forked() -> Iterator[Callable[[Callable[[], object]], int]]:
    """Fork a process that does something, lives on, and is killed after the test."""
    pids = []

    def fork(body: Callable[[], object]) -> int:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                kept = body()  # noqa: F841 - what it opens stays open
                os.write(writer, b".")
                signal.pause()
            finally:
                os._exit(1)
        pids.append(pid)
        os.close(writer)
        assert os.read(reader, 1) == b"."
        os.close(reader)
        return pid

    yield fork
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        wait_for_end(pid)


def hold(path: pathlib.Path, text: str) -> int:
    """Lock a file that says ``text``, as no resqued does; returns its descriptor."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, text.encode())
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def test_the_process_that_holds_it(path: pathlib.Path, forked):
    """It is found and can be watched; the file stays its own."""

    def take() -> Pidfile:
        return Pidfile(str(path)).__enter__()

    pid = forked(take)
    holder = find_holder(str(path))

    assert holder is not None
    assert holder.pid == pid
    assert not holder.has_ended()
    assert path.read_text() == f"{pid}\n"
    os.kill(pid, signal.SIGKILL)
    assert select.select([holder], [], [], 10)[0]
    assert find_holder(str(path)) is None
    holder.close()


@pytest.mark.parametrize("text", ["{other}\n", "", "nonsense", "-1", "0", "99999999999", "²"])
def test_without_the_lock_the_file_means_nothing(path: pathlib.Path, forked, text: str):
    """Whatever it says, a live process's pid included, nobody holds it."""
    path.write_text(text.format(other=forked(lambda: None)))

    assert find_holder(str(path)) is None


def test_no_file(path: pathlib.Path):
    """Nobody holds it."""
    assert find_holder(str(path)) is None


def test_a_pipe_of_that_name_keeps_nobody_waiting(path: pathlib.Path):
    """Opening a pipe may wait for a writer; looking for a holder does not."""
    os.mkfifo(path)

    assert find_holder(str(path)) is None


@pytest.mark.parametrize("text", ["{other}\n", "{ended}\n", "{self}\n", "", "nonsense"])
def test_a_lock_of_somebody_who_is_not_named(path: pathlib.Path, forked, text: str):
    """A stranger's lock, or a pid from another pid namespace: that is said, and is no holder."""
    ended = os.fork()
    if ended == 0:
        os._exit(0)
    wait_for_end(ended)
    other = forked(lambda: None)
    said = text.format(other=other, ended=ended, self=os.getpid())
    forked(lambda: hold(path, said))

    with pytest.raises(HolderError) as caught:
        find_holder(str(path))

    assert str(caught.value) == (
        f"{path} is held by a process, but not by the one it names ({said.strip()!r})"
    )


def test_looking_neither_disturbs_nor_is_disturbed(path: pathlib.Path, forked):
    """Two may look at once, and a stale file can be taken right after; nothing stays open."""
    path.write_text("1\n")
    before = os.listdir("/proc/self/fd")
    shared = os.open(path, os.O_RDONLY)
    fcntl.flock(shared, fcntl.LOCK_SH)

    assert find_holder(str(path)) is None
    os.close(shared)

    with Pidfile(str(path)):
        with pytest.raises(HolderError):  # it is ours, and we are not the one to wait for
            find_holder(str(path))
        assert path.read_text() == f"{os.getpid()}\n"
    assert os.listdir("/proc/self/fd") == before


def test_a_folder_cannot_be_read(tmp_path: pathlib.Path):
    """The message names the file and why."""
    with pytest.raises(HolderError) as caught:
        find_holder(str(tmp_path))

    assert str(caught.value) == f"cannot read pidfile {tmp_path}: Is a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_is_not_for_us(path: pathlib.Path):
    """The message names the file and why."""
    path.touch(mode=0)

    with pytest.raises(HolderError, match=r"cannot read pidfile .*: Permission denied"):
        find_holder(str(path))
