"""Finding, reading and compiling a config file; nothing of it runs here."""

import os
import stat
from dataclasses import dataclass
from types import CodeType
from typing import Final

from resqued.config.display import describe, one_line
from resqued.config.errors import ConfigError

#: May be left out on the command line.
_SUFFIX: Final = ".py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A config file that can be run."""

    path: str  #: as given, with ``.py`` where that was left out
    code: CodeType


def resolve_path(path: str) -> str:
    """Return the path of the config file meant by a path from the command line.

    Raises ConfigError if there is none that can be read.
    """
    if not path:
        raise ConfigError("the path of a config file is empty")
    try:
        found = _with_suffix_if_needed(path)
        if stat.S_ISREG(os.stat(found).st_mode):
            with open(found, "rb"):
                return found
    except FileNotFoundError:
        tried = "" if path.endswith(_SUFFIX) else f", nor {one_line(path + _SUFFIX)}"
        raise ConfigError(f"{one_line(path)}: there is no such file{tried}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ConfigError(_unreadable(path, error)) from error
    kind = "a directory" if os.path.isdir(found) else "not a regular file"
    raise ConfigError(f"{one_line(found)}: this is {kind}; a config file is needed")


def read_source(path: str) -> Source:
    """Read and compile the config file meant by the path.

    Raises ConfigError if it cannot be read or is not Python.
    """
    path = resolve_path(path)
    text = _text(path)
    try:
        # The path as the user gave it: tracebacks then name the file as the problems do.
        code = compile(text, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        place = f"{one_line(path)}:{error.lineno}" if error.lineno else one_line(path)
        raise ConfigError(f"{place}: {describe(error)}") from error
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise ConfigError(
            f"{one_line(path)}: Python cannot compile it: {describe(error)}"
        ) from error
    return Source(path=path, code=code)


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise ConfigError(_unreadable(path, error)) from error
    if b"\0" in raw:
        line = _line_at(raw, raw.index(b"\0"))
        raise ConfigError(f"{one_line(path)}:{line}: a NUL byte; a config file is Python text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        line = _line_at(raw, error.start)
        raise ConfigError(f"{one_line(path)}:{line}: byte 0x{byte:02x} is not UTF-8") from error


def _line_at(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1


def _with_suffix_if_needed(path: str) -> str:
    with_suffix = path + _SUFFIX
    return with_suffix if not os.path.exists(path) and os.path.exists(with_suffix) else path


def _unreadable(path: str, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{one_line(path)}: cannot be read: {reason}"
