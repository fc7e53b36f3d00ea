"""A job on its way to its queue."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from resque.definition import Definition, is_queue_name
from resque.errors import QueueNameError
from resque.hooks import Hooks
from resque.payload import Payload


@dataclass(frozen=True, slots=True)
class PreparedJob:
    """A job that can be enqueued: its queue will do, and JSON can carry its arguments.

    Two are equal if a worker could not tell them apart.
    """

    queue: str
    name: str = field(compare=False)  #: the payload's class
    args: tuple[Any, ...] = field(compare=False)
    element: bytes = field(repr=False)  #: what is pushed
    hooks: Hooks = field(default_factory=Hooks, compare=False, repr=False)

    @classmethod
    def of(cls, definition: Definition, args: tuple[Any, ...]) -> "PreparedJob":
        """Prepare a declared job. Raises EncodeError, QueueNameError."""
        return cls.by_name(definition.queue, definition.name, args, definition.hooks)

    @classmethod
    def by_name(
        cls, queue: str, name: str, args: tuple[Any, ...], hooks: Hooks | None = None
    ) -> "PreparedJob":
        """Prepare a job that may be another language's. Raises EncodeError, QueueNameError."""
        hooks = Hooks() if hooks is None else hooks
        return cls(usable(queue), name, args, Payload.encode(name, args), hooks)

    def after_hooks(self) -> "PreparedJob | None":
        """Run the ``before_enqueue`` hooks, and return what to push; None if one said no.

        A hook may have changed an argument, as a list or a dictionary allows.
        """
        if not self.hooks.of("before_enqueue"):
            return self
        if not self.hooks.allow("before_enqueue", self.args):
            return None
        return replace(self, element=Payload.encode(self.name, self.args))


class Delivery(Protocol):
    """Where jobs go: to the server, or what stands in for it."""

    def deliver(self, jobs: Sequence[PreparedJob]) -> None:
        """Take jobs, whose hooks have agreed."""
        ...

    def withdraw(self, job: PreparedJob) -> int:
        """Remove all that equal this one, and return how many there were."""
        ...

    def withdraw_all(self, queue: str, name: str) -> int:
        """Remove the jobs of one class from a queue, and return how many there were."""
        ...


def usable(queue: str) -> str:
    """Return the name of a queue that workers can work; raises QueueNameError for others."""
    if not is_queue_name(queue):
        raise QueueNameError(queue)
    return queue
