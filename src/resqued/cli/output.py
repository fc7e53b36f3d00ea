"""What the commands print as their result."""

import os
import sys
from typing import TextIO


def say(text: str) -> None:
    """Print it at once; a reader that has gone (``| head``) is no failure."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The interpreter flushes once more as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def has_colour(stream: TextIO) -> bool:
    """Whether what is printed there may be coloured: at a terminal, unless it is unwanted.

    ``NO_COLOR`` says so, whatever its value (no-color.org).
    """
    return (
        stream.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "dumb") != "dumb"
    )
