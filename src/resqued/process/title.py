"""The title of this process, as ``ps`` shows it."""

import setproctitle

# The library looks once, when it is first asked, for the memory that the kernel shows as the
# command line: just before the first environment variable. Once the application has changed that
# variable it finds nothing, and sets titles without an effect or an error. So it looks now.
setproctitle.getproctitle()


def title() -> str:
    """Return what ``ps`` shows for this process."""
    shown: str = setproctitle.getproctitle()
    return shown


def set_title(title: str) -> None:
    """Replace what ``ps`` shows for this process."""
    setproctitle.setproctitle(title)
