import gc
import os
import select
import signal

import pytest

from resque.errors import (
    AuthenticationError,
    ProtocolError,
    ReplyError,
    ServerUnavailable,
    ServerVersionError,
)
from tests.support.raw_listener import RawListener
from tests.support.server import ValkeyServer
from tests.support.waiting import PATIENCE

HELLO = b"%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n"


@pytest.fixture
def own_server():
    """A server that the test may stop."""
    with ValkeyServer() as server:
        yield server


class Interrupt(BaseException):
    """What a signal handler raises."""


@pytest.fixture
def raise_on_usr1():
    """Make SIGUSR1 raise the error that is passed."""
    before = signal.getsignal(signal.SIGUSR1)

    def install(error):
        def handler(number, frame):
            raise error

        signal.signal(signal.SIGUSR1, handler)

    yield install
    signal.signal(signal.SIGUSR1, before)


def client_id(connection):
    """Return the server's number for this connection."""
    return connection.call("CLIENT", "ID")


def wait_for_news(connection):
    """Wait until something has arrived: the end of a connection that was cut, say."""
    assert select.select([connection], [], [], PATIENCE)[0]


def test_an_idle_cut_costs_nothing(connection, other):
    """A connection that the server closed meanwhile is replaced before the next command."""
    killed = client_id(connection)
    assert other.call("CLIENT", "KILL", "ID", killed) == 1
    wait_for_news(connection)
    assert connection.call("ECHO", "x") == b"x"
    assert connection.openings == 2


def test_a_cut_is_noticed_while_waiting_for_pushes(connection, other):
    """Taking pushes from a connection that is gone shows that it is."""
    other.call("CLIENT", "KILL", "ID", client_id(connection))
    wait_for_news(connection)
    assert connection.pop_pushes() == []
    assert not connection.is_connected
    assert connection.openings == 1


def test_a_restarted_server_is_found_again(connect, own_server):
    """Between two commands the server may be replaced."""
    connection = connect(own_server.url)
    connection.call("PING")
    own_server.stop()
    own_server.start()
    assert connection.call("PING") == b"PONG"
    assert connection.openings == 2


def test_a_stopped_server_is_unavailable_until_it_is_back(connect, own_server):
    """Each call tries anew and says that nothing was sent."""
    connection = connect(own_server.url)
    connection.call("PING")
    own_server.stop()
    for _ in range(2):
        with pytest.raises(ServerUnavailable, match="refused") as caught:
            connection.call("PING")
        assert caught.value.was_sent is False
    own_server.start()
    assert connection.call("PING") == b"PONG"


def test_a_cut_while_a_reply_is_awaited_is_raised(connection, other, when_blocked):
    """The command may have been run, so it is not sent again; the next one gets a new start."""
    blocked = client_id(connection)
    when_blocked(other, lambda: other.call("CLIENT", "KILL", "ID", blocked))
    with pytest.raises(ServerUnavailable, match=r"lost redis://127\.0\.0\.1.*closed") as caught:
        connection.call("BLPOP", "nothing", 0)
    assert caught.value.was_sent is True
    assert not connection.is_connected
    assert connection.call("ECHO", "x") == b"x"
    assert connection.openings == 2


def test_a_server_that_dies_while_a_reply_is_awaited_is_raised(connect, own_server, when_blocked):
    """A killed server ends the wait; once it is back, the next call works."""
    connection = connect(own_server.url)
    stopping = when_blocked(connect(own_server.url), own_server.stop)
    with pytest.raises(ServerUnavailable) as caught:
        connection.call("BLPOP", "nothing", 0)
    assert caught.value.was_sent is True
    stopping.join(10)
    own_server.start()
    assert connection.call("PING") == b"PONG"


def test_silence_ends_the_wait(connect, clean_valkey):
    """A reply that does not come in time closes the connection; a late one reaches nobody."""
    connection = connect(clean_valkey.url, reply_timeout=0.1)
    with pytest.raises(ServerUnavailable, match=r"no answer within 0\.1 s") as caught:
        connection.call("BLPOP", "nothing", 0)
    assert caught.value.was_sent is True
    assert connection.call("ECHO", "x") == b"x"


def test_a_silent_greeting_ends_the_wait(connect):
    """Who accepts and says nothing is given up after the time to connect."""
    with RawListener(b"") as listener:
        silent = connect(listener.url, connect_timeout=0.1)
        with pytest.raises(ServerUnavailable, match=r"no answer within 0\.1 s") as caught:
            silent.call("PING")
        assert caught.value.was_sent is False


