"""What a key may have the pool do: the question before it, the request, the words after it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from resqued.control.client import text_of
from resqued.control.status import PoolStatus, read_progress
from resqued.top.watch import Master


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One request to the master."""

    question: str | None  #: None: it need not be asked
    verb: str
    fields: Mapping[str, object] = field(default_factory=dict)
    said: Callable[[dict[str, Any]], str]  #: what the answer means

    def carry_out(self, master: Master) -> str:
        """Ask for it, in a thread that may wait; returns what to tell. Raises ResquedError."""
        return self.said(master.ask(self.verb, **self.fields))


def pause_or_resume(status: PoolStatus) -> Order:
    """Return what the key for both means just now."""
    if status.master.mode == "paused":
        return Order(question=None, verb="resume", said=_resumed)
    workers = sum(worker.pid is not None for each in status.generations for worker in each.workers)
    many = (
        "The worker leaves when its job is"
        if workers == 1
        else (f"All {workers} workers leave when their jobs are")
    )
    return Order(question=f"Pause the pool? {many} done.", verb="pause", said=_paused)


def reload() -> Order:
    """Return the order to load everything anew."""
    return Order(
        question="Reload? New code is loaded beside the old, which leaves when the new is proved.",
        verb="reload",
        said=_reloaded,
    )


def restart(pid: int) -> Order:
    """Return the order to replace a worker."""
    return Order(
        question=f"Restart worker {pid}? It leaves when its job is done, and another one comes.",
        verb="restart",
        fields={"worker": pid},
        said=lambda answer: (
            f"Worker {pid} was told to leave already"
            if text_of(answer, "was") == "told"
            else f"Worker {pid} leaves when its job is done"
        ),
    )


def worker_at(status: PoolStatus | None, key: object) -> int | None:
    """Return the pid of the worker in a place, named by its generation and slot."""
    if status is None:
        return None
    return next(
        (
            worker.pid
            for each in status.generations
            for worker in each.workers
            if (each.number, worker.slot) == key
        ),
        None,
    )


def _paused(answer: dict[str, Any]) -> str:
    return "It was paused already" if text_of(answer, "was") == "paused" else "The pool pauses"


def _resumed(_answer: dict[str, Any]) -> str:
    return "The pool resumes: a new generation loads"


def _reloaded(answer: dict[str, Any]) -> str:
    progress = read_progress(answer)
    return f"Reload {progress.reload.number}: generation {progress.reload.generation} loads"
