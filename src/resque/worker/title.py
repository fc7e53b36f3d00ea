"""What ps shows for a worker and its jobs."""

from resque import __version__
from resqued.process.title import set_title

#: Characters of a title that are shown.
_LONGEST = 200


class Title:
    """The titles of one worker; a Ruby worker prunes whoever lacks ``resque-<digit>``."""

    def __init__(self, prefix: str) -> None:
        """``prefix`` stands before every title (RESQUE_PROCLINE_PREFIX)."""
        self._start = f"{printable(prefix)}resque-{__version__}: "
        self._shown = ""

    def show(self, what: str) -> None:
        """Set this process's title."""
        self._shown = what
        set_title(self.of(what))

    def show_once(self, what: str) -> None:
        """Set it, unless this process has set it to the same last; that costs next to nothing."""
        if self._shown != what:
            self.show(what)

    def of(self, what: str) -> str:
        """Return a title; names that come from the server are cut and made printable."""
        return self._start + printable(what)


def printable(text: str) -> str:
    """Return text for one line of a terminal: cut, and without anything that moves the cursor."""
    text = text[:_LONGEST]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "?" for c in text)
