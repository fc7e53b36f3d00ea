"""A job that was taken from a queue."""

from dataclasses import dataclass

from resque import perform
from resque.payload import Payload
from resque.registry import Registry


@dataclass(frozen=True, slots=True)
class Job:
    """A payload, where it lay, and the jobs that it may name."""

    queue: str
    payload: Payload
    registry: Registry

    def perform(self) -> bool:
        """Run the job and its hooks in this process; whether the job itself was performed.

        It was not if a ``before_perform`` hook raised DontPerform, or an ``around_perform`` hook
        did not go on; neither is a failure. Raises what the job or a hook raises, UnknownJobError
        if nobody declared it. ``on_failure`` hooks are the caller's to run.
        """
        return perform.perform(self.payload, self.registry)

    @property
    def timeout(self) -> float | None:
        """Seconds it may take, as it was declared; None if it was declared without, or not at all.

        Its worker ends it then; ``perform`` by itself takes as long as it takes.
        """
        definition = self.registry.get(self.payload.class_name)
        return None if definition is None else definition.timeout

    @property
    def has_failure_hooks(self) -> bool:
        """Whether ``run_failure_hooks`` has anything to run."""
        definition = self.registry.get(self.payload.class_name)
        return definition is not None and bool(definition.hooks.of("on_failure"))

    def run_failure_hooks(self, error: BaseException) -> None:
        """Run the ``on_failure`` hooks; call it once, in the process that knows of the failure.

        Nobody declared the job: nothing happens. Raises FailureHookError when a hook raises; the
        hooks behind it do not run.
        """
        perform.run_failure_hooks(self.payload, self.registry, error)
