import os
import pathlib
import shutil
import signal
import socket

import pytest

from resqued.control import socket_file
from resqued.control.address import listener_at
from resqued.control.place import PlaceError
from resqued.control.socket_file import SocketFile, SocketFileError, SocketHeldError
from tests.support.forks import in_child, wait_for_end


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """The socket's name."""
    return tmp_path / "resqued.sock"


def leave_stale(path: pathlib.Path) -> None:
    """Leave the socket of a process that was killed."""
    pid = os.fork()
    if pid == 0:
        try:
            file = SocketFile(str(path)).__enter__()
            assert file.holding
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert wait_for_end(pid) == -signal.SIGKILL
    assert path.is_socket()


def test_it_is_private_and_is_removed(path: pathlib.Path):
    """Mode 0600 under any umask, nothing beside it, and nothing afterwards."""
    former = os.umask(0)
    try:
        with SocketFile(str(path)) as file:
            assert path.stat().st_mode & 0o7777 == 0o600
            assert os.umask(0) == 0
            assert [p.name for p in path.parent.iterdir()] == [path.name]
            assert file.holding is not None
            assert file.holding[0] == str(path)
            assert listener_at(str(path)) == os.getpid()
    finally:
        os.umask(former)

    assert list(path.parent.iterdir()) == []


def test_it_has_no_name_before_it_listens(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    """Or who finds the name would be refused, and take its master for dead."""
    listen = socket.socket.listen
    was_there: list[bool] = []

    def look_and_listen(self: socket.socket, backlog: int) -> None:
        was_there.append(path.exists())
        listen(self, backlog)

    monkeypatch.setattr(socket.socket, "listen", look_and_listen)
    with SocketFile(str(path)):
        assert was_there == [False]


def test_it_is_refused_while_a_live_process_listens(path: pathlib.Path):
    """The message names path and pid; the socket stays as it is."""
    with SocketFile(str(path)):
        before = path.stat()
        with pytest.raises(SocketHeldError) as caught, SocketFile(str(path)):
            pass

        pid = os.getpid()
        assert (
            str(caught.value) == f"control socket {path} is held by a running process (pid {pid})"
        )
        assert os.path.samestat(path.stat(), before)
        assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_one_that_does_not_accept_is_alive_as_well(path: pathlib.Path):
    """Its queue may be full of others."""
    with SocketFile(str(path)), socket.socket(socket.AF_UNIX) as last:
        waiting = [last]
        last.setblocking(False)
        while True:
            try:
                waiting[-1].connect(str(path))
            except BlockingIOError:
                break
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].setblocking(False)
        try:
            with pytest.raises(SocketHeldError, match=r"is held by a running process$"):
                SocketFile(str(path)).__enter__()
        finally:
            for each in waiting:
                each.close()


def test_what_a_dead_process_has_left_is_replaced(path: pathlib.Path):
    """Nobody has to remove it by hand."""
    leave_stale(path)

    with SocketFile(str(path)):
        assert listener_at(str(path)) == os.getpid()
        assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_of_many_that_replace_it_one_has_it(path: pathlib.Path):
    """The others are told, and the winner's socket can be reached."""
    for _ in range(10):
        leave_stale(path)
        started, go = os.pipe()
        told, tell = os.pipe()
        pids = [_contender(path, started, tell) for _ in range(6)]
        os.write(go, b"." * len(pids))
        verdicts = b""
        while len(verdicts) < len(pids):
            verdicts += os.read(told, 16)
        assert sorted(verdicts) == sorted(b"+" + b"-" * 5)
        assert listener_at(str(path)) in pids
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            wait_for_end(pid)
        for descriptor in (started, go, told, tell):
            os.close(descriptor)


def _contender(path: pathlib.Path, started: int, tell: int) -> int:
    """Fork a process that takes the socket when it is told to, says whether it could, and stays."""
    pid = os.fork()
    if pid == 0:
        try:
            os.read(started, 1)
            try:
                file = SocketFile(str(path)).__enter__()
                os.write(tell, b"+" if file.holding else b"?")
            except SocketHeldError:
                os.write(tell, b"-")
            while True:
                signal.pause()
        finally:
            os.write(tell, b"!")
            os._exit(1)
    return pid


def test_another_file_is_left_alone(path: pathlib.Path):
    """A config file, say, must not be lost for a slip of the hand."""
    path.write_text("worker('a')")

    with pytest.raises(SocketFileError) as caught, SocketFile(str(path)):
        pass

    assert str(caught.value) == (
        f"cannot make control socket {path}: there is a file that is no socket"
    )
    assert path.read_text() == "worker('a')"


def test_what_others_have_put_there_meanwhile_is_not_removed(path: pathlib.Path):
    """Neither a file nor the socket of another process."""
    with SocketFile(str(path)):
        path.unlink()
        path.write_text("mine")
    assert path.read_text() == "mine"
    path.unlink()

    with SocketFile(str(path)):
        path.unlink()
        other = SocketFile(str(path))
        other.__enter__()
    assert listener_at(str(path)) == os.getpid()
    other.__exit__(None, None, None)
    assert not path.exists()


