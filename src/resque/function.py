"""A function that was declared as a job."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from resque.definition import Definition
from resque.hooks import Hook, Hooks
from resque.prepared import PreparedJob

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
F = TypeVar("F")
F_contra = TypeVar("F_contra", contravariant=True)


class Enqueue(Protocol):
    """Puts a job into its queue."""

    def __call__(self, job: PreparedJob) -> bool:
        """Enqueue; returns whether it was done."""
        ...


class TakesAnything(Protocol[T_co]):
    """A hook for any job."""

    def __call__(self, *args: object) -> T_co:
        """Be called with a job's arguments."""
        ...


class TakesMore(Protocol[F_contra, T_co]):
    """A hook for any job, that gets something else first."""

    def __call__(self, first: F_contra, /, *args: object) -> T_co:
        """Be called with that, and a job's arguments."""
        ...


class DeclareHook(Protocol[P]):
    """A decorator that declares a hook, which takes the job's arguments by position."""

    @overload
    def __call__(self, hook: Callable[P, T], /) -> Callable[P, T]: ...

    @overload
    def __call__(self, hook: TakesAnything[T], /) -> TakesAnything[T]: ...


class DeclareHookWith(Protocol[F, P]):
    """... and before them something else."""

    @overload
    def __call__(
        self, hook: Callable[Concatenate[F, P], T], /
    ) -> Callable[Concatenate[F, P], T]: ...

    @overload
    def __call__(self, hook: TakesMore[F, T], /) -> TakesMore[F, T]: ...


class _Declares:
    """What both of them are."""

    def __init__(self, hooks: Hooks, kind: str) -> None:
        self._hooks = hooks
        self._kind = kind

    def __call__(self, hook: Any, /) -> Any:
        """Declare it, and return it as it is. Raises TypeError for a coroutine or generator."""
        self._hooks.add(self._kind, Hook(getattr(hook, "__name__", self._kind), hook))
        return hook


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
        """Have a worker run the job with these arguments; False if a hook said no.

        Keyword arguments are bound to their positions, as Resque knows only those. Raises
        TypeError if the arguments do not fit, EncodeError if JSON cannot carry them,
        ServerUnavailable if the server is away.
        """
        return self._enqueue(self.prepare(*args, **kwargs))

    def prepare(self, *args: P.args, **kwargs: P.kwargs) -> PreparedJob:
        """Return the job with these arguments, to be enqueued with others by ``enqueue_many``.

        Raises TypeError and EncodeError as ``enqueue`` does; nothing is sent.
        """
        return PreparedJob.of(self.definition, self.definition.positions(args, kwargs))

    @property
    def before_enqueue(self) -> DeclareHook[P]:
        """Decorate a hook; returning exactly False, it keeps the job from its queue."""
        return _Declares(self.definition.hooks, "before_enqueue")

    @property
    def after_enqueue(self) -> DeclareHook[P]:
        """Decorate a hook that runs when the job is in its queue."""
        return _Declares(self.definition.hooks, "after_enqueue")

    @property
    def before_dequeue(self) -> DeclareHook[P]:
        """Decorate a hook; returning exactly False, it keeps the job in its queue."""
        return _Declares(self.definition.hooks, "before_dequeue")

    @property
    def after_dequeue(self) -> DeclareHook[P]:
        """Decorate a hook that runs when the job has been taken out of its queue."""
        return _Declares(self.definition.hooks, "after_dequeue")

    @property
    def before_perform(self) -> DeclareHook[P]:
        """Decorate a hook; raising DontPerform, it ends the job without a failure."""
        return _Declares(self.definition.hooks, "before_perform")

    @property
    def around_perform(self) -> DeclareHookWith[Callable[[], object], P]:
        """Decorate a hook that gets a callable first, which performs the job and returns."""
        return _Declares(self.definition.hooks, "around_perform")

    @property
    def after_perform(self) -> DeclareHook[P]:
        """Decorate a hook that runs after the job; raising, it makes the job fail."""
        return _Declares(self.definition.hooks, "after_perform")

    @property
    def on_failure(self) -> DeclareHookWith[BaseException, P]:
        """Decorate a hook that gets the exception first, then the job's arguments."""
        return _Declares(self.definition.hooks, "on_failure")

    def __repr__(self) -> str:
        return f"<job {self.definition.name} on {self.definition.queue}>"
