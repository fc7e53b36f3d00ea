"""What a listener has counted of its workers and their jobs, since it began."""

from collections.abc import Iterable

from resqued.figures import NO_FIGURES, EndTally, Figures
from resqued.listener.slots import Process


class Accounts:
    """Keeps what stands on the ledgers of workers that have ended."""

    def __init__(self) -> None:
        self._former = NO_FIGURES

    def close(self, process: Process, reason: str) -> None:
        """Take over the ledger of a worker that has ended, for the kind of ``reason`` given."""
        process.gate.board.worker_ended()
        own = Figures(process.gate.board.ledger.read(), (EndTally(reason, 1),))
        self._former = self._former.plus(own)

    def figures(self, present: Iterable[Process]) -> Figures:
        """Return all there is, with that of the workers that are there now."""
        return self._former.plus(*(Figures(each.gate.board.ledger.read()) for each in present))
