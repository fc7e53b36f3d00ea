import hashlib

import pytest

from resque.store.script import Script


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


def test_a_missing_script_is_an_error_of_the_installation():
    """The error names the file."""
    with pytest.raises(FileNotFoundError, match=r"lua/none\.lua"):
        Script.load("none")
