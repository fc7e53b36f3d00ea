"""Forks of a process whose memory is full of gaps, and of one where they are filled."""

import sys

from tests.support import interpreters

#: Has gaps: of each of these sizes, one in twenty of a thousand objects is gone.
GAPS = """
from resource import RUSAGE_SELF, getrusage
from resqued.process import gaps

SIZES = range(1, 1500, 30)
made = [[bytes(size) for _ in range(1000)] for size in SIZES]
for of_one_size in made:
    del of_one_size[::20]
"""

#: Prints how many kB more a fork owns that has made some objects of each size: before, and after.
FORKS = """
import os
import re

def owned():
    with open("/proc/self/smaps_rollup") as file:
        return int(re.search(r"Private_Dirty: +([0-9]+)", file.read())[1])

def owned_after_allocating():
    reader, writer = os.pipe()
    if os.fork() == 0:
        before = owned()
        made = [bytes(size) for size in SIZES for _ in range(10)]
        os.write(writer, b"%d" % (owned() - before))
        os._exit(0)
    os.wait()
    return int(os.read(reader, 20))

scattered = owned_after_allocating()
gaps.fill()
print(scattered, owned_after_allocating())
"""


def printed(program: str) -> list[int]:
    """Return the numbers that a program has printed, in an interpreter of its own."""
    done = interpreters.run(sys.executable, program)
    assert (done.returncode, done.stderr) == (0, "")
    return [int(word) for word in done.stdout.split()]


def test_what_a_fork_allocates_lies_together():
    """Without, hardly two of its objects are on one page."""
    scattered, together = printed(GAPS + FORKS)
    assert together < scattered * 2 / 3


def test_there_are_no_gaps_left_to_fill():
    """A second time finds no more blocks than it takes to see that, and the first needs no room."""
    program = """
before = getrusage(RUSAGE_SELF).ru_maxrss
print(gaps.fill(), gaps.fill(), getrusage(RUSAGE_SELF).ru_maxrss - before)
"""
    first, second, grown = printed(GAPS + program)
    assert second < first / 3
    assert grown < 2048


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
    (grown,) = printed(program)
    assert grown < 16 * 1024
