"""How a worker object comes to be: the contract of ``worker_factory``, and the default."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from resqued.worker.death import WorkerDeath

#: Sees to what a dead worker has left. Runs in a short-lived child of the listener, which has at
#: most 30 s; an exception is logged.
Recover: TypeAlias = Callable[[WorkerDeath], object]


class Work(Protocol):
    """What a factory must return; it should take SIGQUIT as "finish the job in hand and leave".

    A factory may have an attribute ``recover`` besides, callable with a ``WorkerDeath``.
    """

    def work(self, interval: float) -> object:
        """Work until told to leave; ``interval`` is the configured pause in seconds."""
        ...


class DefaultFactory:
    """Makes workers that speak Resque's protocol with the application's server.

    Others' workers never load resque.
    """

    def __call__(self, queues: list[str], /) -> Work:
        """Return a worker, in its process."""
        from resque.worker import Worker  # noqa: PLC0415 - see above

        return Worker(queues)

    def recover(self, death: WorkerDeath) -> None:
        """See to the record of a worker's job, and forget the worker; see resque.worker.recover."""
        from resque.worker import recover  # noqa: PLC0415 - see above

        recover(death)


def preload() -> None:
    """Load what the default factory needs, in the listener, so that its workers share it."""
    import resque.worker  # noqa: F401, PLC0415 - imported for its effect
    from resqued.worker import warm_up  # noqa: PLC0415 - it needs the factory itself

    warm_up.warm_up()


def recovery_of(factory: object) -> Recover | None:
    """Return a factory's way with dead workers; None if it has none."""
    recover = getattr(factory, "recover", None)
    return recover if callable(recover) else None
