"""What became of a job, told to the server: by its own process, or else by the worker.

The job's process writes the outcome itself, as soon as there is one. A worker that is killed a
moment later leaves no finished job behind that looks unfinished.
"""

from collections.abc import Callable
from functools import partial

from resque.client import Resque
from resque.errors import ResqueError
from resque.store import workers
from resque.worker.patience import Patience
from resque.worker.sheet import Outcome, Sheet


class Settling:
    """Finishes one worker's jobs, one after another, on the server."""

    def __init__(self, client: Resque, worker_id: str, patience: Patience) -> None:
        self._server = client.server
        self._finishing = workers.Finishing(client.server, client.keys, worker_id)
        self._patience = patience
        self.sheet = Sheet()
        self._post: Callable[[], bool] | None = None

    # --- in the job's process -------------------------------------------------------------

    def succeeded(self) -> None:
        """Say that the job in hand is done."""
        self.sheet.say(Outcome.SUCCEEDED)

    def have_it_known(self) -> None:
        """Have the server know that it is, over the worker's connection if that is still ours.

        Later in the process's life it has a connection of its own, and uses that.
        """
        if self.sheet.place > 0:
            self._finish_quietly(self.sheet.number, has_failed=False)
            return
        assert self._post is not None
        self.sheet.say(Outcome.POSTING)
        try:
            was_posted = self._post()
        except OSError:
            return  # the worker finds out what the server knows
        self.sheet.say(Outcome.POSTED if was_posted else Outcome.SUCCEEDED)

    def failure_saved(self) -> None:
        """Say that the failure is written down, and have the server count it."""
        self.sheet.say(Outcome.FAILURE_SAVED)
        self._finish_quietly(self.sheet.number, has_failed=True)

    def finished(self) -> None:
        """Say that the server knows of the job in hand."""
        self.sheet.say(Outcome.SETTLED)

    # --- in the worker, before the fork, or in a process that stood by when its job is known ---

    def prepare_post(self, number: int) -> None:
        """Prepare how the process of this job will have it known; on the worker's connection."""
        self._post = self._finishing.posting(number)

    # --- in the worker --------------------------------------------------------------------

    def begin(self, number: int) -> None:
        """Make ready for a process that will have this job first."""
        self.sheet.begin(number)

    @property
    def is_known(self) -> bool:
        """Whether the job came to an end of its own, however its process ended after that."""
        return self.sheet.outcome not in (Outcome.OPEN, Outcome.SENT)

    @property
    def has_not_begun(self) -> bool:
        """Whether the process that was to have the job has ended before it had it."""
        return self.sheet.outcome is Outcome.SENT

    def settle(self) -> None:
        """Do what is left of it, once the job's process is gone. Raises GaveUpError."""
        outcome = self.sheet.outcome
        if outcome is Outcome.SETTLED or (outcome is Outcome.POSTED and self._has_arrived()):
            return
        if outcome is Outcome.POSTING:
            self._server.close()  # half a command may have been written there
        has_failed = outcome is Outcome.FAILURE_SAVED
        self._patience.insist_on_outcome(
            partial(self._finishing.finish, self.sheet.number, has_failed=has_failed)
        )

    def finish_failed(self, number: int) -> None:
        """Finish a job whose failure this very process has saved. Raises GaveUpError."""
        self._patience.insist_on_outcome(partial(self._finishing.finish, number, has_failed=True))

    def _has_arrived(self) -> bool:
        try:
            self._server.collect()
        except ResqueError:
            return False  # to finish a job once more is harmless
        return True

    def _finish_quietly(self, number: int, *, has_failed: bool) -> None:
        try:
            self._finishing.finish(number, has_failed=has_failed)
        except ResqueError:
            return  # the worker does it; to save a failure again would write it down twice
        self.finished()
