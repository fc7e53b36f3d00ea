"""What a worker may tell its listener of its work, for titles and status.

The default worker does so by itself. A worker that comes in through ``worker_factory`` may call
these two around each job, in the process that resqued forked for it:

    from resqued import report

    report.job_started("SendMail")
    ...
    report.job_finished()

Anywhere else, and when the listener is gone, they do nothing. They never wait.
"""

from collections.abc import Callable
from contextvars import ContextVar

_say: ContextVar[Callable[[str, str | None], None] | None] = ContextVar("say", default=None)


def known_as(name: str) -> None:
    """Say under which name this worker is known to those it works for.

    It comes back in the ``WorkerDeath`` that the factory's ``recover`` gets.
    """
    say = _say.get()
    if say is not None:
        say("known", name)


def work_begun() -> None:
    """Say that this worker has registered wherever it must, and takes jobs from now on.

    A reload tells the next old worker to leave only when a new one works. Where the worker has an
    attribute ``job_observer`` it waits for this, up to 1 s; elsewhere it is enough to be built.
    """
    say = _say.get()
    if say is not None:
        say("working", None)


def job_started(name: str) -> None:
    """Say that this worker has a job in hand; only the name's first 20,000 characters count."""
    say = _say.get()
    if say is not None:
        say("job", name)


def job_finished() -> None:
    """Say that this worker has none in hand any more."""
    say = _say.get()
    if say is not None:
        say("idle", None)


def recycled(reason: str) -> None:
    """Say that this worker will leave by itself, with exit status 0, for a fresh one to come.

    Without that, one that leaves within 16 s of its start is taken for one that cannot work, and
    the next has to wait.
    """
    say = _say.get()
    if say is not None:
        say("recycled", reason)


def connect(say: Callable[[str, str | None], None]) -> None:
    """Send what is reported in this process through ``say``; resqued does this in its workers."""
    _say.set(say)
