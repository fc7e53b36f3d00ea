import pickle
import select
import subprocess
import sys
import threading

import pytest

from resque.errors import (
    AuthenticationError,
    EncodeError,
    NoPermissionError,
    ReplyError,
    ServerUnavailable,
)
from resque.store.connection import default_url
from resque.store.script import Script
from tests.support.server import ValkeyServer, free_port

ECHO = Script.of("echo", "return {KEYS[1], ARGV[1], ARGV[2]}")


def test_opens_at_first_use(connection):
    """Making a connection contacts nobody; the first command does."""
    assert not connection.is_connected
    assert connection.fileno() == -1
    assert connection.call("PING") == b"PONG"
    assert connection.is_connected
    assert connection.fileno() >= 0
    assert connection.openings == 1


def test_can_be_closed_and_used_again(connection):
    """Closing is no end: the next command opens a new one."""
    connection.close()
    connection.call("PING")
    connection.close()
    connection.close()
    assert not connection.is_connected
    assert connection.call("PING") == b"PONG"
    assert connection.openings == 2


@pytest.mark.parametrize(
    ("commands", "reply"),
    [
        ([("SET", "k", "v")], b"OK"),
        ([("GET", "k")], None),
        ([("RPUSH", "k", "a", 1, 1.5)], 3),
        ([("RPUSH", "k", "a", 1), ("LRANGE", "k", 0, -1)], [b"a", b"1"]),
        ([("SADD", "k", "a"), ("SMEMBERS", "k")], [b"a"]),
        ([("HSET", "k", "f", "v"), ("HGETALL", "k")], {b"f": b"v"}),
        ([("HGETALL", "k")], {}),
        ([("ZADD", "k", 1.5, "m"), ("ZSCORE", "k", "m")], 1.5),
        ([("EVAL", "redis.setresp(3) return true", 0)], True),
        ([("EVAL", "return {1, {2, 'x'}, false}", 0)], [1, [2, b"x"], None]),
        ([("ECHO", b"\x00\xff\r\n$1")], b"\x00\xff\r\n$1"),
        ([("ECHO", "hé 世 😀")], "hé 世 😀".encode()),
        ([("ECHO", "")], b""),
    ],
)
def test_replies_have_python_types(connection, commands, reply):
    """Strings are bytes, and each type of the protocol has one of Python's."""
    assert connection.pipeline(commands)[-1] == reply


def test_big_values_go_both_ways(connection):
    """Five megabytes are written and read whole."""
    value = bytes(range(256)) * 20_480
    assert connection.call("SET", "big", value) == b"OK"
    assert connection.call("GET", "big") == value


def test_an_error_reply_leaves_the_connection_usable(connection):
    """The error has a code and a message; the next command gets its own reply."""
    connection.call("SET", "k", "text")
    with pytest.raises(ReplyError) as caught:
        connection.call("LPOP", "k")
    assert caught.value.code == "WRONGTYPE"
    assert caught.value.message.startswith("Operation against a key")
    assert str(caught.value) == f"WRONGTYPE {caught.value.message}"
    assert connection.call("GET", "k") == b"text"
    assert connection.openings == 1


def test_a_pipeline_reads_all_replies_even_after_an_error(connection):
    """All commands run; the first error is raised; the connection stays in step."""
    connection.call("SET", "text", "x")
    with pytest.raises(ReplyError, match="WRONGTYPE"):
        connection.pipeline([("INCR", "n"), ("LPOP", "text"), ("NOSUCH",), ("INCR", "n")])
    assert connection.call("GET", "n") == b"2"
    assert connection.pipeline([("INCR", "n"), ("ECHO", "x")]) == [3, b"x"]
    assert connection.openings == 1


def test_an_empty_pipeline_contacts_nobody(connection):
    """Nothing to send is nothing to wait for."""
    assert connection.pipeline([]) == []
    assert not connection.is_connected


def test_an_error_within_a_reply_is_an_item(connection):
    """What EXEC gathers is returned whole, errors included."""
    connection.call("SET", "text", "x")
    replies = connection.pipeline([("MULTI",), ("INCR", "n"), ("LPOP", "text"), ("EXEC",)])
    assert replies[3][0] == 1
    assert replies[3][1].code == "WRONGTYPE"


