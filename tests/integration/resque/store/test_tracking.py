"""The server tells of changes to what a look has read."""

import select

import pytest

from resque.errors import ReplyError
from resque.store.script import Script
from resque.store.server import connect as connect_to
from tests.support import waiting

LOOK = Script.of("look", "return redis.call('LLEN', KEYS[1])")


@pytest.fixture
def tracking(connection):
    """A way of asking that has read the keys ``a`` and ``b``, the second by a script."""
    made = connection.tracking()
    look(made)
    return made


def look(tracking):
    """Read both keys."""
    tracking.begin()
    assert tracking.call("LLEN", "a") == 0
    assert tracking.run(LOOK, ["b"]) == 0


def wait_for_news(tracking):
    """Wait on the descriptor, as a worker does."""
    while not tracking.has_news():
        assert select.select([tracking], [], [], waiting.PATIENCE)[0], "no news"


def test_nothing_happens(tracking):
    """There is no news."""
    assert tracking.is_on
    assert not tracking.is_refused
    assert not tracking.has_news()


@pytest.mark.parametrize("key", ["a", "b"])
def test_a_change(tracking, other, key):
    """It comes without being asked for, whichever call of the look has read the key, and stays."""
    other.call("RPUSH", key, "x")
    wait_for_news(tracking)
    assert tracking.has_news()


def test_a_change_between_two_calls_of_a_look(connection, other):
    """It is news, too."""
    tracking = connection.tracking()
    tracking.begin()
    tracking.call("LLEN", "a")
    other.call("RPUSH", "a", "x")
    other.call("ECHO", "the push is on its way")
    tracking.call("LLEN", "b")
    wait_for_news(tracking)


def test_the_next_look_forgets(tracking, other):
    """What it reads anew is what it waits for."""
    other.call("RPUSH", "a", "x")
    wait_for_news(tracking)
    tracking.begin()
    tracking.call("LLEN", "b")
    assert not tracking.has_news()
    other.call("RPUSH", "a", "y")
    other.call("RPUSH", "b", "y")
    wait_for_news(tracking)


def test_what_a_plain_call_reads_is_not_remembered(connection, tracking, other):
    """Only looks cost the server memory."""
    assert connection.call("LLEN", "c") == 0
    other.call("RPUSH", "c", "x")
    assert connection.call("PING") == b"PONG"  # the push would have come before
    assert not tracking.has_news()


def test_what_it_does_itself_is_no_news(connection, tracking):
    """Nor is what happens in the script that looks."""
    connection.call("RPUSH", "a", "x")
    tracking.run(Script.of("push", "return redis.call('RPUSH', KEYS[1], 'x')"), ["b"])
    assert connection.call("PING") == b"PONG"
    assert not tracking.has_news()


def test_what_is_to_be_ignored(connection, other):
    """The push comes, and is no news; with others it is."""
    tracking = connection.tracking(["b"])
    look(tracking)
    other.call("RPUSH", "b", "x")
    assert select.select([tracking], [], [], waiting.PATIENCE)[0]
    assert not tracking.has_news()
    other.call("RPUSH", "a", "x")
    wait_for_news(tracking)


def test_a_lost_connection(connection, tracking, other):
    """It is news at once; the next look asks the server anew."""
    other.call("CLIENT", "KILL", "ID", connection.call("CLIENT", "ID"))
    wait_for_news(tracking)
    assert not tracking.is_on
    look(tracking)
    assert tracking.is_on
    other.call("RPUSH", "a", "x")
    wait_for_news(tracking)


def test_a_connection_that_was_replaced(connection, tracking, other):
    """By another user of it, a heartbeat say: nobody would tell us any more."""
    other.call("CLIENT", "KILL", "ID", connection.call("CLIENT", "ID"))
    while connection.is_connected:
        connection.pop_pushes()
    connection.call("PING")
    assert tracking.has_news()


def test_a_connection_that_is_lost_within_a_look(connection, other):
    """The look is not whole, and to be repeated."""
    tracking = connection.tracking()
    tracking.begin()
    tracking.call("LLEN", "a")
    other.call("CLIENT", "KILL", "ID", connection.call("CLIENT", "ID"))
    tracking.call("LLEN", "b")
    assert tracking.has_news()
    look(tracking)
    assert not tracking.has_news()


def test_a_script_that_the_server_has_forgotten(tracking, other):
    """Its text is sent, and what that reads is remembered."""
    other.call("SCRIPT", "FLUSH")
    look(tracking)
    assert tracking.is_on
    other.call("RPUSH", "b", "x")
    wait_for_news(tracking)


def test_everything_is_flushed(tracking, other):
    """That is a change of all that was read."""
    other.call("FLUSHALL")
    wait_for_news(tracking)


def test_an_error_reply(tracking):
    """It is raised as by any call, and the rest goes on."""
    tracking.begin()
    with pytest.raises(ReplyError, match="unknown command"):
        tracking.call("NONSENSE")
    look(tracking)
    assert tracking.is_on


def test_a_server_that_refuses(clean_valkey, connect, other, caplog):
    """Its users may look all the same; it is asked once for each connection, and said then."""
    caplog.set_level("INFO")
    other.call("ACL", "SETUSER", "few", "on", ">pw", "~*", "+@all", "-client|tracking")
    try:
        connection = connect(f"redis://few:pw@127.0.0.1:{clean_valkey.port}")
        tracking = connection.tracking()
        for _ in range(2):
            look(tracking)
            assert tracking.is_refused
            assert not tracking.is_on
        assert caplog.text.count("NOPERM") == 1
        other.call("ACL", "SETUSER", "few", "+client|tracking")
        connection.close()
        look(tracking)
        assert tracking.is_on
    finally:
        other.call("ACL", "DELUSER", "few")


def test_a_client_of_the_application(clean_valkey):
    """It gets its push messages itself, if any."""
    redis = pytest.importorskip("redis")
    with redis.Redis(port=clean_valkey.port) as client:
        assert connect_to(client).tracking() is None
