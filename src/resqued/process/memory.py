"""What memory a process has, as the kernel counts it (Linux: /proc/PID/smaps_rollup)."""

import os
import re
from dataclasses import dataclass

from resqued.errors import ResquedError

_OWN = "/proc/self/smaps_rollup"
_LINE = re.compile(rb"^(\w+): +(\d+) kB$", re.MULTILINE)


class MeasureError(ResquedError):
    """Raised when the kernel does not tell what memory a process has; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The resident memory of one process, in bytes; what is swapped out is in none of these."""

    pss: int  #: its own pages, and its part of each page that it shares with others
    private: int  #: the pages that nobody else has
    shared: int  #: the pages that others have as well, each in full
    rss: int  #: all of its pages: what it would own if it shared nothing

    @classmethod
    def parse(cls, text: bytes) -> "Memory":
        """Read the content of a smaps_rollup file. Raises MeasureError."""
        sizes = {name: int(kilobytes) * 1024 for name, kilobytes in _LINE.findall(text)}
        try:
            return cls(
                pss=sizes[b"Pss"],
                private=sizes[b"Private_Clean"] + sizes[b"Private_Dirty"],
                shared=sizes[b"Shared_Clean"] + sizes[b"Shared_Dirty"],
                rss=sizes[b"Rss"],
            )
        except KeyError as error:
            raise MeasureError(f"smaps_rollup has no {error.args[0].decode()}") from error


def measure(pid: int | None = None) -> Memory | None:
    """Return the memory of a process, of this one if none is named; None if it is gone.

    Raises MeasureError where there is no such file, or it may not be read: a process of another
    user's, say, or one that has changed its user.
    """
    path = _OWN if pid is None else f"/proc/{pid}/smaps_rollup"
    try:
        with open(path, "rb") as file:
            return Memory.parse(file.read())
    except (FileNotFoundError, ProcessLookupError) as error:
        if not os.path.exists(_OWN):
            raise MeasureError(f"memory is measured on Linux only: there is no {_OWN}") from error
        return None
    except OSError as error:
        raise MeasureError(f"cannot read {path}: {error.strerror}") from error
