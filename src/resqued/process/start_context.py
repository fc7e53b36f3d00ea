"""The program and the working directory as they were when the command line started them."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StartContext:
    """What a fresh interpreter needs to be started like this one.

    ``folder`` keeps the symbolic links of the shell's ``$PWD``: where a deploy moves a link, the
    next generation must enter the link's new target.
    """

    program: str
    folder: str
    environment: Mapping[str, str]

    @classmethod
    def capture(cls) -> "StartContext":
        """Read interpreter, working directory and environment; done once, before the master runs.

        What is exported later in this process reaches no process that it starts.
        """
        folder = _logical_folder()
        return cls(_logical_program(folder), folder, dict(os.environ))

    def enter(self) -> None:
        """Be in the folder, whatever its links lead to by now, so that what is started is as well.

        A relative path in ``PYTHONPATH`` then means the same deploy as the folder. Raises OSError.
        """
        os.chdir(self.folder)


def _logical_folder() -> str:
    physical = os.getcwd()
    logical = os.environ.get("PWD", "")
    try:
        return logical if os.path.samefile(logical, physical) else physical
    except OSError:
        return physical


def _logical_program(folder: str) -> str:
    """Return the interpreter; one that was named relative to a linked folder keeps the links."""
    physical = os.getcwd()
    if sys.executable.startswith(physical + os.sep):
        return folder + sys.executable[len(physical) :]
    return sys.executable