def test_a_script_is_sent_once(connection):
    """A server that does not know the script gets its text, later only its hash."""
    connection.pipeline([("SCRIPT", "FLUSH"), ("CONFIG", "RESETSTAT")])
    for _ in range(2):
        assert connection.run(ECHO, ["k\xe9y"], [b"\xff", 7]) == ["k\xe9y".encode(), b"\xff", b"7"]
    assert b"cmdstat_eval:calls=1," in connection.call("INFO", "commandstats")
    assert connection.run(Script.of("none", "return 1"), []) == 1


def test_an_error_of_a_script_is_raised(connection):
    """Only an unknown hash leads to a second try."""
    failing = Script.of("failing", "return redis.error_reply('MINE it failed')")
    for _ in range(2):
        with pytest.raises(ReplyError, match="MINE it failed"):
            connection.run(failing, [])


def test_text_that_is_not_unicode_is_refused_before_anything_is_written(connection):
    """A pipeline with one bad word runs none of its commands."""
    with pytest.raises(EncodeError, match="word 2"):
        connection.pipeline([("SET", "a", "1"), ("SET", "b", "\ud83d")])
    assert connection.call("EXISTS", "a") == 0


def test_selects_the_database_of_the_address(connect, clean_valkey):
    """Keys of one database are not seen in another."""
    fifth = connect(f"redis://127.0.0.1:{clean_valkey.port}/5")
    fifth.call("SET", "k", "v")
    assert b"db=5" in fifth.call("CLIENT", "INFO")
    assert connect(clean_valkey.url).call("EXISTS", "k") == 0


def test_a_database_that_does_not_exist_is_an_error_reply(connect, clean_valkey):
    """The server's own words say what is wrong, each time."""
    beyond = connect(f"redis://127.0.0.1:{clean_valkey.port}/9999")
    for _ in range(2):
        with pytest.raises(ReplyError, match="DB index is out of range"):
            beyond.call("PING")
    assert not beyond.is_connected


def test_speaks_through_a_unix_socket(connect, clean_valkey):
    """A path in the address is a Unix socket."""
    local = connect(f"unix://{clean_valkey.socket_path}?db=1")
    info = local.call("CLIENT", "INFO")
    assert clean_valkey.socket_path.encode() in info
    assert b"db=1" in info
    assert b"resp=3" in info


@pytest.fixture
def locked_server(connect):
    """A server with a password, and a user whose name and password need escapes."""
    with ValkeyServer() as server:
        connect(server.url).pipeline(
            [
                ("ACL", "SETUSER", "a/n", "on", ">s%cret/@", "~*", "+@all"),
                ("CONFIG", "SET", "requirepass", "pass:word"),
            ]
        )
        yield server


@pytest.mark.parametrize(
    ("login", "user"), [(":pass:word", b"default"), ("a%2Fn:s%25cret%2F%40", b"a/n")]
)
def test_logs_in(connect, locked_server, login, user):
    """A password alone is the default user's; with a name it is that user's."""
    connection = connect(f"redis://{login}@127.0.0.1:{locked_server.port}/2")
    assert connection.call("ACL", "WHOAMI") == user


@pytest.mark.parametrize("login", ["", ":wrong@", "nobody:wrong@"])
def test_a_refused_login_is_its_own_error(connect, locked_server, login):
    """No password, a wrong one, an unknown user: told apart from other errors, never shown."""
    refused = connect(f"redis://{login}127.0.0.1:{locked_server.port}")
    for _ in range(2):
        with pytest.raises(AuthenticationError, match=f"127.0.0.1:{locked_server.port}") as caught:
            refused.call("PING")
        assert ":wrong" not in str(caught.value)
    assert not refused.is_connected


def test_nobody_there_is_unavailable(connect, tmp_path):
    """A refused connection names the address and the cause; nothing can have been run."""
    for url in (f"redis://127.0.0.1:{free_port()}", f"unix://{tmp_path}/none.sock"):
        with pytest.raises(ServerUnavailable, match="cannot reach") as caught:
            connect(url).call("PING")
        assert caught.value.was_sent is False
        assert caught.value.address in str(caught.value)
        assert isinstance(caught.value.cause, OSError)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70, "bücher..de"])
