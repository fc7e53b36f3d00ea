"""An application with the run's server, emptied, and workers that do not outlive their test."""

import pathlib
from collections.abc import Callable, Iterator

import pytest

from resque.application import Application
from resque.client import Resque
from tests.support.latch import Latch
from tests.support.server import ValkeyServer
from tests.support.view import View
from tests.support.working import Order, WorkerProcess


@pytest.fixture
def application(clean_valkey: ValkeyServer, namespace: str) -> Iterator[Application]:
    """Jobs of this test alone."""
    made = Application()
    client = made.connect(clean_valkey.url, namespace)
    yield made
    client.close()


@pytest.fixture
def client(application: Application) -> Resque:
    """The application's client."""
    return application.client


@pytest.fixture
def store(client: Resque) -> View:
    """The server's side."""
    return View(client)


@pytest.fixture
def start_worker(
    application: Application, tmp_path: pathlib.Path
) -> Iterator[Callable[..., WorkerProcess]]:
    """Start workers; takes the fields of an ``Order``. The application's jobs must be there."""
    started: list[WorkerProcess] = []

    def start(*queues: str, client: Resque | None = None, **order: object) -> WorkerProcess:
        log = tmp_path / f"worker-{len(started)}.log"
        worker = WorkerProcess(Order(queues, **order), client or application.client, log)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.clean_up()


@pytest.fixture
def latch() -> Iterator[Callable[[], Latch]]:
    """Make latches, before the processes that share them are forked."""
    made: list[Latch] = []

    def make() -> Latch:
        made.append(Latch())
        return made[-1]

    yield make
    for one in made:
        one.close()
