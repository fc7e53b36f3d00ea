"""Leave no process behind, whatever was started meanwhile and by whom (Linux)."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from signal import Signals

from resqued.process import kernel, signals, tree


@contextmanager
def nobody_left() -> Iterator[None]:
    """Kill and reap afterwards everything that was started below this process meanwhile.

    For a command that ends soon: it adopts what its descendants leave behind, from now on. What
    it had as a child before, from whoever exec'd it, stays.
    """
    kernel.become_subreaper()
    strangers = frozenset(tree.children(os.getpid()))
    try:
        yield
    finally:
        while _end_children(strangers):
            pass  # those that the dead have left behind are our children now


def _end_children(strangers: Collection[int]) -> bool:
    """Kill and reap our children; False if there is none.

    Only children: while we have not reaped them, their pids are nobody else's.
    """
    killed = [pid for pid in tree.children(os.getpid()) if pid not in strangers and _kill(pid)]
    for pid in killed:
        os.waitpid(pid, 0)
    return bool(killed)


def _kill(pid: int) -> bool:
    try:
        signals.send(pid, Signals.SIGKILL)
    except PermissionError:
        return False  # a program such as sudo, which is another user's
    return True
