"""The jobs an application has declared: names to callables, and back.

A payload only ever picks from these; nothing is imported because a payload says so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from inspect import Parameter, getattr_static, signature
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
        bound = signature(self.perform).bind(*args, **kwargs)
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
        self._places: dict[str, str] = {}
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
            perform = _perform_of(target)
            definition = Definition(name or _dotted(target), queue, perform)
            self._add(definition, _place_of(target))
            if isinstance(target, type):
                self._classes[target] = definition
                return target
            return JobFunction(target, definition, enqueue)

        return decorator

    def _add(self, definition: Definition, place: str) -> None:
        # The same place again is a module that was loaded anew.
        if self._places.setdefault(definition.name, place) != place:
            raise DuplicateJobError(definition.name)
        self._definitions[definition.name] = definition


def is_queue_name(queue: object) -> bool:
    """Tell whether workers can work a queue by this name.

    They strip names, separate them by commas, and read "!" as "not".
    """
    if not isinstance(queue, str) or not queue or queue != queue.strip():
        return False
    return "," not in queue and not queue.startswith("!")


def _dotted(target: Any) -> str:
    if not hasattr(target, "__qualname__"):
        raise TypeError(f"{target!r} has no name of its own; give it name=")
    return _place_of(target)


def _place_of(target: Any) -> str:
    return f"{target.__module__}.{getattr(target, '__qualname__', repr(target))}"


def _perform_of(target: Any) -> Callable[..., object]:
    if isinstance(target, type):
        return _perform_of_class(target)
    if not callable(target):
        raise TypeError(f"{target!r} is no function and no class")
    function: Callable[..., object] = target
    return function


def _perform_of_class(target: Any) -> Callable[..., object]:
    perform: Callable[..., object] | None = getattr(target, "perform", None)
    if perform is None or not callable(perform):
        raise TypeError(f"{target.__qualname__} has no perform")
    is_static = isinstance(getattr_static(target, "perform"), staticmethod)
    if not is_static and getattr(perform, "__self__", None) is None:
        raise TypeError(f"{target.__qualname__}.perform must be a class method or static method")
    return perform
