"""Warm the default worker's code up, in the listener; see ``resque.worker.warm_up``."""

import logging
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
        gate, ticket = Gate.pair()
        try:
            _work(ticket)
        finally:
            report.connect(None)
            for each in (gate, ticket, ticket.board):
                each.close()
    except Exception as error:  # noqa: BLE001 - who works for real meets it again, and tells
        fields = {"event": "warm_up_failed", "reason": str(error)}
        log.debug("Not warmed up: %s", error, extra=fields)


def _work(ticket: Ticket) -> None:
    """Work, and report there what is done."""
    from resque.worker import warm_up  # noqa: PLC0415 - others' workers never load resque

    report.connect(ticket)

    def prepare(worker: "Worker") -> None:
        equip(worker, _SPEC, None, _nothing)

    warm_up.warm_up(prepare)


def _nothing() -> None:
    """There is no log file to follow."""
