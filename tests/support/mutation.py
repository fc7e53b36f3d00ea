"""Break one line of the code under test for a while, to see that somebody notices."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType


@contextmanager
def broken(module: ModuleType, line: str, instead: str) -> Iterator[None]:
    """Run meanwhile as if ``line``, which stands once in ``module``, read ``instead``."""
    source = inspect.getsource(module)
    assert source.count(line) == 1, f"{line!r} does not stand once in {module.__name__}"
    names: dict[str, object] = {"__name__": module.__name__}
    exec(compile(source.replace(line, instead), f"broken {module.__name__}", "exec"), names)
    former = []
    for owner in (module, *(v for v in vars(module).values() if isinstance(v, type))):
        if getattr(owner, "__module__", module.__name__) != module.__name__:
            continue
        theirs = names if owner is module else vars(names[owner.__name__])  # type: ignore[arg-type]
        for name, function in _functions(owner):
            former.append((function, function.__code__))
            replacement = _function(theirs[name])  # type: ignore[index]
            assert replacement is not None
            function.__code__ = replacement.__code__
    try:
        yield
    finally:
        for function, code in former:
            function.__code__ = code


def _functions(owner: object) -> list[tuple[str, FunctionType]]:
    found = ((name, _function(value)) for name, value in vars(owner).items())
    return [
        (name, function)
        for name, function in found
        if function is not None
        and function.__module__ == getattr(owner, "__module__", getattr(owner, "__name__", None))
        and not function.__code__.co_freevars
        and function.__code__.co_filename == inspect.getsourcefile(function)
    ]


def _function(value: object) -> FunctionType | None:
    if isinstance(value, property):
        value = value.fget
    return value if isinstance(value, FunctionType) else None
