"""From the name of a failure backend, or a user's own, to one that can be used."""

from resque.errors import UnknownBackendError
from resque.failure.backend import BackendChoice, BackendFactory, FailureBackend
from resque.failure.redis_backend import RedisBackend
from resque.failure.redis_multi_queue import RedisMultiQueueBackend
from resque.keys import Keys
from resque.store.server import Server

_BY_NAME: dict[str, BackendFactory] = {
    "redis": RedisBackend,
    "redis_multi_queue": RedisMultiQueueBackend,
}


def backend_named(name: str) -> BackendFactory:
    """Return the backend that Ruby Resque calls ``name``, in FAILURE_BACKEND too.

    It wants a server and keys, or is given to ``connect(failures=...)`` as it is. Raises
    UnknownBackendError.
    """
    if name not in _BY_NAME:
        raise UnknownBackendError(name, tuple(_BY_NAME))
    return _BY_NAME[name]


def name_of(backend: object) -> str | None:
    """Return the name of a backend that has one, for another process to choose the same."""
    return next((name for name, kind in _BY_NAME.items() if kind is type(backend)), None)


def make_backend(choice: BackendChoice, server: Server, keys: Keys) -> FailureBackend:
    """Return the chosen backend: a name's, the object itself, or what the factory makes.

    Raises UnknownBackendError for a name, TypeError for what is nothing of these.
    """
    if isinstance(choice, str):
        choice = backend_named(choice)
    # A backend's class has a method save as well, but it is to be called first.
    if not isinstance(choice, type) and callable(getattr(choice, "save", None)):
        return choice  # type: ignore[return-value] # what it lacks else, nothing can tell
    if not callable(choice):
        raise TypeError(f"neither a failure backend nor a factory of one: {choice!r}")
    return choice(server, keys)
