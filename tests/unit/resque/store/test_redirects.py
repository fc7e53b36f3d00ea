import pytest

from resque.errors import ReplyError
from resque.store import redirects
from resque.store.address import Address


@pytest.mark.parametrize(
    ("text", "is_elsewhere"),
    [
        ("READONLY You can't write against a read only replica.", True),
        (
            "READONLY You can't write against a read only replica. script: 1f, on @user_script:1.",
            True,
        ),
        (
            "ERR Error running script (call to f_1f): @user_script:1: @user_script: 1: -READONLY x",
            True,
        ),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", True),
        ("MOVED 3999 127.0.0.1:6381", True),
        ("LOADING the dataset in memory", False),
        ("OOM command not allowed when used memory > 'maxmemory'.", False),
        ("ERR unknown command 'READONLY'", False),
        ("NOSCRIPT No matching script.", False),
    ],
)
def test_tells_which_errors_are_of_the_wrong_server(text, is_elsewhere):
    """In whatever form a version puts them."""
    assert redirects.are_elsewhere([b"OK", ReplyError.parse(text)]) is is_elsewhere


def test_data_that_look_like_an_error_are_data():
    """Only error replies count."""
    assert not redirects.are_elsewhere([b"READONLY x", [b"MOVED 1 h:1"], None, 1])


ASKED = Address(host="h", port=1, tls=True, username="u", password="pw")


@pytest.mark.parametrize(
    ("text", "asked", "node"),
    [
        ("MOVED 3999 10.0.0.7:6381", ASKED, ("10.0.0.7", 6381)),
        ("MOVED 3999 ::1:6381", ASKED, ("::1", 6381)),
        ("MOVED 3999 :6381", ASKED, ("h", 6381)),
        ("MOVED 3999 h:6381", Address(path="/run/s"), ("h", 6381)),
    ],
)
def test_reads_the_node(text, asked, node):
    """All but the place stays as it was."""
    found = redirects.destination([ReplyError.parse(text)], asked)
    assert (found.host, found.port) == node
    assert found.path is None
    assert (found.tls, found.password) == (asked.tls, asked.password)


@pytest.mark.parametrize(
    "text", ["READONLY x", "MOVED", "MOVED 3999", "MOVED 3999 h:", "MOVED 1 h:x"]
)
def test_no_node(text):
    """Other errors, and a MOVED that makes no sense, name none."""
    assert redirects.destination([ReplyError.parse(text)], ASKED) is None


def test_only_what_was_not_run_at_all_is_sent_again():
    """One command of several that was run must not be run twice."""
    moved = ReplyError.parse("MOVED 3999 h:1")
    assert redirects.all_moved([moved, moved])
    assert not redirects.all_moved([moved, b"OK"])
