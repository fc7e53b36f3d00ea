"""Where jobs go: to their queues on the server, or straight into this process."""

from collections.abc import Sequence

from resque.errors import DecodeError, FailureHookError
from resque.job import Job
from resque.keys import Keys
from resque.payload import Payload
from resque.prepared import PreparedJob
from resque.registry import Registry
from resque.store import queues
from resque.store.server import Server


class ToServer:
    """Puts jobs into their queues, and takes them out, as Ruby does."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._keys = keys

    def deliver(self, jobs: Sequence[PreparedJob]) -> None:
        """Push all jobs in one round trip, in their order."""
        elements: dict[str, list[bytes]] = {}
        for job in jobs:
            elements.setdefault(job.queue, []).append(job.element)
        queues.push(self._server, self._keys, elements)

    def withdraw(self, job: PreparedJob) -> int:
        """Remove jobs by their exact bytes, so only as one that writes like us enqueued them."""
        return queues.remove(self._server, self._keys, job.queue, [job.element])

    def withdraw_all(self, queue: str, name: str) -> int:
        """Remove jobs by their class, whatever is in their arguments."""
        found = queues.elements(self._server, self._keys, queue, 0, -1)
        ours = dict.fromkeys(element for element in found if _class_of(element) == name)
        return queues.remove(self._server, self._keys, queue, list(ours))


class Inline:
    """Performs jobs at once, in the process and on the thread that enqueue them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def deliver(self, jobs: Sequence[PreparedJob]) -> None:
        """Perform jobs as a worker would, their arguments read back from JSON."""
        for job in jobs:
            perform_here(job, self._registry)

    def withdraw(self, job: PreparedJob) -> int:  # noqa: ARG002 - nothing ever waits
        """Find nothing."""
        return 0

    def withdraw_all(self, queue: str, name: str) -> int:  # noqa: ARG002
        """Find nothing."""
        return 0


def perform_here(prepared: PreparedJob, registry: Registry) -> None:
    """Perform a job in this process, failure hooks included; raises what it raises.

    What a failure hook raises becomes a note of the job's own exception.
    """
    job = Job(prepared.queue, Payload.decode(prepared.element), registry)
    try:
        job.perform()
    except BaseException as error:
        try:
            job.run_failure_hooks(error)
        except FailureHookError as another:
            error.add_note(str(another))
        raise


def _class_of(element: bytes) -> str | None:
    try:
        return Payload.decode(element).class_name
    except DecodeError:
        return None
