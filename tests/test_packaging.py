"""The wheel as users get it."""

import email
import importlib.metadata
import pathlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator

import pytest

import resque
import resqued

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Build the wheel, which needs nothing from outside."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert result.returncode == 0, result.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def read(wheel: zipfile.ZipFile, name: str) -> str:
    """Return a file of the wheel's metadata."""
    (path,) = [entry for entry in wheel.namelist() if entry.endswith(f".dist-info/{name}")]
    return wheel.read(path).decode()


def test_every_file_of_both_packages_is_in_it(wheel: zipfile.ZipFile):
    """Modules, scripts in other languages, markers for type checkers; and nothing else."""
    source = ROOT / "src"
    files = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"resqued/py.typed", "resque/py.typed", "resqued/__init__.py"} <= files
    assert any(name.startswith("resque/lua/") and name.endswith(".lua") for name in files)

    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert packed == files


def test_one_version_everywhere(wheel: zipfile.ZipFile):
    """Both packages, the wheel, and what is installed here."""
    metadata = email.message_from_string(read(wheel, "METADATA"))

    versions = {
        resqued.__version__,
        resque.__version__,
        metadata["Version"],
        importlib.metadata.version("resqued"),
    }

    assert len(versions) == 1, versions


def test_the_title_of_a_process_begins_with_a_digit_after_its_dash():
    """Ruby workers on the same host prune those whose title is not "resque-<digit>"."""
    assert resqued.__version__[0].isdigit()


def test_the_commands(wheel: zipfile.ZipFile):
    """Both are installed, and what they name exists."""
    assert read(wheel, "entry_points.txt").split() == [
        "[console_scripts]",
        *("resque", "=", "resque.cli:main"),
        *("resqued", "=", "resqued.cli:main"),
        "[pytest11]",
        *("resqued", "=", "resqued.pytest_plugin"),
    ]
    for entry in importlib.metadata.distribution("resqued").entry_points:
        if entry.group == "console_scripts":
            assert callable(entry.load())


def test_the_core_needs_two_packages(wheel: zipfile.ZipFile):
    """Everything else is an extra; the licence comes along."""
    metadata = email.message_from_string(read(wheel, "METADATA"))
    requirements = metadata.get_all("Requires-Dist") or []

    core = sorted(line.split(">")[0] for line in requirements if "extra ==" not in line)

    assert core == ["hiredis", "setproctitle"]
    assert {"embedded", "redis"} <= set(metadata.get_all("Provides-Extra") or [])
    assert metadata["Requires-Python"] == ">=3.11"
    assert "MIT" in read(wheel, "licenses/LICENSE")
