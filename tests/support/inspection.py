"""The cap and the floor, looked at from outside while a daemon does whatever it does."""

import re
import time
from collections import Counter
from collections.abc import Iterable

from tests.support.daemon import Daemon, Tree
from tests.support.processes import Process

#: Seconds for which the same workers must be too few: who is let through needs a moment until it
#: shows that it works.
_LASTING = 0.25


class Inspector:
    """Looks at a pool as often as it is asked to; raises AssertionError for a broken rule."""

    def __init__(self, daemon: Daemon, *, most: int, least: int = 0, **lists: int) -> None:
        """Expect at most ``most`` workers, of each list no more than named, ``least`` at work."""
        self._daemon = daemon
        self._most = most
        self._least = least
        self._lists = lists
        self.looks = 0

    def look(self) -> Tree:
        """Return the processes as they are, if all is well."""
        tree = self._daemon.tree()
        self.looks += 1
        if self._exceeded(tree.workers):
            self._confirm_too_many(tree)
        if len(at_work(tree)) < self._least:
            self._confirm_too_few(tree)
        return tree

    def _exceeded(self, workers: Iterable[Process]) -> str | None:
        found = lists_of(workers)
        if found.total() > self._most:
            return f"{found.total()} workers"
        over = [name for name, most in self._lists.items() if found[name] > most]
        return f"{found[over[0]]} workers of {over[0]}" if over else None

    def _confirm_too_many(self, tree: Tree) -> None:
        """Count those that a second look finds as well."""
        again = self._daemon.tree()
        before = {(worker.pid, worker.started) for worker in tree.workers}
        both = [worker for worker in again.workers if (worker.pid, worker.started) in before]
        exceeded = self._exceeded(both)
        assert not exceeded, f"{exceeded}:\n{tree}\n{again}"

    def _confirm_too_few(self, tree: Tree) -> None:
        """See whether somebody comes or goes, or begins to work."""
        deadline = time.monotonic() + _LASTING
        pids = {worker.pid for worker in tree.workers}
        while time.monotonic() < deadline:
            again = self._daemon.tree()
            if len(at_work(again)) >= self._least or {w.pid for w in again.workers} != pids:
                return
        raise AssertionError(f"only {len(at_work(tree))} at work:\n{tree}")


def at_work(tree: Tree) -> list[Process]:
    """Return the workers that wait for a job or have one."""
    return tree.titled(r"resque-\S+ (Waiting for|Processing) ")


def lists_of(workers: Iterable[Process]) -> Counter[str]:
    """Count workers by their queues; those that do not show them yet by the empty string."""
    shown = (re.match(r"resque-\S+ (?:Waiting for|Processing) (\S+)", w.title) for w in workers)
    return Counter(found[1] if found else "" for found in shown)


def has_taken_over(daemon: Daemon, number: int) -> bool:
    """Tell whether a generation has replaced all others, and their listeners are gone."""
    listeners = daemon.tree().listeners
    is_alone = len(listeners) == 1 and f" listener #{number} " in listeners[0].title
    return is_alone and f"Generation {number} has taken over" in daemon.log


def wait_for_take_over(daemon: Daemon, number: int) -> Tree:
    """Wait until a generation is the only one."""
    daemon.wait_until(lambda: has_taken_over(daemon, number), f"generation {number} alone")
    return daemon.tree()
