"""The jobs an application has declared: names to callables, and back.

A payload only ever picks from these; nothing is imported because a payload says so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from resque.errors import DuplicateJobError, NotAJobError, QueueNameError, UnknownJobError

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)


@dataclass(frozen=True, slots=True)
class Definition:
    """One declared job."""

    name: str  #: the payload's class
    queue: str
    perform: Callable[..., object]

    def positions(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return the arguments by position, as a payload carries them.

        Defaults stand in only where a later argument was given, so that a default that changes
        before the job runs is the new one. Raises TypeError as a call would.
        """
        from inspect import signature  # noqa: PLC0415 - for those who enqueue; workers do not

        bound = signature(self.perform).bind(*args, **kwargs)
        if bound.kwargs:
            bound.apply_defaults()
        if bound.kwargs:
            names = ", ".join(bound.kwargs)
            raise TypeError(f"{self.name}: {names} can only be passed by keyword; jobs have none")
        return bound.args


class Enqueue(Protocol):
    """Puts a declared job's arguments into its queue."""

    def __call__(self, definition: Definition, args: tuple[Any, ...]) -> bool:
        """Enqueue; returns whether it was done."""
        ...


class JobFunction(Generic[P, R]):
    """A function declared as a job: still callable as before, and can be enqueued."""

    def __init__(self, function: Callable[P, R], definition: Definition, enqueue: Enqueue) -> None:
        update_wrapper(self, function)
        self._function = function
        self._enqueue = enqueue
        self.definition = definition

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the job here and now."""
        return self._function(*args, **kwargs)

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Have a worker run the job with these arguments.

        Keyword arguments are bound to their positions, as Resque knows only those. Raises
        TypeError if the arguments do not fit, EncodeError if JSON cannot carry them,
        ServerUnavailable if the server is away.
        """
        return self._enqueue(self.definition, self.definition.positions(args, kwargs))

    def __repr__(self) -> str:
        return f"<job {self.definition.name} on {self.definition.queue}>"


class Declare(Protocol):
    """What ``job(queue=...)`` returns: the decorator itself."""

    @overload
    def __call__(self, target: C, /) -> C: ...  # type: ignore[overload-overlap] # classes can be called too

    @overload
    def __call__(self, target: Callable[P, R], /) -> JobFunction[P, R]: ...


class Registry:
    """All jobs of one application."""

    def __init__(self) -> None:
        self._definitions: dict[str, Definition] = {}
        self._classes: dict[type, Definition] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names that payloads may have, sorted."""
        return tuple(sorted(self._definitions))

    def find(self, name: str) -> Definition:
        """Return the job of a payload's class. Raises UnknownJobError."""
        try:
            return self._definitions[name]
        except KeyError:
            raise UnknownJobError(name, self.names) from None

    def definition_of(self, target: object) -> Definition:
        """Return what a declared function or class stands for. Raises NotAJobError."""
        if isinstance(target, JobFunction):
            return target.definition
        if isinstance(target, type) and target in self._classes:
            return self._classes[target]
        raise NotAJobError(target)

    def declare(self, *, queue: str, name: str | None, enqueue: Enqueue) -> Declare:
        """Return a decorator that declares a function, or a class with ``perform``, as a job.

        The decorator raises DuplicateJobError for a name that is taken, TypeError for a target
        that cannot be performed; this raises QueueNameError.
        """
        if not is_queue_name(queue):
            raise QueueNameError(queue)

        def decorator(target: Any, /) -> Any:
            definition = Definition(name or _dotted(target), queue, _perform_of(target))
            self._add(definition)
            if isinstance(target, type):
                self._classes[target] = definition
                return target
            return JobFunction(target, definition, enqueue)

        return decorator

    def _add(self, definition: Definition) -> None:
        there = self._definitions.get(definition.name)
        # The same place again is a module that was loaded anew.
        if there is not None and _dotted(there.perform) != _dotted(definition.perform):
            raise DuplicateJobError(definition.name)
        self._definitions[definition.name] = definition


def is_queue_name(queue: object) -> bool:
    """Tell whether workers can work a queue: their ids separate queues by commas."""
    return isinstance(queue, str) and bool(queue.strip()) and "," not in queue


def _dotted(target: Any) -> str:
    return f"{target.__module__}.{target.__qualname__}"


def _perform_of(target: Any) -> Callable[..., object]:
    if not isinstance(target, type):
        if not callable(target):
            raise TypeError(f"{target!r} is no function and no class")
        perform: Callable[..., object] = target
        return perform
    perform = getattr(target, "perform", None)  # type: ignore[assignment]
    if not callable(perform):
        raise TypeError(f"{target.__qualname__} has no perform")
    if not getattr(perform, "__self__", None) and not isinstance(
        target.__dict__.get("perform"), staticmethod
    ):
        raise TypeError(f"{target.__qualname__}.perform must be a class method or static method")
    return perform
