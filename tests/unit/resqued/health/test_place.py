import socket

import pytest

from resqued.health.place import HealthPlace, HealthPlaceError, place_of


@pytest.mark.parametrize(
    ("text", "place", "shown"),
    [
        ("9100", HealthPlace("127.0.0.1", 9100), "127.0.0.1:9100"),
        ("0.0.0.0:80", HealthPlace("0.0.0.0", 80), "0.0.0.0:80"),
        ("[::1]:9100", HealthPlace("::1", 9100), "[::1]:9100"),
        ("pool.example.org:65535", HealthPlace("pool.example.org", 65535), None),
    ],
)
def test_a_place_is_read(text: str, place: HealthPlace, shown: str | None):
    """And shown as it is in a URL."""
    assert HealthPlace.parse(text) == place
    assert str(place) == (shown or text)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "x", ":9100", "a:", "a:b", "a:65536", "a:-1", "a:1.0", "a:٣", "::1:9100"),
        *(
            "[]:1",
            "[a]:1",
            "[[::1]]:1",
            "[::1]",
            "a b:1",
            "a\0b:1",
            "\udcff:1",
            "http://a:1",
            "a/b:1",
        ),
    ],
)
def test_what_is_no_place_is_refused(text: str):
    """With one line that has it."""
    with pytest.raises(HealthPlaceError) as caught:
        HealthPlace.parse(text)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["0", "[::1]:0", "localhost:0"])
def test_it_listens(text: str):
    """At a port that is known then."""
    with HealthPlace.parse(text).listen() as listening:
        assert place_of(listening).port > 0


def test_a_host_that_is_not_there():
    """One line names it, and says in the resolver's words what is wrong with it."""
    with pytest.raises(socket.gaierror) as told:
        socket.getaddrinfo("no-such.invalid", 1)
    with pytest.raises(HealthPlaceError) as caught:
        HealthPlace.parse("no-such.invalid:1").listen()
    where = "cannot serve health at no-such.invalid:1"
    assert str(caught.value) == f"{where}: {told.value.strerror}"
