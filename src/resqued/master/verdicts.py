"""What becomes of starts: the first one of all, and those that fail; each is said once."""

import logging

from resqued import __version__
from resqued.master.generations import Generations
from resqued.master.options import FirstStart
from resqued.master.reloads import Reloads

log = logging.getLogger(__name__)


class Verdicts:
    """Tells the log, whoever asked for a reload, and whoever started us how starts have gone."""

    def __init__(
        self,
        generations: Generations,
        reloads: Reloads,
        report: FirstStart,
        *,
        has_loaded_once: bool,
    ) -> None:
        self._generations = generations
        self._reloads = reloads
        self._report = report
        #: Whether a configuration was read, ever; before that, whoever started us waits for it.
        self.has_loaded_once = has_loaded_once
        #: Set when there is no configuration to go on with.
        self.has_given_up = False
        #: The last generation that failed, by its number, and why; None: none has.
        self.last_failure: tuple[int, str] | None = None

    def loaded(self, workers: int) -> None:
        """Note that a configuration was read, with so many workers; only the first is news."""
        if self.has_loaded_once:
            return
        self.has_loaded_once = True
        log.info(
            "resqued %s runs, %d workers configured",
            __version__,
            workers,
            extra={"event": "master_started", "version": __version__, "workers": workers},
        )
        self._report.started()

    def failed(self, number: int, listener: int | None, reason: str) -> None:
        """Say in one block why a generation does not come, and what that means.

        ``listener`` is the pid of its listener; None: it has none.
        """
        owner = self._generations.owner
        self._reloads.failed(number, reason)
        then = f"generation {owner.number} goes on" if owner else "trying again"
        fields = {
            "event": "generation_failed",
            "generation": number,
            "listener": listener,
            "reason": reason,
        }
        log.error("Generation %d failed, %s:\n%s", number, then, reason, extra=fields)
        self.last_failure = number, reason

    def give_up(self, reason: str) -> None:
        """Note that there is nothing to go on with: the master ends."""
        self.has_given_up = True
        self.last_failure = self._generations.last_number, reason
        self._report.failed(reason)
