"""Failures through a client library that the application has already."""

import pytest
import redis
import valkey

from resque.errors import FailureGoneError
from resque.failure import Requeued
from tests.support.failures import numbered


@pytest.fixture(params=["redis", "redis_multi_queue"])
def backend(request):
    """The name of a backend."""
    return request.param


@pytest.fixture(
    params=[(redis.Redis, 2), (redis.Redis, 3), (valkey.Valkey, 2), (valkey.Valkey, 3)],
    ids=lambda param: f"{param[0].__name__} RESP{param[1]}",
)
def client(application, clean_valkey, namespace, backend, request):
    """A client over such a library, with either version of the protocol."""
    library, protocol = request.param
    theirs = library(port=clean_valkey.port, protocol=protocol)
    yield application.connect(theirs, namespace, failures=backend)
    theirs.close()


def test_everything(client):
    """Saving, reading and mending are the same."""
    found = client.failures
    for number in range(4):
        client.failure_backend.save(numbered(number))
    third = found.get(2)
    assert found.remove(found.get(0))
    found.requeue(third)
    with pytest.raises(FailureGoneError):
        found.requeue(third)
    assert found.requeue_all() == Requeued(requeued=2, skipped=1)
    assert (found.count(), found.count(class_name="Boom"), client.size("q1")) == (3, 3, 3)
    assert (found.clear_retried(queue="q1"), found.clear()) == (3, 0)
