import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resque.errors import AddressError
from resque.store.address import Address, Sentinels


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", Address()),
        ("redis://localhost", Address()),
        ("redis://h", Address(host="h")),
        ("redis://h/", Address(host="h")),
        ("redis://h:6399/5", Address(host="h", port=6399, db=5)),
        ("redis://h/5/", Address(host="h", db=5)),
        ("redis:///5", Address(db=5)),
        ("redis://:6399", Address(port=6399)),
        ("redis://:pw@h:6399/5", Address(host="h", port=6399, db=5, password="pw")),
        ("redis://user:pw@h", Address(host="h", username="user", password="pw")),
        ("redis://u%40x:p%2Fw%3a%25@h", Address(host="h", username="u@x", password="p/w:%")),
        ("redis://:p:q@h", Address(host="h", password="p:q")),
        ("redis://:p@q@h", Address(host="h", password="p@q")),
        ("redis://:h%C3%A9@h", Address(host="h", password="hé")),
        ("redis://:100%@h", Address(host="h", password="100%")),
        ("redis://h?db=3", Address(host="h", db=3)),
        ("redis://h/2?db=3", Address(host="h", db=3)),
        ("redis://h?", Address(host="h")),
        ("redis://127.0.0.1:1", Address(host="127.0.0.1", port=1)),
        ("redis://[::1]", Address(host="::1")),
        ("redis://[fe80::1%25eth0]:7000/1", Address(host="fe80::1%eth0", port=7000, db=1)),
        ("rediss://h:6380", Address(host="h", port=6380, tls=True)),
        ("rediss://h?ssl_ca_certs=/a%20b", Address(host="h", tls=True, ssl_ca_certs="/a b")),
        (
            "redis+sentinel://a:26380/mymaster",
            Address(sentinels=Sentinels((("a", 26380),), "mymaster")),
        ),
        (
            "redis+sentinel://u:p%2C@a,[::1]:7,b:8/my%2Fmaster/3",
            Address(
                username="u",
                password="p,",
                db=3,
                sentinels=Sentinels((("a", 26379), ("::1", 7), ("b", 8)), "my/master"),
            ),
        ),
        (
            "rediss+sentinel://:pw@a/m?ssl_ca_certs=/c&sentinel_username=s&sentinel_password=%26&db=1",
            Address(
                tls=True,
                password="pw",
                ssl_ca_certs="/c",
                db=1,
                sentinels=Sentinels((("a", 26379),), "m", "s", "&"),
            ),
        ),
        ("unix:///run/valkey.sock", Address(path="/run/valkey.sock")),
        ("unix:///run/valkey.sock?db=1", Address(path="/run/valkey.sock", db=1)),
        ("unix://:pw@/run/a%20b", Address(path="/run/a b", password="pw")),
        ("unix://u:pw@/run/s@1", Address(path="/run/s@1", username="u", password="pw")),
    ],
)
def test_reads_urls(url, address):
    """Each part of a URL finds its place, decoded."""
    assert Address.parse(url) == address


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "must start with"),
        ("localhost:6379", "must start with"),
        ("http://h", "must start with"),
        ("REDIS://h", "must start with"),
        ("redis:/h", "must start with"),
        ("redis://h:port", "port is not a number"),
        ("redis://h:", "port is not a number"),
        ("redis://h:0", "port is not a number"),
        ("redis://h:65536", "port is not a number"),
        ("redis://h:-1", "port is not a number"),
        ("redis://h:٣", "port is not a number"),
        ("redis://h:1:2", "brackets"),
        ("redis://::1", "brackets"),
        ("redis://[::1", "brackets"),
        ("redis://[::1]6379", "brackets"),
        ("redis://h/x", "database is not a number"),
        ("redis://h/-1", "database is not a number"),
        ("redis://h/5/resque", "database is not a number"),
        ("redis://h/1#x", "database is not a number"),
        ("redis://h?db=x", "database is not a number"),
        ("redis://h?timeout=5", "unknown option 'timeout'"),
        ("redis://h?ssl_ca_certs=/x", "rediss:// only"),
        ("unix:///s?ssl_ca_certs=/x", "rediss:// only"),
        ("redis://user@h", "without a password"),
        ("redis://user:@h", "without a password"),
        ("redis://:%ff@h", "not UTF-8"),
        ("redis://h\n", "control character"),
        ("redis://\udcff", "control character"),
        ("redis+sentinel://", "a service are named"),
        ("redis+sentinel://a", "a service are named"),
        ("redis+sentinel://a/", "a service are named"),
        ("redis+sentinel:///m", "a service are named"),
        ("redis+sentinel://a,/m", "a service are named"),
        ("redis+sentinel://a:x/m", "port is not a number"),
        ("redis+sentinel://::1/m", "brackets"),
        ("redis+sentinel://a/m/x", "database is not a number"),
        ("redis+sentinel://a/m/1/2", "database is not a number"),
        ("redis+sentinel://u@a/m", "without a password"),
        ("redis+sentinel://a/m?sentinel_username=u", "needs a sentinel_password"),
        ("redis+sentinel://a/m?ssl_ca_certs=/x", "rediss:// only"),
        ("redis+sentinel://a/m?sentinel_password=x&y", "unknown option;"),
        ("redis://h?sentinel_password=x", "redis+sentinel:// only"),
        ("unix+sentinel://a/m", "must start with"),
        ("unix://run/valkey.sock", "absolute"),
        ("unix://", "absolute"),
        ("unix:///", "absolute"),
    ],
)
def test_refuses_what_it_does_not_understand(url, problem):
    """A mistake is named; nothing is guessed."""
    with pytest.raises(AddressError) as caught:
        Address.parse(url)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:secret@h:port",
        "redis://user:secret@h/x",
        "redis://:sec/secret@h",
        "redis://:sec?secret@h",
        "redis://:secret/1?2@h/x",
        "http://:secret@h",
        ":secret@h:1",
        "redis://:secret%ff@h",
        "redis://:secret@h?db=x",
        "unix://:secret@run/s",
        "redis+sentinel://:secret@a",
        "redis+sentinel://a?sentinel_password=secret",
        "redis+sentinel://a/m?sentinel_password=x&secret",
        "redis+sentinel://a/m?sentinel_password=x&secret=1",
        "redis+sentinel://a/m?sentinel_password=x@secret",
        "redis+sentinel://a/m?sentinel_password=x/secret@y&db=x",
        "redis+sentinel://a/m?sentinel_pass=secret",
        "redis://h?password=secret",
        "redis://:sec@h?secret=1@h",
        "redis:secret@x://y@h",
    ],
)
def test_errors_hide_the_password(url):
    """However malformed the URL, its password stays out of the message and the traceback."""
    with pytest.raises(AddressError) as caught:
        Address.parse(url)
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://", "redis://localhost:6379/0"),
        ("redis://:pw@h:1/2", "redis://h:1/2"),
        ("redis://user:pw@h", "redis://user@h:6379/0"),
        ("rediss://:pw@[::1]", "rediss://[::1]:6379/0"),
        ("unix://:pw@/run/s?db=3", "unix:///run/s?db=3"),
        (
            "rediss+sentinel://u:pw@a,[::1]:7/m/2?sentinel_password=pw",
            "rediss+sentinel://u@a:26379,[::1]:7/m/2",
        ),
    ],
)
def test_shows_itself_without_the_password(url, shown):
    """An address can be logged."""
    address = Address.parse(url)
    assert str(address) == shown
    assert "pw" not in repr(address)


