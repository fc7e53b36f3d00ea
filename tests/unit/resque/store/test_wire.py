import socket

import hiredis
import pytest

from resque.errors import ReplyError
from resque.store.wire import Wire


@pytest.mark.parametrize(
    "garbled", [b"%1\r\n*0\r\n+x\r\n", b"%1\r\n%0\r\n:1\r\n", b"?\r\n", b":x\r\n"]
)
def test_what_is_no_reply_is_a_protocol_error(garbled: bytes):
    """Even where the parser takes it, and only Python cannot hold it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(garbled)
        wire = Wire(ours, ReplyError.parse)

        with pytest.raises(hiredis.ProtocolError):
            wire.exchange(b"PING\r\n", 1)

        assert wire.is_mid_exchange
