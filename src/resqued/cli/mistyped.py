"""A command that was meant and not said, where its word would be taken for a config file."""

import os
from collections.abc import Collection

from resqued.cli.arguments import with_suffix


def explain(word: str, commands: Collection[str], *, is_first: bool) -> str | None:
    """Return what to say of a word that would be a config file; None: it may well be one.

    ``is_first``: nothing stands before it, so that it is none of the commands.
    """
    if not word or word.startswith("-") or "." in word or "/" in word:
        return None
    if os.path.exists(with_suffix(word)):
        return None
    if word in commands:
        return None if is_first else f"{word} is a command, and must come first: resqued {word} ..."
    from difflib import get_close_matches  # noqa: PLC0415 - the master has no use for it

    close = get_close_matches(word, commands, n=1)
    return f"no such file or command: {word}; did you mean {close[0]}?" if close else None