@pytest.mark.parametrize("parts", [["gone"], ["file", "below"]])
def test_a_folder_that_is_not_there(path: pathlib.Path, parts: list[str]):
    """One line that says why."""
    (path.parent / "file").touch()
    wanted = path.parent.joinpath(*parts, "x.sock")

    with pytest.raises(SocketFileError, match=f"^cannot make control socket {wanted}: N"):
        SocketFile(str(wanted)).__enter__()


def test_a_path_longer_than_an_address(path: pathlib.Path):
    """It is reached through its folder."""
    folder = path.parent / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    deep = folder / "resqued.sock"

    with SocketFile(str(deep)):
        assert listener_at(str(deep)) == os.getpid()
        with pytest.raises(SocketHeldError):
            SocketFile(str(deep)).__enter__()
    assert list(folder.iterdir()) == []


def test_a_name_longer_than_an_address(path: pathlib.Path):
    """That cannot be reached at all, which is said."""
    with pytest.raises(SocketFileError, match=r": File name too long$"):
        SocketFile(str(path.parent / ("x" * 200))).__enter__()
    assert list(path.parent.iterdir()) == []


def test_it_is_handed_over(path: pathlib.Path):
    """As across an exec: whoever adopts it removes it."""
    first = SocketFile(str(path)).__enter__()
    assert first.holding is not None
    name, descriptor = first.holding

    with SocketFile.adopt(name, os.dup(descriptor)) as second:
        first._socket.close()  # type: ignore[union-attr] # what an exec does
        assert second.holding is not None
        assert listener_at(name) == os.getpid()
    assert not path.exists()


def test_it_knows_whether_its_name_leads_to_it(path: pathlib.Path):
    """Not if the file is gone, or is another's, even if that has the same number."""
    with SocketFile(str(path)) as file:
        assert file.is_in_place
        path.chmod(0o660)
        assert file.is_in_place
        path.rename(path.with_suffix(".old"))
        assert not file.is_in_place
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            assert not file.is_in_place
        path.unlink()
        path.with_suffix(".old").rename(path)
        assert file.is_in_place
        assert file.holding is not None
        again = SocketFile.adopt(str(path), os.dup(file.holding[1]))
        assert again.is_in_place
        path.unlink()
        assert not again.is_in_place
        again._socket.close()  # type: ignore[union-attr] # it was only looked at


def test_it_is_made_anew(path: pathlib.Path):
    """As it was, and with the same descriptor; also where a dead process has left a file."""
    with SocketFile(str(path)) as file:
        before = file.holding
        assert before is not None
        for spoil in (path.unlink, lambda: (path.unlink(), leave_stale(path))):
            spoil()
            assert not file.is_in_place

            file.renew()

            assert file.is_in_place
            assert file.holding == before
            assert not os.get_inheritable(before[1])
            assert path.stat().st_mode & 0o7777 == 0o600
            assert listener_at(str(path)) == os.getpid()
            assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert list(path.parent.iterdir()) == []


def test_the_place_of_another_is_not_taken(path: pathlib.Path):
    """Nor is a file removed that is no socket; both are said, and nothing has changed."""
    with SocketFile(str(path)) as file:
        path.unlink()
        with SocketFile(str(path)), pytest.raises(SocketHeldError):
            file.renew()
        path.write_text("mine")
        with pytest.raises(SocketFileError, match="a file that is no socket"):
            file.renew()
        assert path.read_text() == "mine"


def test_the_runtime_folder_is_made_anew_as_well(tmp_path: pathlib.Path):
    """The end of a session takes it away; it is as private as before, or is not used."""
    folder = tmp_path / "run" / "resqued"
    folder.parent.mkdir()
    with socket_file.in_runtime_folder(str(folder)) as file:
        assert file.private_folder == str(folder)
        shutil.rmtree(folder.parent)
        assert not file.is_in_place
        with pytest.raises(PlaceError, match="No such file"):
            file.renew()
        folder.mkdir(mode=0o755, parents=True)
        with pytest.raises(PlaceError, match="others may enter it"):
            file.renew()
        folder.rmdir()

        file.renew()

        assert file.is_in_place
        assert folder.stat().st_mode & 0o777 == 0o700


def test_dead_masters_in_the_runtime_folder(tmp_path: pathlib.Path):
    """They are swept away; whoever lives stays."""
    folder = tmp_path / "resqued"
    folder.mkdir(mode=0o700)
    leave_stale(folder / "11.sock")
    with SocketFile(str(folder / "12.sock")):
        with socket_file.in_runtime_folder(str(folder)):
            names = sorted(p.name for p in folder.iterdir())
        assert names == sorted(["12.sock", f"{os.getpid()}.sock"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_another_user_cannot_connect(path: pathlib.Path):
    """Though the folder lets him in."""
    path.parent.chmod(0o755)

    def try_it() -> str:
        # Through the folder, which others could not walk down to in a private temporary folder.
        os.chdir(path.parent)
        os.setgid(65534)
        os.setuid(65534)
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(path.name)
            except PermissionError:
                return "refused"
        return "connected"

    with SocketFile(str(path)):
        assert in_child(try_it) == "refused"
