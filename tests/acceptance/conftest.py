"""The daemon under test, and a client of the server that it works with."""

import pathlib
from collections.abc import Iterator

import pytest

from resque.client import Resque
from tests.support.client import client_of
from tests.support.daemon import Daemon
from tests.support.server import ValkeyServer


@pytest.fixture
def daemon(tmp_path: pathlib.Path) -> Iterator[Daemon]:
    """Drive ``resqued`` in an empty folder.

    Whatever a test leaves running is killed; processes left behind by a daemon that has ended
    fail the test.
    """
    driver = Daemon(tmp_path.resolve())
    yield driver
    wrong = driver.clean_up()
    if wrong is not None:
        pytest.fail(f"processes were left behind: {wrong}")


@pytest.fixture
def client(clean_valkey: ValkeyServer) -> Iterator[Resque]:
    """What another program sees of the run's server."""
    with client_of(clean_valkey.url) as client:
        yield client
