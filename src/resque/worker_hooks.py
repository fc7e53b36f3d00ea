"""Functions that an application has called as its workers go about their work.

They belong to the process, not to a job: those of a job's class are in ``resque.hooks``.
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

log = logging.getLogger(__name__)

Function = TypeVar("Function", bound=Callable[..., object])


class Moment(StrEnum):
    """When worker hooks run, in the order of a worker's life; the value is the hook's name."""

    BEFORE_FIRST_FORK = "before_first_fork"
    BEFORE_FORK = "before_fork"
    AFTER_FORK = "after_fork"
    BEFORE_PAUSE = "before_pause"
    AFTER_PAUSE = "after_pause"
    QUEUE_EMPTY = "queue_empty"
    SHUTDOWN = "shutdown"
    WORKER_EXIT = "worker_exit"


class WorkerHooks:
    """The worker hooks of one process, run in the order in which they were registered.

    Each method registers a function, which it returns, so that it serves as a decorator.
    ``before_fork`` and ``after_fork`` fail the job if they raise; from the others an exception
    is logged.
    """

    def __init__(self) -> None:
        self._functions: dict[Moment, list[Callable[..., object]]] = {m: [] for m in Moment}

    def before_first_fork(self, function: Function) -> Function:
        """Call it in the worker, once, before that registers."""
        return self._register(Moment.BEFORE_FIRST_FORK, function)

    def before_fork(self, function: Function) -> Function:
        """Call it with each job in the worker, before the job's process is forked."""
        return self._register(Moment.BEFORE_FORK, function)

    def after_fork(self, function: Function) -> Function:
        """Call it with each job in the job's own process, before the job."""
        return self._register(Moment.AFTER_FORK, function)

    def before_pause(self, function: Function) -> Function:
        """Call it with the worker when USR2 pauses that."""
        return self._register(Moment.BEFORE_PAUSE, function)

    def after_pause(self, function: Function) -> Function:
        """Call it with the worker when CONT lets that go on."""
        return self._register(Moment.AFTER_PAUSE, function)

    def queue_empty(self, function: Function) -> Function:
        """Call it in a worker that has worked, when there is nothing more to do."""
        return self._register(Moment.QUEUE_EMPTY, function)

    def shutdown(self, function: Function) -> Function:
        """Call it in a worker that was told to leave, when its last job is done."""
        return self._register(Moment.SHUTDOWN, function)

    def worker_exit(self, function: Function) -> Function:
        """Call it in a worker last of all, when that has unregistered."""
        return self._register(Moment.WORKER_EXIT, function)

    def has_any(self, moment: Moment) -> bool:
        """Tell whether anything is to be called then."""
        return bool(self._functions[moment])

    def clear(self, moment: Moment) -> None:
        """Forget the functions of a moment."""
        self._functions[moment].clear()

    def run(self, moment: Moment, *arguments: Any) -> None:
        """Call them all; the first exception ends the round and reaches the caller."""
        for function in self._functions[moment]:
            function(*arguments)

    def run_safely(self, moment: Moment, *arguments: Any) -> None:
        """Call them all; an exception is logged, and keeps the worker from nothing."""
        try:
            self.run(moment, *arguments)
        except Exception:
            fields = {"event": "hook_failed", "hook": moment.value}
            log.exception("A %s hook failed", moment.value, extra=fields)

    def _register(self, moment: Moment, function: Function) -> Function:
        self._functions[moment].append(function)
        return function
