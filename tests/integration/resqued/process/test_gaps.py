"""Forks of a process whose memory is full of gaps, and of one where they are filled."""

import re
import sys

from resqued.process import gaps
from tests.support import interpreters
from tests.support.forks import in_child


def kilobytes(kind: str) -> int:
    """Return how much of this process's memory is of this kind."""
    with open("/proc/self/smaps_rollup") as file:
        found = re.search(rf"^{kind}: +([0-9]+)", file.read(), re.MULTILINE)
    assert found is not None
    return int(found[1])


SIZES = range(1, 1500, 30)


def make_gaps() -> list[list[bytes]]:
    """Return what lies between them: of each size, one in twenty of a thousand is gone."""
    made = [[bytes(size) for _ in range(1000)] for size in SIZES]
    for of_one_size in made:
        del of_one_size[::20]
    return made


def owned_after_allocating() -> int:
    """Return how many kB more a fork owns that makes some objects of each size."""

    def allocate() -> int:
        before = kilobytes("Private_Dirty")
        made = [bytes(size) for size in SIZES for _ in range(10)]
        owned = kilobytes("Private_Dirty") - before
        del made
        return owned

    return in_child(allocate)


def test_what_a_fork_allocates_lies_together():
    """Without, hardly two of them are on one page."""

    def measure() -> tuple[int, int]:
        kept = make_gaps()
        scattered = owned_after_allocating()
        assert gaps.fill() > 0
        together = owned_after_allocating()
        del kept
        return scattered, together

    scattered, together = in_child(measure)
    assert together < scattered * 2 / 3, (scattered, together)


def test_there_are_no_gaps_left_to_fill():
    """A second time finds about as many blocks as it takes to see that."""

    def measure() -> tuple[int, int, int]:
        kept = make_gaps()
        first, before = gaps.fill(), kilobytes("Rss")
        second = gaps.fill()
        del kept
        return first, second, kilobytes("Rss") - before

    first, second, grown = in_child(measure)
    assert second < first / 3, (first, second)
    assert grown < 1024


def test_other_allocators_get_no_more_than_a_few_megabytes():
    """Where no two objects lie side by side, there is no telling when the gaps are filled."""
    program = """
import os
import sys
if "PYTHONMALLOC" not in os.environ:
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[2:]], {"PYTHONMALLOC": "malloc"})
from resource import RUSAGE_SELF, getrusage
from resqued.process import gaps
before = getrusage(RUSAGE_SELF).ru_maxrss
gaps.fill()
print(getrusage(RUSAGE_SELF).ru_maxrss - before)
"""
    done = interpreters.run(sys.executable, program)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) < 16 * 1024
