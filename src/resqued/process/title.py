"""The title of this process, as ``ps`` shows it."""

import setproctitle


def set_title(title: str) -> None:
    """Replace what ``ps`` shows for this process."""
    setproctitle.setproctitle(title)
