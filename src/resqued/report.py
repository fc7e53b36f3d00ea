"""What a worker may tell its listener of its work, for titles and status.

The default worker does so by itself. A worker that comes in through ``worker_factory`` may call
these two around each job, in the process that resqued forked for it:

    from resqued import report

    report.job_started("SendMail", "mail")
    ...
    report.job_finished(failed=False)

Anywhere else, and when the listener is gone, they do nothing. They never wait. Any thread may call
them, but there is one job in hand at a time.
"""

from typing import Protocol

from resqued.figures import FAILED, PERFORMED


class JobBoard(Protocol):
    """Where stands which job is in hand; ``resqued.worker.board.Board`` is one."""

    def job_started(self, name: str, queue: str) -> None:
        """Write a job there."""
        ...

    def job_ended(self, outcome: str) -> None:
        """Count it, unless that was done."""
        ...

    def job_finished(self) -> None:
        """Write that there is none."""
        ...


class Listening(Protocol):
    """The way to a listener; ``resqued.worker.gate.Ticket`` is one."""

    @property
    def board(self) -> JobBoard:
        """Where stands which job is in hand."""
        ...

    def say(self, what: str, *texts: str) -> None:
        """Tell the listener."""
        ...


class _Way:
    """How this process reports, from whichever thread."""

    listening: Listening | None = None


_way = _Way()


def known_as(name: str) -> None:
    """Say under which name this worker is known to those it works for.

    It comes back in the ``WorkerDeath`` that the factory's ``recover`` gets.
    """
    _say("known", name)


def connected_to(url: str, namespace: str = "resque", failures: str = "redis") -> None:
    """Say on which Resque server this worker's jobs are, by a URL with its password.

    Whoever looks at the pool from outside (``resqued top``, metrics) asks there what waits. It is
    told over the control socket alone, to this user and root. ``failures`` is the name of the
    backend that has the failure records; an empty one says that they cannot be read.
    """
    _say("server", url, namespace, failures)


def work_begun() -> None:
    """Say that this worker has registered wherever it must, and takes jobs from now on.

    A reload tells the next old worker to leave only when a new one works. Where the worker has an
    attribute ``job_observer`` it waits for this, up to 1 s; elsewhere it is enough to be built.
    """
    _say("working")


def job_started(name: str, queue: str = "") -> None:
    """Say that this worker has a job in hand; of longer names some hundred bytes count.

    It is written to memory: no system call, so it may be done as often as one likes.
    """
    listening = _way.listening
    if listening is not None:
        listening.board.job_started(name, queue)


def job_ended(outcome: str) -> None:
    """Say what has become of the job in hand, while there is something left to do for it.

    "performed", "failed", or "cut_off"; what is said first counts, in whichever process. Raises
    ValueError for anything else, where there is a listener.
    """
    listening = _way.listening
    if listening is not None:
        listening.board.job_ended(outcome)


def job_finished(*, failed: bool = False) -> None:
    """Say that this worker has none in hand any more, and whether it has failed."""
    listening = _way.listening
    if listening is not None:
        listening.board.job_ended(FAILED if failed else PERFORMED)
        listening.board.job_finished()


def recycled(reason: str) -> None:
    """Say that this worker will leave by itself, with exit status 0, for a fresh one to come.

    Without that, one that leaves within 16 s of its start is taken for one that cannot work, and
    the next has to wait.
    """
    _say("recycled", reason)


def connect(listening: Listening | None) -> None:
    """Report there, or with None nowhere, what is reported in this process.

    resqued does this in its workers.
    """
    _way.listening = listening


def _say(what: str, *texts: str) -> None:
    listening = _way.listening
    if listening is not None:
        listening.say(what, *texts)
