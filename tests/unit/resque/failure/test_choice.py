"""How an application names its failure backend; nothing is contacted here."""

from functools import partial

import pytest

from resque.application import Application
from resque.errors import UnknownBackendError
from resque.failure import RedisBackend, RedisMultiQueueBackend, backend_named


class Reporter:
    """A backend of one's own."""

    def __init__(self, *made_of):
        self.made_of = made_of

    def save(self, failed):
        """Tell nobody."""


@pytest.fixture
def connect():
    """Connect an application to a server that is never asked."""
    return lambda **choice: Application().connect("redis://a:1", "ns", **choice)


def test_the_default(connect):
    """It is Ruby's default."""
    assert isinstance(connect().failure_backend, RedisBackend)


def test_the_names_of_ruby(connect):
    """They are those that FAILURE_BACKEND takes there."""
    for name, kind in (("redis", RedisBackend), ("redis_multi_queue", RedisMultiQueueBackend)):
        assert isinstance(connect(failures=name).failure_backend, kind)
        assert isinstance(connect(failures=backend_named(name)).failure_backend, kind)


def test_an_object(connect):
    """An object of one's own is used as it is."""
    reporter = Reporter()
    assert connect(failures=reporter).failure_backend is reporter


def test_a_class_and_a_factory(connect):
    """Either is called with the server and the keys."""
    for factory in (Reporter, partial(Reporter)):
        client = connect(failures=factory)
        assert client.failure_backend.made_of == (client.server, client.keys)


@pytest.mark.parametrize("name", ["", "Redis", "airbrake", "redis_multi"])
def test_an_unknown_name(connect, name):
    """It is refused at once, with the names that there are."""
    with pytest.raises(UnknownBackendError, match="there is redis and redis_multi_queue") as caught:
        backend_named(name)
    assert caught.value.name == name
    with pytest.raises(UnknownBackendError):
        connect(failures=name)


@pytest.mark.parametrize("thing", [None, 7, object()])
def test_what_is_no_backend(connect, thing):
    """It is refused before the first job fails."""
    with pytest.raises(TypeError, match="neither a failure backend nor a factory"):
        connect(failures=thing)
