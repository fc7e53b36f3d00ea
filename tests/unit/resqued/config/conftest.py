"""Config files in a folder of their own, and an interpreter put back as it was."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resqued.config.loader import load
from resqued.config.model import Config


def write(name: str, text: str | bytes) -> str:
    """Write a file in the working directory and return its name."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return name


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test works in an empty folder and leaves no module and no path entry behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def written() -> Callable[[str, str | bytes], str]:
    """Write a file below the test's folder."""
    return write


@pytest.fixture
def configured() -> Callable[..., Config]:
    """Load the texts as config files 1.py, 2.py, ..., with a shuffle that reverses."""

    def load_texts(*texts: str) -> Config:
        paths = [write(f"{number}.py", text) for number, text in enumerate(texts, start=1)]
        return load(paths, shuffle=list.reverse)

    return load_texts