@pytest.mark.parametrize(
    "error", [Interrupt("stop"), KeyboardInterrupt(), TimeoutError("job took too long"), OSError()]
)
def test_an_exception_from_a_signal_handler_ends_the_exchange(
    connection, other, when_blocked, raise_on_usr1, error
):
    """It reaches the caller as it is, and the reply that was awaited is nobody else's."""
    connection.call("PING")
    raise_on_usr1(error)
    when_blocked(other, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    with pytest.raises(type(error)) as caught:
        connection.call("BLPOP", "list", 0)
    assert caught.value is error
    assert not connection.is_connected
    other.call("RPUSH", "list", "late")
    assert connection.call("ECHO", "x") == b"x"


def test_a_handler_may_use_the_connection_that_it_interrupts(
    connection, other, when_blocked, request
):
    """The handler's command gets its reply, and the interrupted one fails instead of mixing up."""
    replies = []
    before = signal.signal(
        signal.SIGUSR1, lambda *_: replies.append(connection.call("ECHO", "handler"))
    )
    request.addfinalizer(lambda: signal.signal(signal.SIGUSR1, before))
    when_blocked(other, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    with pytest.raises(ServerUnavailable):
        connection.call("BLPOP", "list", 0)
    assert replies == [b"handler"]
    assert connection.call("ECHO", "x") == b"x"


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ProtocolError, "does not answer as a Redis server"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", ProtocolError, '"S"'),
        (b"-ERR unknown command `HELLO`\r\n", ServerVersionError, "too old"),
        (b"-NOPROTO unsupported protocol version\r\n", ServerVersionError, "too old"),
        (b"-WRONGPASS invalid username-password pair\r\n", AuthenticationError, "WRONGPASS"),
        (b"-ERR max number of clients reached\r\n", ServerUnavailable, "max number of clients"),
        (b"-DENIED running in protected mode\r\n", ServerUnavailable, "protected mode"),
        (b"", ServerUnavailable, "closed the connection"),
        (b"%1\r\n$6\r\nserv", ServerUnavailable, "closed the connection"),
    ],
)
def test_a_greeting_that_is_none_is_explained(connect, answer, error, message):
    """Who is not a usable server is named together with what is wrong."""
    with RawListener(answer, closes=True) as listener:
        connection = connect(listener.url)
        with pytest.raises(error, match=message) as caught:
            connection.call("PING")
        assert str(listener.port) in str(caught.value)
        assert not connection.is_connected


def test_garbage_instead_of_a_reply_closes(connect):
    """After garbage no later reply is trusted: the connection is given up at once."""
    with RawListener(HELLO) as listener:
        connection = connect(listener.url)
        # The greeting is what each command gets: for this one a well-formed reply.
        assert connection.call("PING") == {b"server": b"redis"}
        listener._answer = b"?garbage\r\n"
        with pytest.raises(ProtocolError, match=r"got \"\?\" as reply type byte"):
            connection.call("PING")
        assert not connection.is_connected


def test_a_reply_that_nobody_asked_for_closes(connect):
    """Two replies to one command leave the second: it must not answer the next command."""
    with RawListener(HELLO) as listener:
        connection = connect(listener.url)
        connection.call("PING")
        listener._answer = b"+one\r\n+two\r\n"
        assert connection.call("PING") == b"one"
        listener._answer = HELLO
        assert connection.call("PING") == {b"server": b"redis"}
        assert connection.openings == 2


def test_a_forked_child_gets_its_own_connection(connection, in_child):
    """Parent and child use the same object and never hear each other's replies."""
    parent = client_id(connection)

    def body():
        assert not connection.is_connected
        assert connection.fileno() == -1
        return [connection.call("CLIENT", "ID"), connection.call("ECHO", "child")]

    child, echo = eval(in_child(body))
    assert child != parent
    assert echo == b"child"
    assert client_id(connection) == parent
    assert connection.openings == 1


def test_a_child_that_closes_leaves_the_parents_connection_alone(connection, in_child):
    """Closing in the child, or dropping it unused, writes nothing and ends nothing."""
    parent = client_id(connection)
    assert in_child(connection.close) == b"None"
    assert in_child(gc.collect).isdigit()
    assert client_id(connection) == parent


def test_a_child_does_not_see_the_parents_pushes(connection, other, in_child):
    """What was pushed to the parent stays the parent's."""
    connection.call("CLIENT", "TRACKING", "ON")
    connection.call("GET", "k")
    other.call("SET", "k", 1)
    assert connection.call("ECHO", "x") == b"x"
    assert in_child(connection.pop_pushes) == b"[]"
    assert connection.pop_pushes() == [[b"invalidate", [b"k"]]]


def test_a_child_forked_during_an_exchange_starts_clean(
    connection, other, when_blocked, in_child, request
):
    """Even with half a reply outstanding, and the lock held, the child's first call works."""
    results = []

    def fork(*_):
        results.append(in_child(lambda: connection.call("ECHO", "child")))
        other.call("RPUSH", "list", "parent")

    before = signal.signal(signal.SIGUSR1, fork)
    request.addfinalizer(lambda: signal.signal(signal.SIGUSR1, before))
    when_blocked(other, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    assert connection.call("BLPOP", "list", 0) == [b"list", b"parent"]
    assert results == [b"b'child'"]


def test_nothing_is_left_open(connect, clean_valkey, tmp_path):
    """Failed and closed connections leave no descriptor behind."""

    def descriptors():
        return len(os.listdir("/dev/fd"))

    before = descriptors()
    for url in (clean_valkey.url, f"unix://{tmp_path}/none", f"{clean_valkey.url}999"):
        connection = connect(url)
        for _ in range(3):
            try:
                connection.call("PING")
            except (ServerUnavailable, ReplyError):
                assert not connection.is_connected
        connection.close()
    assert descriptors() == before
