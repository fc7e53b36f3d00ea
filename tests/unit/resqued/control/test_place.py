import os
import pathlib

import pytest

from resqued.control import place
from resqued.control.place import PlaceError


@pytest.mark.parametrize(
    ("pidfile", "path"),
    [
        ("/run/x.pid", "/run/x.sock"),
        ("x.pid", "x.sock"),
        ("/run/x", "/run/x.sock"),
        ("/run/x.pid.d/y", "/run/x.pid.d/y.sock"),
        ("/run/x.pid.pid", "/run/x.pid.sock"),
    ],
)
def test_beside_the_pidfile(pidfile: str, path: str):
    """Its name with another end."""
    assert place.beside(pidfile) == path


def test_the_runtime_folder(tmp_path: pathlib.Path):
    """The environment's if that is there, else the user's own."""
    given = {"XDG_RUNTIME_DIR": str(tmp_path)}

    assert place.runtime_folder(given, 1000) == f"{tmp_path}/resqued"
    assert place.runtime_folder(given, 0) == f"{tmp_path}/resqued"
    gone = {"XDG_RUNTIME_DIR": str(tmp_path / "gone")}
    assert place.runtime_folder(gone, 1000) == "/tmp/resqued-1000"
    assert place.runtime_folder({"XDG_RUNTIME_DIR": "run"}, 1000) == "/tmp/resqued-1000"
    assert place.runtime_folder({}, 0) == "/run/resqued"
    assert place.named_by_pid("/run/resqued", 7) == "/run/resqued/7.sock"


def test_a_private_folder_is_made_once(tmp_path: pathlib.Path):
    """For this user alone, whatever the umask says; one that is there will do."""
    folder = tmp_path / "resqued"
    former = os.umask(0)
    try:
        place.make_private(str(folder))
    finally:
        os.umask(former)

    assert folder.stat().st_mode & 0o777 == 0o700
    place.make_private(str(folder))


def test_a_folder_that_others_may_enter(tmp_path: pathlib.Path):
    """They could put a socket of theirs there."""
    folder = tmp_path / "resqued"
    folder.mkdir()
    folder.chmod(0o750)

    with pytest.raises(PlaceError) as caught:
        place.make_private(str(folder))
    assert str(caught.value) == f"cannot use folder {folder}: others may enter it (mode 0750)"
    with pytest.raises(PlaceError):
        place.sockets_in(str(folder))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_a_folder_of_somebody_elses(tmp_path: pathlib.Path):
    """In /tmp anybody may have made it before us."""
    folder = tmp_path / "resqued"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)

    with pytest.raises(PlaceError, match=r"it belongs to user 65534, not 0$"):
        place.make_private(str(folder))


def test_a_link_in_the_folders_place(tmp_path: pathlib.Path):
    """It may lead anywhere."""
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "resqued").symlink_to("real")

    with pytest.raises(PlaceError, match=r"it is no folder$"):
        place.make_private(str(tmp_path / "resqued"))


def test_a_folder_that_cannot_be_made(tmp_path: pathlib.Path):
    """One line that says why."""
    with pytest.raises(PlaceError, match=r"^cannot use folder .*/gone/resqued: No such file or "):
        place.make_private(str(tmp_path / "gone" / "resqued"))


def test_the_sockets_in_a_folder(tmp_path: pathlib.Path):
    """By their names' end; none in a folder that is not there."""
    tmp_path.chmod(0o700)
    for name in ("2.sock", "1.sock", "other", ".9-abc"):
        (tmp_path / name).touch()

    assert place.sockets_in(str(tmp_path)) == [f"{tmp_path}/1.sock", f"{tmp_path}/2.sock"]
    assert place.sockets_in(str(tmp_path / "gone")) == []
