"""Where in the config files something happened, found in a stack or a traceback."""

import inspect
import os
import traceback
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TypeAlias

from resqued.config.display import one_line

#: File and line of one call, as the code object names it.
Position: TypeAlias = tuple[str, int]

_THIS_PACKAGE = os.path.dirname(__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of a config file, and the line of another file that it led to, if any."""

    config: str | None
    deeper: str | None

    def problem(self, text: str, verb: str) -> str:
        """Return one line that says what is wrong here.

        ``verb`` says what happened in the deeper file: "called" or "raised".
        """
        if self.config is None:
            return f"{self.deeper}: {text}" if self.deeper else text
        return f"{self.config}: {text}" + (f" ({verb} in {self.deeper})" if self.deeper else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Knows which files are config files, and from which folder others are named."""

    files: Collection[str]
    folder: str

    def here(self) -> Place:
        """Return the place of the call that led into this package."""
        outwards = [(frame.f_code.co_filename, frame.f_lineno) for frame in _callers()]
        return self.find(reversed(outwards))

    def of_error(self, error: BaseException) -> Place:
        """Return the place where an exception was raised."""
        trace = traceback.walk_tb(error.__traceback__)
        positions = [(frame.f_code.co_filename, line) for frame, line in trace]
        if isinstance(error, SyntaxError) and error.filename and error.lineno:
            positions.append((error.filename, error.lineno))
        return self.find(positions)

    def find(self, positions: Iterable[Position]) -> Place:
        """Return the innermost config line of a stack, outermost first, and what lies below it."""
        config: str | None = None
        deeper: str | None = None
        for file, line in positions:
            if file in self.files:
                config, deeper = f"{one_line(file)}:{line}", None
            elif not _is_machinery(file):
                deeper = f"{one_line(file.removeprefix(self.folder + '/'))}:{line}"
        return Place(config=config, deeper=deeper)


def modules_under_way() -> set[str]:
    """Return the names of the modules whose top-level code has led to this call."""
    return {
        str(frame.f_globals.get("__name__"))
        for frame in _callers()
        if frame.f_code.co_name == "<module>"
    }


def _callers() -> Iterator[FrameType]:
    frame = inspect.currentframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_machinery(file: str) -> bool:
    """Whether a file says nothing to the user: this package, the import system, eval'ed text."""
    return file.startswith("<") or os.path.dirname(file) == _THIS_PACKAGE