def test_an_unknown_host_is_unavailable(connect, host):
    """A name that does not resolve, or cannot, is no error of its own kind."""
    with pytest.raises(ServerUnavailable, match="cannot reach"):
        connect(f"redis://{host}").call("PING")


def test_a_connection_loads_nothing(valkey: ValkeyServer):
    """A worker opens its own after the fork: what that loads, each worker has for itself."""
    program = """
import sys
from resque.store.server import connect
before = set(sys.modules)
connect(sys.argv[1]).call("PING")
print(sorted(set(sys.modules) - before))
"""
    url = valkey.url.replace("127.0.0.1", "localhost")
    assert "localhost" in url
    done = subprocess.run(
        [sys.executable, "-c", program, url], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_errors_survive_pickling():
    """An error can be handed to another process."""
    error = pickle.loads(pickle.dumps(ServerUnavailable("redis://h", "gone", was_sent=True)))
    assert (error.address, error.cause, error.was_sent) == ("redis://h", "gone", True)
    reply = pickle.loads(pickle.dumps(ReplyError("ERR", "no")))
    assert (reply.code, reply.message) == ("ERR", "no")
    denied = pickle.loads(pickle.dumps(NoPermissionError("redis://h", "no")))
    assert (denied.address, denied.code, denied.message) == ("redis://h", "NOPERM", "no")


def test_pushes_are_never_taken_for_replies(connection, other):
    """Invalidations that arrive between and with replies are set aside, in order."""
    connection.call("CLIENT", "TRACKING", "ON")
    keys = [f"k{number}" for number in range(50)]
    connection.pipeline([("GET", key) for key in keys])
    for number, key in enumerate(keys):
        other.call("SET", key, number)
        assert connection.call("ECHO", number) == str(number).encode()
    pushed = connection.pop_pushes()
    assert pushed == [[b"invalidate", [key.encode()]] for key in keys]
    assert connection.pop_pushes() == []
    assert connection.openings == 1


def test_pushes_arrive_without_a_command(connection, other):
    """A push can be waited for on the descriptor and taken without sending anything."""
    connection.call("CLIENT", "TRACKING", "ON")
    connection.call("LLEN", "queue")
    assert connection.pop_pushes() == []
    other.call("RPUSH", "queue", "job")
    readable, _, _ = select.select([connection], [], [], 10)
    assert readable == [connection]
    assert connection.pop_pushes() == [[b"invalidate", [b"queue"]]]


def test_a_push_between_the_replies_of_a_pipeline_is_set_aside(connection):
    """A client's own write invalidates what it has read; the push comes amid the replies."""
    connection.call("CLIENT", "TRACKING", "ON")
    replies = connection.pipeline(
        [("GET", "k"), ("SET", "k", 1), ("GET", "k"), ("SET", "k", 2), ("GET", "k")]
    )
    assert replies == [None, b"OK", b"1", b"OK", b"2"]
    assert connection.pop_pushes() == [[b"invalidate", [b"k"]]] * 2


def test_there_are_no_pushes_without_a_connection(connection):
    """Asking for them opens nothing."""
    assert connection.pop_pushes() == []
    assert connection.openings == 0


def test_threads_take_turns(connection):
    """Each thread gets the replies to its own commands."""
    wrong: list[object] = []

    def talk(name):
        for number in range(300):
            word = f"{name}-{number}".encode()
            if (reply := connection.call("ECHO", word)) != word:
                wrong.append((word, reply))

    threads = [threading.Thread(target=talk, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert connection.openings == 1


def test_the_default_address_comes_from_the_environment(monkeypatch):
    """Our own variable wins over the common one; an empty one counts as absent."""
    assert default_url() == "redis://localhost:6379/0"
    monkeypatch.setenv("REDIS_URL", "redis://a")
    assert default_url() == "redis://a"
    monkeypatch.setenv("RESQUE_REDIS_URL", "")
    assert default_url() == "redis://a"
    monkeypatch.setenv("RESQUE_REDIS_URL", "redis://b")
    assert default_url() == "redis://b"
