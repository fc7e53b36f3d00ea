"""For an application's own tests: jobs without a server.

    import resque.testing

    def test_signup():
        with resque.testing.recorded() as jobs:
            signup("a@example.org")
        assert jobs == [resque.prepare(send, "a@example.org")]
        jobs.perform_all()

Both context managers hold for all clients of the application and all its threads, and put back what
was there before. ``push``, ``size`` and the like still ask the server.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from resque.application import APPLICATION, Application
from resque.delivery import Inline, perform_here
from resque.payload import Payload
from resque.prepared import Delivery, PreparedJob
from resque.registry import Registry

__all__ = ["RecordedJobs", "inline", "recorded"]


class RecordedJobs(list[PreparedJob]):
    """The jobs that were enqueued and not dequeued, in their order.

    Their arguments are as a worker would get them, read back from JSON. A job is equal to what
    ``prepare`` returns for the same queue, class and arguments.
    """

    def __init__(self, registry: Registry) -> None:
        super().__init__()
        self._registry = registry

    def of(self, target: object) -> list[PreparedJob]:
        """Return the jobs of one declared function or class. Raises NotAJobError."""
        name = self._registry.definition_of(target).name
        return [job for job in self if job.name == name]

    def perform_all(self) -> int:
        """Perform the jobs here, and those that they enqueue, as a worker of all queues would.

        Returns how many it were; they are not in the list any more. Perform hooks run. Raises
        what a job raises, UnknownJobError if nobody declared it: that one is taken out, too, and
        the others stay.
        """
        performed = 0
        while self:
            perform_here(self.pop(0), self._registry)
            performed += 1
        return performed

    def deliver(self, jobs: Sequence[PreparedJob]) -> None:
        """Remember jobs; called by clients."""
        for job in jobs:
            args = Payload.decode(job.element).args
            self.append(PreparedJob(job.queue, job.name, args, job.element, job.hooks))

    def withdraw(self, job: PreparedJob) -> int:
        """Forget all that equal this one; called by clients."""
        return self._keep([one for one in self if one != job])

    def withdraw_all(self, queue: str, name: str) -> int:
        """Forget the jobs of one class in a queue; called by clients."""
        return self._keep([one for one in self if (one.queue, one.name) != (queue, name)])

    def _keep(self, kept: list[PreparedJob]) -> int:
        before = len(self)
        self[:] = kept
        return before - len(self)


@contextmanager
def recorded(application: Application = APPLICATION) -> Iterator[RecordedJobs]:
    """Have jobs remembered instead of sent; their enqueue hooks run.

    ``application`` is that of the package's functions.
    """
    jobs = RecordedJobs(application.registry)
    with _instead(application, jobs):
        yield jobs


@contextmanager
def inline(application: Application = APPLICATION) -> Iterator[None]:
    """Have jobs performed as they are enqueued, in this process; see ``Client.inline``.

    ``application`` is that of the package's functions.
    """
    with _instead(application, Inline(application.registry)):
        yield


@contextmanager
def _instead(application: Application, delivery: Delivery) -> Iterator[None]:
    registry = application.registry
    before, registry.delivery = registry.delivery, delivery
    try:
        yield
    finally:
        registry.delivery = before
