"""Runs the config files, each once from top to bottom, and freezes what they ask for."""

import os
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType

from resqued.config import dsl
from resqued.config.display import describe
from resqued.config.errors import ConfigError
from resqued.config.model import Config
from resqued.config.places import Places
from resqued.config.pools import Shuffle, at_random
from resqued.config.recorder import Recorder, recording
from resqued.config.source import Source, read_source


def load(
    paths: Sequence[str],
    *,
    shuffle: Shuffle = at_random,
    modules: set[str] | None = None,
) -> Config:
    """Run the files in order, as one configuration, and return what they ask for.

    Their top-level code runs in this process, which is the listener's or that of a check. Puts
    the working directory on ``sys.path``. Adds to ``modules`` the names of those whose import made
    calls: another load in this process finds them imported already, and misses their calls.
    Raises ConfigError with everything that is wrong; if a file cannot be read or is not Python,
    none is run.
    """
    sources = _read_all(paths)
    folder = _importable_working_directory()
    files = tuple(source.path for source in sources)
    recorder = Recorder(
        places=Places(files=files, folder=folder),
        shuffle=shuffle,
        modules=set() if modules is None else modules,
    )
    cause = _run_all(sources, recorder)
    if recorder.problems:
        raise ConfigError(*recorder.problems) from cause
    return recorder.config(files)


def module_name(number: int) -> str:
    """Return the name under which the file of that number, from 1, is a module."""
    return "resqued_config" if number == 1 else f"resqued_config_{number}"


def _read_all(paths: Iterable[str]) -> list[Source]:
    sources: list[Source] = []
    problems: list[str] = []
    for path in paths:
        try:
            sources.append(read_source(path))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    if not sources:
        raise ConfigError("no config file was given")
    return sources


def _importable_working_directory() -> str:
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        raise ConfigError("the working directory no longer exists") from None
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return folder


def _run_all(sources: Iterable[Source], recorder: Recorder) -> BaseException | None:
    """Run the files up to the first exception, which is filed as a problem and returned."""
    with recording(recorder):
        for number, source in enumerate(sources, start=1):
            try:
                _run(source, number)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - SystemExit would end the daemon silently
                place = recorder.places.of_error(error)
                recorder.problems.append(place.problem(describe(error), "raised"))
                return error
    return None


def _absolute(path: str) -> str:
    """Return it from the root, ".." left as it is: the folder before may be a link."""
    parts = os.path.join(os.getcwd(), path).split(os.sep)
    return os.sep + os.sep.join(part for part in parts if part not in ("", os.curdir))


def _run(source: Source, number: int) -> None:
    name = module_name(number)
    module = ModuleType(name)
    module.__file__ = _absolute(source.path)
    vars(module).update({name: getattr(dsl, name) for name in dsl.__all__})
    # Dataclasses and pickle look up the module of what a file defines by its name.
    sys.modules[name] = module
    exec(source.code, vars(module))  # noqa: S102 - running the user's config file is the purpose
