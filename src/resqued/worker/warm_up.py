"""Warm the default worker's code up, in the listener; see ``resque.worker.warm_up``."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from resqued import report
from resqued.config.model import WorkerSpec
from resqued.worker.child import equip
from resqued.worker.gate import Gate, Ticket

if TYPE_CHECKING:
    from resque.worker import Worker

log = logging.getLogger(__name__)

_SPEC = WorkerSpec(queues=("warm-up",), interval=1.0, pool=None)


def warm_up() -> None:
    """Have workers work here, which tell of their jobs as all do; a failure costs time only."""
    try:
        _work()
    except Exception as error:  # noqa: BLE001 - who works for real meets it again, and tells
        fields = {"event": "warm_up_failed", "reason": str(error)}
        log.debug("Not warmed up: %s", error, extra=fields)


def _work() -> None:
    from resque.worker import warm_up  # noqa: PLC0415 - others' workers never load resque

    for _ in range(warm_up.COUNTED):
        with _shared_with_listener():
            pass
    with _shared_with_listener() as ticket:

        def prepare(worker: "Worker") -> None:
            equip(worker, _SPEC, None, ticket.board, _nothing)

        report.connect(ticket)
        warm_up.warm_up(prepare)


@contextmanager
def _shared_with_listener() -> Iterator[Ticket]:
    """Have what a worker tells its listener by, meanwhile."""
    gate, ticket = Gate.pair()
    try:
        yield ticket
    finally:
        report.connect(None)
        for each in (gate, ticket, ticket.board):
            each.close()


def _nothing() -> None:
    """There is no log file to follow."""
