"""What a listener has counted of its workers and their jobs, since it began."""

from collections.abc import Iterable

from resqued.figures import NO_FIGURES, EndTally, Figures
from resqued.listener.ends import EndKind
from resqued.listener.process import Process


class Accounts:
    """Keeps what stands on the ledgers of workers that have ended."""

    def __init__(self) -> None:
        self._former = NO_FIGURES

    def close(self, process: Process, kind: EndKind) -> None:
        """Take over the ledger of a worker that has ended, in this way."""
        process.gate.board.worker_ended()
        own = Figures(process.gate.board.ledger.read(), (EndTally(kind.value, 1),))
        self._former = self._former.plus(own)

    def figures(self, present: Iterable[Process]) -> Figures:
        """Return all there is, with that of the workers that are there now."""
        return self._former.plus(*(Figures(each.gate.board.ledger.read()) for each in present))
