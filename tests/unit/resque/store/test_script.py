import hashlib
import pathlib

import pytest

import resque
from resque.store.script import Script

LUA = pathlib.Path(resque.__path__[0], "lua")


def test_a_script_is_named_by_the_hash_that_the_server_computes():
    """The hash is SHA-1 of the UTF-8 text."""
    script = Script.of("x", "return 'é'")
    assert script.sha1 == hashlib.sha1("return 'é'".encode()).hexdigest()


def test_scripts_come_with_the_package():
    """A script of the package is found by its name."""
    script = Script.load("reserve")
    assert script.name == "reserve"
    assert script == Script.of("reserve", script.source)
    assert "redis.call" in script.source


@pytest.mark.parametrize("path", sorted(LUA.glob("*.lua")), ids=lambda path: path.stem)
def test_its_hash_is_written_down(path: pathlib.Path):
    """As it is now: ``make sums`` after each change."""
    assert Script.load(path.stem) == Script.of(path.stem, path.read_text(encoding="utf-8"))


def test_no_hash_is_left_of_a_script_that_is_gone():
    """Each line names a file."""
    lines = (LUA / "SHA1SUMS").read_text(encoding="ascii").splitlines()
    assert {line.split()[1] for line in lines} == {path.name for path in LUA.glob("*.lua")}


def test_a_missing_script_is_an_error_of_the_installation():
    """The error names the file."""
    with pytest.raises(FileNotFoundError, match=r"lua/none\.lua"):
        Script.load("none")
