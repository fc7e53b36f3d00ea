import os
import pathlib

import pytest

from resqued.cli import target
from resqued.cli.arguments import UsageError
from resqued.cli.target import NoTargetError, Target
from resqued.control.client import NoAnswerError
from resqued.control.place import PlaceError
from resqued.control.socket_file import SocketFile
from tests.support.forks import in_child, no_more_files


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """The runtime folder that the environment names."""
    folder = tmp_path / "resqued"
    folder.mkdir(mode=0o700)
    return folder


def find(folder: pathlib.Path) -> str:
    """Look for the only one, as a user who has no folder of his own elsewhere."""
    nobody = 2**31 - 7
    return target.find(Target(), {"XDG_RUNTIME_DIR": str(folder.parent)}, nobody)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], Target()),
        ([("-p", "a.pid")], Target(pidfile="a.pid")),
        ([("--pidfile", "a.pid"), ("--json", "")], Target(pidfile="a.pid")),
        ([("--control", "x")], Target(control="x")),
    ],
)
def test_options(options: list[tuple[str, str]], found: Target):
    """Whichever names the pool."""
    assert target.parse(options) == found


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([("-p", "a.pid"), ("--control", "x")], "name the same thing: give one"),
        ([("-p", "")], "option --pidfile requires a path"),
        ([("--control", "")], "option --control requires a path"),
    ],
)
def test_wrong_options(options: list[tuple[str, str]], complaint: str):
    """One line that names the option."""
    with pytest.raises(UsageError, match=complaint):
        target.parse(options)


def test_a_named_pool_is_not_looked_for():
    """Whether it is there is found out by asking it."""
    assert target.find(Target(control="/gone/x"), {}, 0) == "/gone/x"
    assert target.find(Target(pidfile="/gone/x.pid"), {}, 0) == "/gone/x.sock"


def test_the_only_one(folder: pathlib.Path):
    """What a dead one has left does not count."""
    (folder / "1.sock").touch()
    with SocketFile(str(folder / "2.sock")):
        assert find(folder) == f"{folder}/2.sock"


def test_no_descriptor_to_look_with(folder: pathlib.Path):
    """That is no reason to say that none runs."""
    path = f"{folder}/{'1' * 60}.sock"  # so long that it takes one for its folder as well

    def body() -> str:
        spare = os.dup(0)
        with no_more_files():
            os.close(spare)
            with pytest.raises(NoAnswerError) as caught:
                find(folder)
        return str(caught.value)

    with SocketFile(path):
        assert in_child(body) == f"cannot use control socket {path}: Too many open files"


def test_none(folder: pathlib.Path):
    """The error says where was looked."""
    with pytest.raises(NoTargetError) as caught:
        find(folder)

    assert str(caught.value) == (
        f"no resqued without a pidfile runs (looked in {folder}, /tmp/resqued-{2**31 - 7});"
        " name yours by --pidfile or --control"
    )


def test_more_than_one(folder: pathlib.Path):
    """The error names them."""
    one, two = folder / "1.sock", folder / "2.sock"
    with (
        SocketFile(str(one)),
        SocketFile(str(two)),
        pytest.raises(UsageError, match=f"name one by --control: {one}, {two}"),
    ):
        find(folder)


def test_a_folder_that_cannot_be_trusted(folder: pathlib.Path):
    """Nobody is asked there."""
    os.chmod(folder, 0o777)

    with pytest.raises(PlaceError):
        find(folder)