@given(st.sampled_from(["", "redis://", "rediss://", "unix:///", "redis+sentinel://"]), st.text())
def test_never_fails_otherwise(start, text):
    """Any text is an address or an AddressError."""
    with suppress(AddressError):
        assert str(Address.parse(start + text))


@pytest.mark.parametrize("start", ["?", "?pass", "redis://?pass?"])
def test_a_long_address_is_refused_at_once(start):
    """The time it takes to hide a password does not grow faster than the text."""
    url = "/k.sock" + start * 200_000
    began = time.process_time()
    with pytest.raises(AddressError):
        Address.parse(url)
    assert time.process_time() - began < 2


def test_whatever_follows_a_password_s_option_is_hidden():
    """Also in a text that is no address at all."""
    with pytest.raises(AddressError) as caught:
        Address.parse("nonsense?a=1&Sentinel_PASSword=s3cret&b=2?c")
    assert "s3cret" not in str(caught.value)
    assert "nonsense?a=1&Sentinel_PASSword=***" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "unix:///run/valkey%00.sock",
        "redis://us%0aer:pw@h",
        "redis+sentinel://h/my%1bmaster",
        "rediss://h?ssl_ca_certs=/c%00",
    ],
)
def test_control_characters_that_are_percent_encoded(url):
    """They would end a system call by an error of their own, or stand in a log."""
    with pytest.raises(AddressError, match="holds a control character"):
        Address.parse(url)


def test_what_stands_where_a_scheme_should_is_hidden():
    """It may be half of a password."""
    with pytest.raises(AddressError) as caught:
        Address.parse("s3cret://u:s3cret@host")
    assert "s3cret" not in str(caught.value)
