import os
import signal

from resqued.process import tree
from resqued.process.tree import Descendant
from tests.support.forks import in_child


def fork_waiting(*, child_too: bool) -> tuple[int, int]:
    """Fork a process that waits, and one below it if asked for; returns their pids."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        below = os.fork() if child_too else 0
        if below or not child_too:
            os.write(writer, str(below).encode())
        signal.pause()
    os.close(writer)
    below = int(os.read(reader, 32))
    os.close(reader)
    return pid, below


def test_who_stands_below_whom():
    """Each is followed by its own; one that has ended is there until it is reaped."""

    def look() -> None:
        one, below = fork_waiting(child_too=True)
        two, _ = fork_waiting(child_too=False)
        os.kill(two, signal.SIGKILL)
        os.waitid(os.P_PID, two, os.WEXITED | os.WNOWAIT)
        own = os.getpid()
        try:
            expected = {one: own, below: one, two: own}
            found = tree.descendants(own)
            assert {each.pid: each.parent for each in found} == expected
            assert found.index(Descendant(below, one)) == found.index(Descendant(one, own)) + 1
            assert sorted(tree.children(own)) == sorted([one, two])
            os.waitpid(two, 0)
            assert tree.children(own) == [one]
        finally:
            for pid in (below, one):
                os.kill(pid, signal.SIGKILL)

    in_child(look)


def test_a_process_without_any():
    """Nor has one that is not there: the number is higher than any pid."""
    assert in_child(lambda: tree.descendants(os.getpid())) == []
    assert tree.descendants(2**22 + 1) == []
