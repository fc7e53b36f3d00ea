"""Hooks: what a config file may register, and how it is called."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

#: A callable of one argument, or of none.
Hook: TypeAlias = Callable[..., object]


@dataclass(slots=True)
class BeforeForkContext:
    """What ``before_fork`` hooks are given, to tell resqued about the application."""

    app_version: str | None = None  #: shown in the titles of the listener's processes
    #: Whether what is loaded is made immortal, where the interpreter can do that (3.12, 3.13):
    #: shared by all workers, whoever reads it, and freed by none.
    immortal: bool = True


def run_hooks(hooks: Iterable[Hook], argument: object) -> None:
    """Call each hook in order, with the argument or, if it takes none, without.

    The first exception ends the round and reaches the caller, who knows what it means there.
    """
    for hook in hooks:
        if takes(hook, 1):
            hook(argument)
        else:
            hook()


def takes(function: Callable[..., object], count: int) -> bool:
    """Whether the function can be called with this many positional arguments.

    True for the few builtins that keep their signature to themselves.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:
        return True
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def is_deferred(function: Callable[..., object]) -> bool:
    """Whether a call only makes a coroutine or generator, so that the body would never run."""
    return (
        inspect.iscoroutinefunction(function)
        or inspect.isasyncgenfunction(function)
        or inspect.isgeneratorfunction(function)
    )
