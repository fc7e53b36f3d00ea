import logging

import pytest

from resqued.ipc import channel as channel_module
from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.ipc.messages import Ask, Grant, Kill, Started, encode


@pytest.fixture
def pair():
    """Return a channel and the bare socket at its other end."""
    ours, theirs = Channel.pair()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_both_ends_are_kept_from_other_programs():
    """What a job starts must not inherit the line to the master."""
    ours, theirs = Channel.pair()

    assert not theirs.get_inheritable()
    assert not ours._socket.get_inheritable()
    ours.close()
    theirs.close()


def test_a_line_may_come_in_pieces(pair):
    """Nothing is returned, and nothing waits, until its end is there."""
    ours, theirs = pair
    line = encode(Started(1, 2))

    for cut in range(1, len(line)):
        theirs.sendall(line[:cut])
        assert ours.receive() == []
        theirs.sendall(line[cut:])
        assert ours.receive() == [Started(1, 2)]


def test_many_lines_may_come_at_once(pair):
    """All are returned in order, and the beginning of the next is kept."""
    ours, theirs = pair
    many = [Ask(n) for n in range(2000)]
    tail = encode(Kill())

    theirs.sendall(b"".join(map(encode, many)) + tail[:5])
    assert ours.receive() == many
    assert ours.receive() == []
    theirs.sendall(tail[5:])
    assert ours.receive() == [Kill()]


def test_a_bad_line_is_logged_and_passed_over(pair, caplog: pytest.LogCaptureFixture):
    """The messages around it arrive, and a newer version's type is not even logged."""
    ours, theirs = pair
    newer = b'{"v":"1.9","type":"News"}\n'

    with caplog.at_level(logging.DEBUG):
        theirs.sendall(encode(Ask(1)) + b"nonsense\n" + newer + b"\n" + encode(Ask(2)))
        assert ours.receive() == [Ask(1), Ask(2)]

    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "nonsense" in caplog.text


def test_a_peer_of_another_major_version(pair, caplog: pytest.LogCaptureFixture):
    """Nothing is taken from it, nobody waits for more, and whoever asks learns its version."""
    ours, theirs = pair
    assert ours.foreign_major is None

    theirs.sendall(b'{"v":"2.0","type":"Ask","slot":1}\n' * 3)

    assert ours.receive_now(60) == []
    assert ours.foreign_major == 2
    assert caplog.records == []


def test_a_peer_that_does_not_read_holds_nobody_up(pair):
    """What the socket does not take is kept, in order, and goes out when there is room."""
    ours, theirs = pair
    many = [Grant(n) for n in range(20_000)]
    theirs.settimeout(5)

    for message in many:
        ours.send(message)
    assert ours.has_output

    received = b""
    wanted = b"".join(map(encode, many))
    while len(received) < len(wanted):
        received += theirs.recv(1 << 20)
        ours.flush()
    assert received == wanted
    assert not ours.has_output


def test_messages_between_two_channels(pair):
    """Both ends can be channels."""
    ours, theirs = pair
    other = Channel(theirs)

    ours.send(Grant(1))
    other.send(Ask(2))

    assert other.receive() == [Grant(1)]
    assert ours.receive() == [Ask(2)]


def test_the_last_words_of_a_peer_that_is_gone_are_heard(pair):
    """Its end shows in is_closed; what it had sent is returned with it."""
    ours, theirs = pair
    theirs.sendall(encode(Ask(1)) + encode(Ask(2))[:-3])
    theirs.close()

    assert ours.receive() == [Ask(1)]
    assert ours.is_closed
    assert ours.receive() == []


def test_sending_to_a_peer_that_is_gone_loses_the_message_only(pair):
    """No exception, nothing kept; what the peer still said can be read."""
    ours, theirs = pair
    theirs.sendall(encode(Ask(1)))
    theirs.close()

    ours.send(Grant(1))
    ours.send_now(Grant(2))

    assert not ours.has_output
    assert ours.receive() == [Ask(1)]
    ours.send(Grant(3))
    assert ours.is_closed


def test_a_reset_connection_is_a_closed_one(pair):
    """The peer went without reading what it was sent: ECONNRESET instead of an end of file."""
    ours, theirs = pair
    ours.send(Grant(1))
    theirs.close()

    assert ours.receive() == []
    assert ours.is_closed


def test_a_line_without_end_closes_the_channel(pair, monkeypatch: pytest.MonkeyPatch):
    """A peer gone mad does not fill this process's memory, and notices: it waits for nothing."""
    ours, theirs = pair
    monkeypatch.setattr(channel_module, "MAX_LINE", 1000)
    theirs.sendall(encode(Ask(1)))
    assert ours.receive() == [Ask(1)]

    theirs.sendall(b"x" * 1001)

    assert ours.receive() == []
    assert ours.is_closed
    assert ours.unread == b""
    theirs.settimeout(1)
    assert theirs.recv(10) == b""
    with pytest.raises(BrokenPipeError):
        theirs.sendall(b"x")


def test_many_short_lines_are_not_one_long_line(pair, monkeypatch: pytest.MonkeyPatch):
    """The limit is on a line, not on how much has arrived since the last look."""
    ours, theirs = pair
    monkeypatch.setattr(channel_module, "MAX_LINE", 1000)
    many = [Ask(n) for n in range(1000)]

    theirs.sendall(b"".join(map(encode, many)))

    assert ours.receive() == many
    assert not ours.is_closed


def test_send_now_waits_until_the_peer_has_taken_it(pair):
    """For a message larger than the socket's buffer, read by a peer in its own time."""
    ours, theirs = pair
    import threading  # noqa: PLC0415 - here only

    long = messages.BootFailed("x" * 1_000_000, is_config_unreadable=False)
    received = bytearray()

    def read() -> None:
        theirs.settimeout(5)
        while not received.endswith(b"\n"):
            received.extend(theirs.recv(65536))

    reader = threading.Thread(target=read)
    reader.start()
    ours.send_now(long)
    assert not ours.has_output
    reader.join()
    assert messages.parse(bytes(received)) == long


def test_send_now_gives_up_a_peer_that_takes_nothing(pair):
    """A master that is stopped (SIGSTOP) keeps no listener from leaving."""
    ours, _ = pair

    ours.send_now(messages.BootFailed("x" * 1_000_000, is_config_unreadable=False), 0.01)

    assert ours.has_output


def test_receive_now_waits_for_the_first_message_only(pair):
    """It returns what is there; a peer that is silent or gone is no message."""
    ours, theirs = pair
    theirs.sendall(encode(Ask(1)))

    assert ours.receive_now(5) == [Ask(1)]
    assert ours.receive_now(0.01) == []
    theirs.close()
    assert ours.receive_now(5) == []
    assert ours.is_closed


def test_a_closed_channel_takes_nothing_more():
    """After close nothing is sent and nothing waits to be sent."""
    ours, theirs = Channel.pair()
    ours.close()

    ours.send(Grant(1))

    assert not ours.has_output
    theirs.settimeout(1)
    assert theirs.recv(10) == b""
    theirs.close()
