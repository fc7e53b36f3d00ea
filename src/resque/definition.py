"""One declared job, and how a call of it becomes the positions of a payload."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from inspect import Parameter, Signature, signature
from typing import Any

from resque.hooks import Hooks


@dataclass(frozen=True)  # no slots: the signature is remembered
class Definition:
    """One declared job."""

    name: str  #: the payload's class
    queue: str
    perform: Callable[..., object]
    hooks: Hooks = field(default_factory=Hooks)
    timeout: float | None = None  #: seconds it may take; None leaves it to the worker

    def positions(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return the arguments by position, as a payload carries them.

        Defaults stand in only where a later argument was given, so that a default that changes
        before the job runs is the new one. Raises TypeError as a call would.
        """
        bound = self._signature.bind(*args, **kwargs)
        if not bound.kwargs:
            return bound.args
        parameters = bound.signature.parameters
        positional = [n for n, p in parameters.items() if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
        if not bound.kwargs.keys() <= set(positional):
            names = ", ".join(name for name in bound.kwargs if name not in positional)
            raise TypeError(f"{self.name}: {names} can only be passed by keyword; jobs have none")
        last = list(bound.arguments)[-1]
        bound.apply_defaults()
        return bound.args[: list(parameters).index(last) + 1]

    @cached_property
    def _signature(self) -> Signature:
        """Finding it takes most of the time of enqueueing many jobs."""
        return signature(self.perform)


def is_queue_name(queue: object) -> bool:
    """Tell whether workers can work a queue by this name.

    They strip names, separate them by commas, and read "!" as "not".
    """
    if not isinstance(queue, str) or not queue or queue != queue.strip():
        return False
    return "," not in queue and not queue.startswith("!")
