"""What every Server does alike: our own connection, and clients that a user hands in."""

from functools import partial

import pytest
import redis
import redis.asyncio
import valkey
from redis.backoff import NoBackoff
from redis.retry import Retry

from resque.errors import (
    AddressError,
    AuthenticationError,
    EncodeError,
    ReplyError,
    ServerUnavailable,
)
from resque.store.address import Address
from resque.store.clients import ClientAdapter
from resque.store.connection import Connection
from resque.store.script import Script
from resque.store.server import connect
from tests.support.server import ValkeyServer, free_port

#: One retry, as an application might have it; the library's own three take seconds.
RETRY = Retry(NoBackoff(), 1)

CLIENTS = {
    "connection": lambda **options: Connection(Address(host="127.0.0.1", **options)),
    "redis": partial(redis.Redis, retry=RETRY),
    "redis-2": partial(redis.Redis, retry=RETRY, protocol=2),
    "redis-3-decoding": partial(
        redis.Redis, retry=RETRY, protocol=3, decode_responses=True, encoding="latin-1"
    ),
    "valkey": valkey.Valkey,
    "valkey-3-decoding": partial(valkey.Valkey, protocol=3, decode_responses=True),
}


@pytest.fixture(params=CLIENTS)
def make_client(request):
    """Make a client of each kind, closed after the test."""
    made = []

    def make(port, **login):
        made.append(CLIENTS[request.param](port=port, **login))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def server(make_client, clean_valkey):
    """The run's server, empty, through each kind of client."""
    return connect(make_client(clean_valkey.port))


@pytest.mark.parametrize(
    ("commands", "reply"),
    [
        ([("SET", "k", "v")], b"OK"),
        ([("SET", "k", "v"), ("SET", "k", "v", "NX")], None),
        ([("SET", "k", b"\xff\xfe"), ("GET", "k")], b"\xff\xfe"),
        ([("SET", "k", "hé"), ("GET", "k")], "hé".encode()),
        ([("GET", "none")], None),
        ([("SET", "é", 1), ("KEYS", "*")], ["é".encode()]),
        ([("INCRBY", "n", 5)], 5),
        ([("SET", "n", 1.5), ("GET", "n")], b"1.5"),
        ([("EXISTS", "none")], 0),
        ([("EXPIRE", "none", 5)], 0),
        ([("TYPE", "none")], b"none"),
        ([("SADD", "s", b"\xff"), ("SMEMBERS", "s")], [b"\xff"]),
        ([("SMEMBERS", "none")], []),
        ([("SADD", "s", "a"), ("SISMEMBER", "s", "a")], 1),
        ([("RPUSH", "l", "a", "b"), ("LRANGE", "l", 0, -1)], [b"a", b"b"]),
        ([("LPOP", "none", 2)], None),
        ([("HSET", "h", "f", "1", "g", "2"), ("HGETALL", "h")], {b"f": b"1", b"g": b"2"}),
        ([("HGETALL", "none")], {}),
        ([("HMGET", "none", "f", "g")], [None, None]),
        ([("CONFIG", "GET", "maxclients")], {b"maxclients": b"10000"}),
        ([("config", "get", "maxclients")], {b"maxclients": b"10000"}),
        ([("ZADD", "z", 1.5, "a"), ("ZSCORE", "z", "a")], 1.5),
        ([("ZSCORE", "none", "a")], None),
        ([("ZINCRBY", "z", 2, "a")], 2.0),
        ([("ZADD", "z", 2, "a"), ("ZMSCORE", "z", "a", "b")], [2.0, None]),
        ([("ZADD", "z", 1, "a", 2, "b"), ("ZRANGE", "z", 0, -1)], [b"a", b"b"]),
        (
            [("ZADD", "z", 1, "a", 2, "b"), ("ZRANGE", "z", 0, -1, "withscores")],
            [[b"a", 1.0], [b"b", 2.0]],
        ),
        ([("ZRANGE", "z", 0, -1, "WITHSCORES")], []),
        ([("EVAL", "return {1, {KEYS[1], false}}", 1, "k")], [1, [b"k", None]]),
        ([("EVAL", "return redis.status_reply('FINE')", 0)], b"FINE"),
        ([("SCRIPT", "EXISTS", "0" * 40)], [0]),
        ([("PING",)], b"PONG"),
        ([("LASTSAVE",), ("ECHO", "x")], b"x"),
    ],
)
def test_replies_are_the_same(server, commands, reply):
    """A reply depends on neither the client, its protocol nor its decoding, alone or pipelined."""
    *before, last = commands
    for command in before:
        server.call(*command)
    assert server.call(*last) == reply
    server.call("FLUSHALL")
    assert server.pipeline(commands)[-1] == reply


def test_the_servers_time_is_two_byte_strings(server):
    """TIME is raw: seconds and microseconds as text."""
    seconds, microseconds = server.call("TIME")
    assert int(seconds) > 1_700_000_000
    assert isinstance(seconds, bytes)
    assert isinstance(microseconds, bytes)


