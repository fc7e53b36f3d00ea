"""Job hooks: what runs around the enqueueing, dequeueing and performing of a job.

======================  ==================================================================
``before_enqueue``      all run; one that returns exactly False keeps the job from its queue
``after_enqueue``       run when the job is in its queue
``before_dequeue``      as ``before_enqueue``, for ``dequeue``
``after_dequeue``       run when the jobs have been removed
``before_perform``      may raise ``DontPerform``: the job is done, and was not performed
``around_perform``      get a callable first, which goes on; the first hook is outermost
``after_perform``       run after the job, also if an around hook left it out
``on_failure``          get the exception first
======================  ==================================================================

All get the job's arguments. A class has hooks as class methods or static methods whose names
start with these, and runs them sorted by name; a function's are declared by the decorators of
``JobFunction`` and run in that order.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import (
    getattr_static,
    isasyncgenfunction,
    iscoroutinefunction,
    isgeneratorfunction,
)
from typing import Any

#: What the names of hooks start with; no one is the start of another.
KINDS = (
    "before_enqueue",
    "after_enqueue",
    "before_dequeue",
    "after_dequeue",
    "before_perform",
    "around_perform",
    "after_perform",
    "on_failure",
)


@dataclass(frozen=True, slots=True)
class Hook:
    """One hook, its class bound already."""

    name: str
    call: Callable[..., object]


class Hooks:
    """The hooks of one job."""

    def __init__(self) -> None:
        self._by_kind: dict[str, list[Hook]] = {}

    @classmethod
    def of_class(cls, target: type) -> "Hooks":
        """Return the hooks of a class, its bases' included.

        A class that has a method ``hooks`` names them itself. Raises TypeError for a hook that
        would need an instance.
        """
        found = cls()
        for name in sorted(_method_names(target)):
            kind = next((kind for kind in KINDS if name.startswith(kind)), None)
            if kind is not None and callable(getattr(target, name)):
                found.add(kind, Hook(name, class_method(target, name)))
        return found

    def add(self, kind: str, hook: Hook) -> None:
        """Add a hook behind the others of its kind; raises TypeError as ``runs_when_called``."""
        runs_when_called(hook.call, hook.name)
        self._by_kind.setdefault(kind, []).append(hook)

    def of(self, kind: str) -> Sequence[Hook]:
        """Return the hooks of one kind, in the order in which they run."""
        return self._by_kind.get(kind, ())

    def allow(self, kind: str, args: Sequence[Any]) -> bool:
        """Run all hooks of a kind; tell whether none of them returned exactly False.

        What a hook raises is the caller's, and keeps the ones behind it from running.
        """
        answers = [hook.call(*args) for hook in self.of(kind)]
        return not any(answer is False for answer in answers)

    def run(self, kind: str, args: Sequence[Any]) -> None:
        """Run all hooks of a kind; what they return means nothing."""
        for hook in self.of(kind):
            hook.call(*args)


def class_method(target: Any, name: str) -> Callable[..., object]:
    """Return a method that needs no instance. Raises TypeError if there is none by this name."""
    method: Callable[..., object] | None = getattr(target, name, None)
    if method is None or not callable(method):
        raise TypeError(f"{target.__qualname__} has no {name}")
    is_static = isinstance(getattr_static(target, name), staticmethod)
    if not is_static and getattr(method, "__self__", None) is None:
        raise TypeError(f"{target.__qualname__}.{name} must be a class method or static method")
    return method


def runs_when_called(function: Callable[..., object], name: str) -> None:
    """Raise TypeError for a coroutine or a generator.

    A call would only make one, and run nothing: the job, or what its hook checks, would be left
    out unseen.
    """
    for is_of_kind in (iscoroutinefunction, isgeneratorfunction, isasyncgenfunction):
        if is_of_kind(function):
            kind = is_of_kind.__name__.removeprefix("is").removesuffix("function")
            raise TypeError(f"{name} is a {kind} function, of which a call runs nothing")


def _method_names(target: Any) -> Iterable[str]:
    if not callable(getattr(target, "hooks", None)):
        return dir(target)
    names: Any = class_method(target, "hooks")()
    return [str(name) for name in names]
