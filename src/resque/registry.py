"""The jobs an application has declared: names to callables, and back.

A payload only ever picks from these; nothing is imported because a payload says so.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from resque.definition import Definition, is_queue_name
from resque.errors import DuplicateJobError, NotAJobError, QueueNameError
from resque.function import Enqueue, JobFunction
from resque.hooks import Hooks, class_method, runs_when_called
from resque.prepared import Delivery

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)


class Declare(Protocol):
    """What ``job(queue=...)`` returns: the decorator itself."""

    @overload
    def __call__(self, target: C, /) -> C: ...  # type: ignore[overload-overlap] # classes can be called too

    @overload
    def __call__(self, target: Callable[P, R], /) -> JobFunction[P, R]: ...


class Registry:
    """All jobs of one application."""

    def __init__(self) -> None:
        #: Takes this application's jobs instead of the server: inline mode, a test's recorder.
        self.delivery: Delivery | None = None
        self._definitions: dict[str, Definition] = {}
        self._places: dict[str, str] = {}
        self._classes: dict[type, Definition] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names that payloads may have, sorted."""
        return tuple(sorted(self._definitions))

    def get(self, name: str) -> Definition | None:
        """Return the job of a payload's class, if it is declared."""
        return self._definitions.get(name)

    @property
    def shortest_timeout(self) -> float | None:
        """The least time limit that a declared job has, in seconds; None if none has one."""
        limits = (definition.timeout for definition in self._definitions.values())
        return min((limit for limit in limits if limit is not None), default=None)

    def definition_of(self, target: object) -> Definition:
        """Return what a declared function or class stands for. Raises NotAJobError."""
        if isinstance(target, JobFunction):
            return target.definition
        if isinstance(target, type) and target in self._classes:
            return self._classes[target]
        raise NotAJobError(target)

    def declare(
        self,
        *,
        queue: str,
        name: str | None,
        enqueue: Enqueue,
        timeout: float | None = None,
    ) -> Declare:
        """Return a decorator that declares a function, or a class with ``perform``, as a job.

        The decorator raises DuplicateJobError for a name that is taken, TypeError for a target
        that cannot be performed; this raises QueueNameError, and ValueError for a ``timeout``
        that leaves no time.
        """
        if not is_queue_name(queue):
            raise QueueNameError(queue)
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout={timeout!r} is no number of seconds above 0")

        def decorator(target: Any, /) -> Any:
            perform = _perform_of(target)
            runs_when_called(perform, getattr(target, "__qualname__", repr(target)))
            hooks = Hooks.of_class(target) if isinstance(target, type) else Hooks()
            definition = Definition(name or _dotted(target), queue, perform, hooks, timeout)
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


def _dotted(target: Any) -> str:
    if not hasattr(target, "__qualname__"):
        raise TypeError(f"{target!r} has no name of its own; give it name=")
    return _place_of(target)


def _place_of(target: Any) -> str:
    return f"{target.__module__}.{getattr(target, '__qualname__', repr(target))}"


def _perform_of(target: Any) -> Callable[..., object]:
    if isinstance(target, type):
        return class_method(target, "perform")
    if not callable(target):
        raise TypeError(f"{target!r} is no function and no class")
    function: Callable[..., object] = target
    return function
