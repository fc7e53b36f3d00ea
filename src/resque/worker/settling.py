"""What became of a job: its own process says so, in a word that outlives it, and to the server.

The job's process writes the outcome itself, as soon as there is one. A worker that is killed a
moment later leaves no finished job behind that looks unfinished.
"""

import mmap
from enum import IntEnum
from functools import partial

from resque.client import Resque
from resque.errors import ResqueError
from resque.store import workers
from resque.store.queues import Reserved
from resque.worker.patience import Patience


class Outcome(IntEnum):
    """How far a job is, as its process has last said."""

    OPEN = 0  #: it runs, or was cut off
    SUCCEEDED = 1  #: done; the worker has yet to tell the server
    POSTING = 2  #: done; its process was telling the server over the worker's connection
    POSTED = 3  #: done, and the server's reply is on its way to the worker
    FAILURE_SAVED = 4  #: failed, and written down; the worker has yet to finish it
    SETTLED = 5  #: there is nothing left to do


class Word:
    """One ``Outcome`` in memory that a worker shares with the processes of its jobs."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    @property
    def outcome(self) -> Outcome:
        """The last word."""
        return Outcome(self._memory[0])

    def say(self, outcome: Outcome) -> None:
        """Have the other process know."""
        self._memory[0] = outcome


class Settling:
    """Finishes one worker's jobs, one after another, on the server."""

    def __init__(self, client: Resque, worker_id: str, patience: Patience) -> None:
        self._client = client
        self._worker_id = worker_id
        self._patience = patience
        self._word = Word()

    # --- in the job's process -------------------------------------------------------------

    def succeeded(self, reserved: Reserved) -> None:
        """Say that the job is done, and have the server know if that costs no connection."""
        self._word.say(Outcome.SUCCEEDED)
        client = self._client
        try:
            self._word.say(Outcome.POSTING)
            was_posted = workers.post_finish(
                client.server, client.keys, self._worker_id, reserved.number
            )
        except OSError:
            return  # the worker finds out what the server knows
        self._word.say(Outcome.POSTED if was_posted else Outcome.SUCCEEDED)

    def failure_saved(self, reserved: Reserved) -> None:
        """Say that the failure is written down, and have the server count it."""
        self._word.say(Outcome.FAILURE_SAVED)
        try:
            self._finish(reserved, has_failed=True)
        except ResqueError:
            return  # the worker does it; to save the failure again would write it down twice
        self._word.say(Outcome.SETTLED)

    # --- in the worker --------------------------------------------------------------------

    def begin(self) -> None:
        """Forget the last job's outcome, before the next one's process is forked."""
        self._word.say(Outcome.OPEN)

    @property
    def is_known(self) -> bool:
        """Whether the job came to an end of its own, however its process ended after that."""
        return self._word.outcome is not Outcome.OPEN

    def settle(self, reserved: Reserved) -> None:
        """Do what is left of it, once the job's process is gone. Raises GaveUpError."""
        outcome = self._word.outcome
        if outcome is Outcome.SETTLED or (outcome is Outcome.POSTED and self._has_arrived()):
            return
        if outcome is Outcome.POSTING:
            self._client.server.close()  # half a command may have been written there
        has_failed = outcome is Outcome.FAILURE_SAVED
        self._patience.insist(partial(self._finish, reserved, has_failed=has_failed))

    def finish_failed(self, reserved: Reserved) -> None:
        """Finish a job whose failure this very process has saved. Raises GaveUpError."""
        self._patience.insist(partial(self._finish, reserved, has_failed=True))

    def _has_arrived(self) -> bool:
        try:
            self._client.server.collect()
        except ResqueError:
            return False  # to finish a job once more is harmless
        return True

    def _finish(self, reserved: Reserved, *, has_failed: bool) -> None:
        client = self._client
        workers.finish(
            client.server, client.keys, self._worker_id, reserved.number, has_failed=has_failed
        )
