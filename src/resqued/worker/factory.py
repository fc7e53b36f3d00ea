"""How a worker object comes to be: the contract of ``worker_factory``, and the default."""

from typing import Protocol


class Work(Protocol):
    """What a factory must return; it should take SIGQUIT as "finish the job in hand and leave"."""

    def work(self, interval: float) -> object:
        """Work until told to leave; ``interval`` is the configured pause in seconds."""
        ...


def default_factory(queues: list[str], /) -> Work:
    """Return a worker that speaks Resque's protocol with the application's server."""
    from resque.worker import Worker  # noqa: PLC0415 - others' workers never load resque

    return Worker(queues)


def preload() -> None:
    """Import what the default factory needs, in the listener, so that its workers share it."""
    import resque.worker  # noqa: F401, PLC0415 - imported for its effect
