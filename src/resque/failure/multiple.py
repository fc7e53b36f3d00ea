"""Several failure backends as one."""

import logging
from collections.abc import Sequence

from resque.errors import ServerUnavailable, UnreadableBackendError
from resque.failure.backend import (
    BackendChoice,
    BackendFactory,
    FailedJob,
    FailureBackend,
    FailureList,
    RecordBackend,
)
from resque.failure.choice import make_backend
from resque.keys import Keys
from resque.store.server import Server

log = logging.getLogger(__name__)


def multiple(*choices: BackendChoice) -> BackendFactory:
    """Return a factory of a backend that saves to all of these, in this order.

    ``connect(failures=multiple("redis", Reporter()))``. What is wrong with a choice is raised
    when it is connected.
    """

    def make(server: Server, keys: Keys) -> FailureBackend:
        return MultipleBackend([make_backend(choice, server, keys) for choice in choices])

    return make


class MultipleBackend:
    """Saves to all; reads, requeues and clears the first that keeps records; removes from all."""

    def __init__(self, backends: Sequence[FailureBackend]) -> None:
        """Raises ValueError for none."""
        if not backends:
            raise ValueError("multiple() wants at least one failure backend")
        self.backends = tuple(backends)

    def save(self, failed: FailedJob) -> None:
        """Save to all, whatever the others raise, which is logged.

        Raises the first error if nobody has saved it; and a ServerUnavailable in any case, for
        the worker to try again: to report a failure twice is better than to lose its record.
        """
        errors = [error for backend in self.backends if (error := _attempt(backend, failed))]
        for error in errors:
            if isinstance(error, ServerUnavailable):
                raise error
        if len(errors) == len(self.backends):
            raise errors[0]

    def lists(self, queue: str | None = None) -> Sequence[FailureList]:
        """Return those of the first that keeps records; raises UnreadableBackendError."""
        return self._first.lists(queue)

    def copies(self, queue: str | None) -> Sequence[FailureList]:
        """Return the lists of all others that keep records."""
        first, *others = self._readable
        found = [*first.copies(queue)]
        for backend in others:
            found += [*backend.lists(queue), *backend.copies(queue)]
        return found

    def retried_at(self, now: float) -> str:
        """Return a moment as the first that keeps records has it."""
        return self._first.retried_at(now)

    @property
    def _first(self) -> RecordBackend:
        return self._readable[0]

    @property
    def _readable(self) -> list[RecordBackend]:
        found = [backend for backend in self.backends if isinstance(backend, RecordBackend)]
        if not found:
            raise UnreadableBackendError(self)
        return found


def _attempt(backend: FailureBackend, failed: FailedJob) -> Exception | None:
    """Save to one; return what it raises, be it what it may, once it is logged."""
    try:
        backend.save(failed)
    except Exception as error:
        name = type(backend).__name__
        fields = {"event": "failure_unsaved", "backend": name, "queue": failed.queue[:200]}
        text = "%s cannot save a failure of a job of queue %.200r"
        log.exception(text, name, failed.queue, extra=fields)
        return error
    return None
