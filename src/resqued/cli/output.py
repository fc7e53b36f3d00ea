"""What the commands print as their result."""

import os
import sys


def say(text: str) -> None:
    """Print it at once; a reader that has gone (``| head``) is no failure."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The interpreter flushes once more as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
