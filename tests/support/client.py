"""What another program sees of a server: a client in the default namespace, which knows no jobs."""

from collections.abc import Iterator
from contextlib import contextmanager

from resque.client import Resque
from resque.registry import Registry
from resque.store.server import connect


@contextmanager
def client_of(url: str) -> Iterator[Resque]:
    """Yield a client of the server at that address."""
    client = Resque(connect(url), Registry())
    try:
        yield client
    finally:
        client.close()
