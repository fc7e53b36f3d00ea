"""Classes of hooks that other job classes inherit from: what is wrong with one."""

from resque.hooks import KINDS

#: How like a hook's a name must be, from 0 to 1, to be taken for a slip of the pen.
_LIKENESS = 0.8


def lint(plugin: type) -> list[str]:
    """Return what is wrong with the names of a plug-in's hooks, a sentence each.

    A plug-in's hooks need names of their own (``before_perform_retry``): a job class, or a second
    plug-in, with a hook under the bare name would override it unseen. A name that misses a hook's
    by a letter is never called.
    """
    names = [name for name in dir(plugin) if callable(getattr(plugin, name))]
    found = ((name, _problem(name)) for name in names if not name.startswith("_"))
    return [f"{plugin.__qualname__}.{name} {problem}" for name, problem in found if problem]


def _problem(name: str) -> str | None:
    kind = next((kind for kind in KINDS if name.startswith(kind)), None)
    if kind is None:
        meant = _meant(name)
        return meant and f"is not called by anybody; did you mean {meant}?"
    # As Ruby's lint has it: the end of the name shows whether there is more than the hook's.
    is_bare = name.endswith(kind.rpartition("_")[2])
    return f"has no name of its own, such as {kind}_something" if is_bare else None


def _meant(name: str) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415 - no worker needs it

    start = "_".join(name.split("_")[:2])
    return next(iter(get_close_matches(start, KINDS, 1, _LIKENESS)), None)
