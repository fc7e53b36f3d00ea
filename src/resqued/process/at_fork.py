"""What Python itself does in each forked child, done beforehand (CPython).

``threading`` and ``logging`` make their locks anew there, in some hundred instructions of Python
that run in no other process. So no process has ever run them that a child could share them with,
and each child learns them for itself, in copies of the pages (``resque.worker.warm_up``).
"""

import logging
import sys
import threading
from contextlib import suppress

#: The versions whose hooks were looked at; of others none is called.
_KNOWN = ((3, 11), (3, 12), (3, 13))


def rehearse() -> None:
    """Run those hooks in this process, which is then as a child is.

    Those of the application are not run: they may close what its parent needs. Does nothing in
    another Python, nor where there are other threads, ended or not begun though they be: a child
    takes them for lost. Raises nothing: in a child as well errors of these hooks change nothing.
    """
    if sys.implementation.name != "cpython" or sys.version_info[:2] not in _KNOWN:
        return
    if len(threading._dangling) > 1:  # type: ignore[attr-defined]  # noqa: SLF001
        return
    with suppress(Exception):
        logging._after_at_fork_child_reinit_locks()  # type: ignore[attr-defined]  # noqa: SLF001
        threading._after_fork()  # type: ignore[attr-defined]  # noqa: SLF001
