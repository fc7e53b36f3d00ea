"""For the test suite of whoever writes a config file: every hook runs, and nothing starts."""

import functools
import inspect
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import MagicMock

from resqued.config import loader
from resqued.config.display import describe, one_line, shown
from resqued.config.errors import ConfigError
from resqued.config.hooks import BeforeForkContext, Hook, takes
from resqued.config.model import Config
from resqued.config.places import Place, Places
from resqued.process.reaper import ExitStatus
from resqued.worker.summary import WorkerSummary

__all__ = ["FakeWorker", "assert_resqued"]

#: The pid of the made-up worker that has exited: higher than any that a kernel gives out.
_NOBODY = 2**22 + 1
#: What came of a call that raised.
_FAILED: Final = object()
_NOWHERE: Final = Place(config=None, deeper=None)


def assert_resqued(*paths: str | os.PathLike[str]) -> Config:
    """Load config files and run every hook of theirs, all in this process.

    The hooks get a ``BeforeForkContext``, a worker for each list of queues, and a made-up summary.
    The worker is what the ``worker_factory`` builds, or else a ``FakeWorker``, which needs no
    server. Raises AssertionError with all that is wrong, a line each with file and line, chained
    to the exceptions themselves. Puts ``sys.path`` back, and forgets the modules that must be
    imported anew for another load. Returns what the files ask for.
    """
    __tracebackhide__ = True
    names = [os.fspath(path) for path in paths]
    with _interpreter_put_back(len(names)) as modules:
        try:
            config = loader.load(names, modules=modules)
        except ConfigError as error:
            raise AssertionError(str(error)) from error
        trial = _Trial(config)
        trial.run()
    if trial.problems:
        raise AssertionError("\n".join(trial.problems)) from trial.cause
    return config


class FakeWorker:
    """Stands in for the default Resque worker: the same attributes, and no server.

    Whatever is asked of its ``client``, its ``hooks`` and its ``clock`` goes well and does nothing.
    """

    def __init__(self, queues: Sequence[str]) -> None:
        self.patterns = tuple(queues)
        self.id = f"{socket.gethostname()}:{os.getpid()}:{','.join(queues)}"
        self.client = MagicMock(name="client")
        self.clock = MagicMock(name="clock")
        self.hooks = MagicMock(name="hooks")
        self.fork_per_job = True
        self.jobs_per_fork: int | None = None
        self.seconds_per_fork: float | None = None
        self.standby = False
        self.term_timeout = 4.0
        self.pre_shutdown_timeout = 0.0
        self.graceful_term = False
        self.run_at_exit_hooks = False
        self.title_prefix = ""
        self.growth: Any = None
        self.heartbeat_interval = 60.0
        self.prune_interval = 300.0
        self.timeout: float | None = None
        self.max_jobs: int | None = None
        self.max_age: float | None = None
        self.max_memory: int | None = None
        self.max_deaths: int | None = None
        self.job_observer: Any = None
        self.baton: Any = None

    def work(self, interval: float = 5.0) -> None:
        """Do nothing: there are no jobs in a test of a config file."""


class _Trial:
    """Runs all that a configuration brings, and collects what goes wrong."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._places = Places(files=config.paths, folder=os.getcwd())
        self._lines: dict[tuple[str, Place, str], str] = {}
        self._errors: list[BaseException] = []

    @property
    def problems(self) -> list[str]:
        """What is wrong, one line each."""
        return list(self._lines.values())

    @property
    def cause(self) -> BaseException | None:
        """What the hooks raised: the exception, or all of them as a group."""
        if len(self._errors) > 1:
            return BaseExceptionGroup("raised by the hooks of the config files", self._errors)
        return self._errors[0] if self._errors else None

    def run(self) -> None:
        """Do what the listener and its workers would do, up to their work."""
        hooks = self._config.hooks
        self._call_all("before_fork", hooks.before_fork, BeforeForkContext())
        queue_lists = dict.fromkeys(spec.queues for spec in self._config.workers)
        for queues in queue_lists or [("*",)]:  # without any worker, hooks are tried all the same
            worker = self._build(list(queues))
            if worker is not _FAILED:
                self._call_all("after_fork", hooks.after_fork, worker)
            summary = WorkerSummary(queues, 1.5, ExitStatus(_NOBODY, code=0, signal=None))
            self._call_all("after_exit", hooks.after_exit, summary)

    def _build(self, queues: list[str]) -> object:
        factory = self._config.worker_factory
        if factory is None:
            return FakeWorker(queues)
        given = f"({shown(queues)})"
        worker = self._call("worker_factory", factory, list(queues), given=given)
        work = getattr(worker, "work", None)
        if worker is not _FAILED and not (callable(work) and takes(work, 1)):
            text = f"returned {_kind(worker)}, which has no method work(interval)"
            self._complain("worker_factory", self._definition(factory), text, given)
        return worker

    def _call_all(self, name: str, hooks: Sequence[Hook], argument: object) -> None:
        for hook in hooks:
            self._call(name, hook, *([argument] if takes(hook, 1) else []))

    def _call(self, name: str, function: Hook, *arguments: object, given: str = "") -> object:
        """Return what the function returns, or _FAILED."""
        try:
            return function(*arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - collected, and raised in the end
            own = error.__traceback__
            error.__traceback__ = own.tb_next if own else None  # without the frame of this method
            place = self._places.of_error(error)
            if place == _NOWHERE:
                place = self._definition(function)
            if self._complain(name, place, describe(error), given):
                self._errors.append(error)
            return _FAILED

    def _complain(self, name: str, place: Place, text: str, given: str) -> bool:
        """File a problem; False if it has been filed already, for another list of queues."""
        is_new = (name, place, text) not in self._lines
        if is_new:
            line = place.problem(f"{name}{given}: {text}", "raised")
            self._lines[name, place, text] = line
        return is_new

    def _definition(self, function: Hook) -> Place:
        """Return where a function or class stands, for what fails without a frame of its own."""
        while isinstance(function, functools.partial):
            function = function.func
        built_by = getattr(function, "__init__", None) if isinstance(function, type) else None
        for candidate in (inspect.unwrap(function), built_by, type(function).__call__):
            code = getattr(candidate, "__code__", None)
            if code is not None:
                place = self._places.find([(code.co_filename, code.co_firstlineno)])
                if place != _NOWHERE:
                    return place
        return Place(config=one_line(", ".join(self._config.paths)), deeper=None)


def _kind(worker: object) -> str:
    return "None" if worker is None else f"a {type(worker).__name__}"


@contextmanager
def _interpreter_put_back(file_count: int) -> Iterator[set[str]]:
    """Undo what a load changes; yields the set for the modules that it must import anew."""
    path, entries = sys.path, list(sys.path)
    before = dict(sys.modules)
    modules: set[str] = set()
    try:
        yield modules
    finally:
        path[:] = entries
        sys.path = path
        files = {loader.module_name(number) for number in range(1, file_count + 1)}
        for name in files & before.keys():
            sys.modules[name] = before[name]
        for name in (modules | files) - before.keys():
            _forget(name)


def _forget(name: str) -> None:
    """Have the next import of a module run it again, also as ``from package import module``."""
    module = sys.modules.pop(name, None)
    package, _, attribute = name.rpartition(".")
    if module is not None and getattr(sys.modules.get(package), attribute, None) is module:
        delattr(sys.modules[package], attribute)
