"""Clients with each failure backend, and records in their lists."""

import pytest

from resque.failure import Failures
from tests.support.failures import StandingClock


@pytest.fixture
def connect(application, clean_valkey, namespace):
    """Connect with a failure backend."""
    made = []

    def run(choice):
        made.append(application.connect(clean_valkey.url, namespace, failures=choice))
        return made[-1]

    yield run
    for client in made:
        client.close()


@pytest.fixture
def failures():
    """Return a client's failures, at a time that stands still."""
    return lambda client: Failures(
        client.server, client.keys, client.failure_backend, StandingClock()
    )


@pytest.fixture
def save():
    """Save failures with a client's backend."""

    def run(client, *failed):
        for one in failed:
            client.failure_backend.save(one)

    return run
