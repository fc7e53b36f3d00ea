import shutil
import socket
import ssl
import threading

import pytest

from resque.errors import ReplyError, ServerUnavailable
from resque.store.wire import Wire
from tests.support.sentinel import SERVICE, Sentinel
from tests.support.tls_proxy import TlsProxy, make_certificate


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for localhost, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command, which makes the certificate, is missing")
    return make_certificate(tmp_path, "localhost")


@pytest.fixture
def proxy(certificate, clean_valkey):
    """TLS in front of the run's server."""
    with TlsProxy(*certificate, clean_valkey.port) as proxy:
        yield proxy


@pytest.fixture
def secure(connect, proxy, certificate):
    """A connection through TLS that trusts the certificate."""
    connection = connect(f"rediss://localhost:{proxy.port}/3?ssl_ca_certs={certificate[0]}")
    yield connection
    connection.close()  # before the proxy waits for its threads


def test_speaks_tls(secure):
    """Commands and large values go through an encrypted connection."""
    value = bytes(range(256)) * 4096
    assert secure.call("SET", "k", value) == b"OK"
    assert secure.call("GET", "k") == value
    assert b"db=3" in secure.call("CLIENT", "INFO")
    assert secure.openings == 1


def test_pushes_come_through_tls(secure, other):
    """Push messages in TLS records of their own are set aside as well."""
    secure.call("CLIENT", "TRACKING", "ON")
    secure.call("GET", "k")
    other.pipeline([("SELECT", 3), ("SET", "k", 1)])
    pushed = []
    while not pushed:  # the test's time limit is the deadline
        assert secure.call("PING") == b"PONG"
        pushed = secure.pop_pushes()
    assert pushed == [[b"invalidate", [b"k"]]]


def test_an_idle_cut_costs_nothing(secure, other):
    """A closed TLS connection is noticed and replaced, as a plain one is."""
    killed = secure.call("CLIENT", "ID")
    other.call("CLIENT", "KILL", "ID", killed)
    while secure.is_connected:  # until the proxy has passed it on
        secure.pop_pushes()
    assert secure.call("PING") == b"PONG"
    assert secure.openings == 2


def test_a_forked_child_leaves_the_session_alone(secure, in_child):
    """No goodbye is written by the child; both go on encrypted."""
    parent = secure.call("CLIENT", "ID")
    child = int(in_child(lambda: secure.call("CLIENT", "ID")))
    assert child != parent
    assert secure.call("CLIENT", "ID") == parent


def test_logs_in_through_tls(connect, other, proxy, certificate):
    """A user's name and password, as without TLS."""
    other.call("ACL", "SETUSER", "tls-user", "on", ">pw", "+acl|whoami")
    try:
        url = f"rediss://tls-user:pw@localhost:{proxy.port}?ssl_ca_certs={certificate[0]}"
        connection = connect(url)
        assert connection.call("ACL", "WHOAMI") == b"tls-user"
        connection.close()
    finally:
        other.call("ACL", "DELUSER", "tls-user")


@pytest.fixture
def sentinel(proxy):
    """One that names the server by the name in its certificate, and at its TLS port."""
    by_name = "sentinel resolve-hostnames yes", "sentinel announce-hostnames yes"
    with Sentinel(proxy.port, *by_name, host="localhost") as own:
        yield own


def test_finds_the_primary_through_tls(connect, sentinel, certificate):
    """Both the sentinel and the server are spoken to in TLS."""
    with TlsProxy(*certificate, sentinel.port) as before_sentinel:
        place = f"localhost:{before_sentinel.port}/{SERVICE}/3"
        connection = connect(f"rediss+sentinel://{place}?ssl_ca_certs={certificate[0]}")
        assert b"db=3" in connection.call("CLIENT", "INFO")
        connection.close()


def test_an_unknown_certificate_is_refused(connect, proxy):
    """Without its authority the certificate is not trusted."""
    with pytest.raises(ServerUnavailable, match="certificate verify failed") as caught:
        connect(f"rediss://localhost:{proxy.port}").call("PING")
    assert isinstance(caught.value.cause, ssl.SSLCertVerificationError)


def test_a_certificate_for_another_host_is_refused(connect, proxy, certificate):
    """The name in the certificate is checked."""
    with pytest.raises(ServerUnavailable, match="certificate is not valid for"):
        connect(f"rediss://127.0.0.1:{proxy.port}?ssl_ca_certs={certificate[0]}").call("PING")


def test_a_missing_file_of_authorities_is_reported(connect, proxy, tmp_path):
    """A wrong path is said, not taken for an empty list."""
    with pytest.raises(ServerUnavailable, match="No such file"):
        connect(f"rediss://localhost:{proxy.port}?ssl_ca_certs={tmp_path}/none").call("PING")


def test_tls_to_a_server_without_it_is_reported(connect, clean_valkey):
    """The greeting of a plain server is no TLS."""
    plain = connect(f"rediss://localhost:{clean_valkey.port}", connect_timeout=0.2)
    with pytest.raises(ServerUnavailable, match=r"no answer within 0\.2 s"):
        plain.call("PING")


class TlsEnd:
    """The server's end of a connection; it gives out its encrypted bytes to send at will."""

    def __init__(self, plain, certificate, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def handshake(self):
        """Complete the greeting with whoever is at the other end."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._plain.sendall(self._outgoing.read())
                self._incoming.write(self._plain.recv(65536))
            else:
                return self._plain.sendall(self._outgoing.read())

    def encrypt(self, data):
        """Return the record of ``data``."""
        self._tls.write(data)
        return self._outgoing.read()


def test_half_a_record_is_not_waited_for(certificate):
    """A readable socket may hold less than TLS can decrypt: looking for pushes must not block."""
    ours, theirs = socket.socketpair()
    server = TlsEnd(theirs, *certificate)
    greeting = threading.Thread(target=server.handshake)
    greeting.start()
    context = ssl.create_default_context(cafile=certificate[0])
    with theirs, context.wrap_socket(ours, server_hostname="localhost") as secure:
        greeting.join(10)
        wire = Wire(secure, ReplyError.parse)
        wire.set_timeout(60)
        record = server.encrypt(b">1\r\n+hello\r\n")
        theirs.sendall(record[:10])
        wire.drain()
        assert wire.take_pushes() == []
        theirs.sendall(record[10:])
        wire.drain()
        assert wire.take_pushes() == [[b"hello"]]