def test_scripts_run(server):
    """A script runs whether the server knows it or not."""
    script = Script.of("pair", "return {KEYS[1], ARGV[1], ARGV[2]}")
    server.call("SCRIPT", "FLUSH")
    for _ in range(2):
        assert server.run(script, ["é"], [b"\xff", 7]) == ["é".encode(), b"\xff", b"7"]
    assert server.run(Script.of("none", "return redis.call('GET', 'none')"), []) is None


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (("LPOP", "text"), "WRONGTYPE", "Operation against a key"),
        (("NOSUCH", "x"), "ERR", "unknown command"),
        (("INCR", "text"), "ERR", "value is not an integer or out of range"),
        (("SELECT", 9999), "ERR", "DB index is out of range"),
        (("EVALSHA", "0" * 40, 0), "NOSCRIPT", "No matching script"),
        (("EXEC",), "ERR", "EXEC without MULTI"),
        (("EVAL", "return redis.error_reply('BUSYKEY no')", 0), "BUSYKEY", "no"),
        (("EVAL", "return redis.error_reply('READONLY no')", 0), "READONLY", "no"),
        (("EVAL", "return redis.error_reply('LOADING no')", 0), "LOADING", "no"),
        (("EVAL", "return redis.error_reply('OOM no')", 0), "OOM", "no"),
        (("EVAL", "return redis.error_reply('MISCONF no')", 0), "MISCONF", "no"),
        (("EVAL", "return redis.error_reply('NOPERM no')", 0), "NOPERM", "no"),
    ],
)
def test_error_replies_have_a_code_and_a_message(server, command, code, message):
    """Whatever exception a client makes of an error reply, ours says what the server said."""
    server.call("SET", "text", "x")
    with pytest.raises(ReplyError) as caught:
        server.call(*command)
    assert caught.value.code == code
    assert caught.value.message.startswith(message)
    assert server.call("GET", "text") == b"x"


def test_a_pipeline_goes_on_after_an_error(server):
    """All commands run, then the first error is raised."""
    server.call("SET", "text", "x")
    with pytest.raises(ReplyError) as caught:
        server.pipeline([("INCR", "n"), ("LPOP", "text"), ("NOSUCH",), ("INCR", "n")])
    assert caught.value.code == "WRONGTYPE"
    assert server.call("GET", "n") == b"2"
    assert server.pipeline([]) == []


def test_a_transaction_can_be_piped(server):
    """MULTI and EXEC are commands like others; an error within stays in its place."""
    server.call("SET", "text", "x")
    replies = server.pipeline(
        [("MULTI",), ("INCR", "n"), ("LPOP", "text"), ("SMEMBERS", "s"), ("EXEC",)]
    )
    assert replies[:4] == [b"OK", b"QUEUED", b"QUEUED", b"QUEUED"]
    number, error, members = replies[4]
    assert (number, members) == (1, [])
    assert isinstance(error, ReplyError)
    assert error.code == "WRONGTYPE"


def test_big_values_go_both_ways(server):
    """Five megabytes are written and read whole."""
    value = bytes(range(256)) * 20_480
    server.call("SET", "big", value)
    assert server.call("GET", "big") == value


def test_bad_words_are_refused_before_anything_is_sent(server):
    """A lone surrogate and a None are told by their place; nothing of the pipeline runs."""
    with pytest.raises(EncodeError, match="word 2 of the command"):
        server.pipeline([("SET", "a", "1"), ("SET", "b", "\ud83d")])
    with pytest.raises(TypeError, match=r"word 1 of a command .* NoneType"):
        server.call("GET", None)
    assert server.call("EXISTS", "a") == 0


def test_nobody_there_is_unavailable(make_client):
    """A refused connection is the same error through any client."""
    server = connect(make_client(free_port()))
    with pytest.raises(ServerUnavailable):
        server.call("PING")
    with pytest.raises(ServerUnavailable):
        server.pipeline([("PING",)])


def test_a_refused_login_is_its_own_error(make_client, clean_valkey):
    """A wrong password is the same error through any client."""
    server = connect(make_client(clean_valkey.port, username="nobody", password="wrong"))
    with pytest.raises(AuthenticationError):
        server.call("PING")


def test_a_restarted_server_is_found_again(make_client):
    """An idle cut costs no client a command."""
    with ValkeyServer() as own:
        server = connect(make_client(own.port))
        assert server.call("PING") == b"PONG"
        own.stop()
        own.start()
        assert server.call("PING") == b"PONG"


def test_the_application_keeps_its_client(clean_valkey):
    """Closing the adapter closes nothing of the client, whose own use is not changed."""
    with redis.Redis(port=clean_valkey.port, decode_responses=True) as client:
        server = connect(client)
        server.call("SADD", "s", "a")
        server.close()
        assert client.smembers("s") == {"a"}


def test_connect_takes_addresses_and_clients(monkeypatch):
    """Text is an address, None the default one; what is a Server already stays the same."""
    assert connect("redis://h/3").address == Address(host="h", db=3)
    assert connect().address == Address()
    monkeypatch.setenv("REDIS_URL", "redis://x")
    assert connect(None).address == Address(host="x")
    for server in (connect(), ClientAdapter(object())):
        assert connect(server) is server
    with pytest.raises(AddressError):
        connect("")


@pytest.mark.parametrize("value", [5, b"redis://h", object(), redis.asyncio.Redis()])
def test_connect_refuses_anything_else(value):
    """What is neither, an asynchronous client included, is named in the error."""
    with pytest.raises(TypeError, match="not the address of a server"):
        connect(value)
