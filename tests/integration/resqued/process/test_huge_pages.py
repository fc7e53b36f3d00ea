import errno
import mmap
import platform
import re
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from resqued.process import huge_pages, kernel
from tests.support import interpreters
from tests.support.forks import in_child

MB = 1 << 20
HUGE = 2 * MB
#: Room for a number of huge pages wherever the kernel puts the region.
SIZE = 32 * MB

SETTINGS = Path("/sys/kernel/mm/transparent_hugepage")
RELEASE = tuple(int(number) for number in re.findall(r"\d+", platform.release())[:2])

needs_huge_pages = pytest.mark.skipif(
    RELEASE < (6, 1) or not SETTINGS.exists() or "[never]" in (SETTINGS / "enabled").read_text(),
    reason="this kernel has no huge pages to give",
)


def own_memory(*, step: int) -> mmap.mmap:
    """Return memory of this process alone, of which each ``step``-th page is in use."""
    memory = mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for start in range(0, SIZE, step * mmap.PAGESIZE):
        memory[start] = 1 + start // mmap.PAGESIZE % 255
    return memory


def in_huge_pages() -> int:
    """Return how many bytes of this process's memory are."""
    rollup = Path("/proc/self/smaps_rollup").read_text()
    match = re.search(r"^AnonHugePages: +(\d+) kB$", rollup, re.MULTILINE)
    assert match is not None
    return int(match[1]) * 1024


@needs_huge_pages
def test_full_memory_is_moved_and_keeps_its_content():
    """All of it but for the ends of a region, which fill no huge page; and forks have it so."""

    def body() -> tuple[int, int, bool]:
        memory = own_memory(step=1)
        content = memory[:]
        moved = huge_pages.collapse(time.monotonic)
        return moved, in_child(in_huge_pages), memory[:] == content

    moved, in_fork, is_unchanged = in_child(body)

    assert moved >= SIZE - 2 * HUGE
    assert in_fork >= SIZE - 2 * HUGE
    assert is_unchanged


@needs_huge_pages
def test_memory_that_is_hardly_used_does_not_grow():
    """A huge page is used as a whole; one page in eight is not worth that."""

    def body() -> int:
        before = huge_pages.collapse(time.monotonic)
        memory = own_memory(step=8)
        moved = huge_pages.collapse(time.monotonic)
        memory.close()
        return moved - before

    assert in_child(body) < SIZE // 2


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(
            {"enabled": "always madvise [never]\n", "hpage_pmd_size": "2097152\n"}, id="never"
        ),
        pytest.param({"enabled": "[always] madvise never\n"}, id="no size"),
        pytest.param({}, id="no such kernel"),
    ],
)
def test_nothing_is_done_where_there_are_to_be_none(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The administrator's "never" holds, which the kernel would not ask for here."""
    for name, text in settings.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(huge_pages, "_SETTINGS", str(tmp_path))

    def body() -> int:
        memory = own_memory(step=1)
        moved = huge_pages.collapse(time.monotonic)
        memory.close()
        return moved

    assert in_child(body) == 0


@needs_huge_pages
def test_memory_that_was_only_read_is_not_made_real():
    """All processes share the page of zeros; one page in eight is written to."""

    def body() -> int:
        before = huge_pages.collapse(time.monotonic)
        memory = own_memory(step=8)
        sum(memory[start] for start in range(0, SIZE, mmap.PAGESIZE))
        moved = huge_pages.collapse(time.monotonic)
        memory.close()
        return moved - before

    assert in_child(body) < SIZE // 2


@needs_huge_pages
def test_a_part_that_is_refused_does_not_keep_the_others(monkeypatch: pytest.MonkeyPatch):
    """EAGAIN, for pages that are in use just now."""
    collapse, refused = kernel.collapse, []

    def refuse_every_other(start: int, size: int) -> None:
        if start // size % 2:
            refused.append(start)
            raise BlockingIOError(errno.EAGAIN, "in use")
        collapse(start, size)

    monkeypatch.setattr(kernel, "collapse", refuse_every_other)

    def body() -> tuple[int, int]:
        memory = own_memory(step=1)
        moved = huge_pages.collapse(time.monotonic)
        memory.close()
        return moved, len(refused)

    moved, refusals = in_child(body)
    assert moved >= SIZE // 2 - 2 * HUGE
    assert refusals >= SIZE // HUGE // 2 - 1


def test_a_kernel_that_refuses_everything_is_no_error(monkeypatch: pytest.MonkeyPatch):
    """It is not asked for each part there is."""
    asked = []

    def refuse(start: int, _size: int) -> None:
        asked.append(start)
        raise OSError(errno.EINVAL, "no such advice")

    monkeypatch.setattr(kernel, "collapse", refuse)
    monkeypatch.setattr(huge_pages, "_size", lambda: HUGE)
    monkeypatch.setattr(huge_pages, "_blocks", lambda size: iter(range(0, 1000 * size, size)))
    monkeypatch.setattr(huge_pages, "_is_filled", lambda *_: True)

    assert huge_pages.collapse(time.monotonic) == 0
    assert len(asked) < 100


@pytest.mark.parametrize("hidden", ["/proc/self/pagemap", "/proc/self/maps"])
def test_a_sandbox_that_hides_what_it_needs(hidden: str, monkeypatch: pytest.MonkeyPatch):
    """The application starts all the same."""

    def open_other(path: str, *args: Any, **options: Any) -> Any:
        if path == hidden:
            raise PermissionError(errno.EACCES, "hidden", path)
        return open(path, *args, **options)

    monkeypatch.setattr(huge_pages, "_size", lambda: HUGE)
    monkeypatch.setattr(huge_pages, "open", open_other, raising=False)

    assert huge_pages.collapse(time.monotonic) == 0


#: Puts the interpreter's code into huge pages, and prints how many bytes, how many of them are, and
#: what a bit of everything comes to that runs there afterwards.
CODE = """
import re
from resqued.process import huge_pages

def in_huge_pages():
    with open("/proc/self/smaps_rollup") as file:
        return int(re.search(r"AnonHugePages: +([0-9]+)", file.read())[1]) * 1024

before = in_huge_pages()
blocks = len(list(huge_pages._blocks_of_code(1 << 21))) if huge_pages._is_memory_promised() else 0
copied = huge_pages.copy_code()
assert copied == blocks << 21
print(copied, in_huge_pages() - before)

import decimal, json, os, threading, zlib
done = []
thread = threading.Thread(target=lambda: done.append(json.loads("[1]")))
thread.start()
thread.join()
if os.fork() == 0:
    os._exit(7)
text = b"as before " * 1000
print(done, os.WEXITSTATUS(os.wait()[1]), zlib.decompress(zlib.compress(text)) == text)
print(decimal.Decimal(2).sqrt(), huge_pages.copy_code() in (0, copied))
"""


@needs_huge_pages
def test_code_runs_as_before_from_huge_pages():
    """Where it fills one at all; a second time as well, from the copy."""
    done = interpreters.run(sys.executable, CODE)
    assert (done.returncode, done.stderr) == (0, "")
    sizes, *results = done.stdout.splitlines()
    copied, in_use = map(int, sizes.split())
    assert copied % HUGE == 0
    assert in_use == copied
    assert results == ["[[1]] 7 True", "1.414213562373095048801688724 True"]


@needs_huge_pages
@pytest.mark.parametrize("refused", ["mmap", "madvise", "mprotect", "mremap"])
def test_code_stays_where_a_step_is_refused(refused: str):
    """As systemd's MemoryDenyWriteExecute does; nothing is left over."""
    program = f"""
import os
from resqued.process import huge_pages, kernel
call = kernel._memory_call

def refuse(name, *words):
    if name == "{refused}":
        raise PermissionError(1, "refused")
    return call(name, *words)

kernel._memory_call = refuse
start = 1 << 21
huge_pages._blocks_of_code = lambda size: [(code, bytes(size))]
code = call("mmap", 0, 3 * start, kernel._PROT_RX, kernel._MAP_OWN, -1, 0)
code = -(-code // start) * start
regions = len(open("/proc/self/maps").readlines())
print(huge_pages.copy_code(), len(open("/proc/self/maps").readlines()) - regions)
"""
    done = interpreters.run(sys.executable, program)
    assert (done.stdout, done.stderr) == ("0 0\n", "")


def test_code_that_is_not_as_in_its_file_stays():
    """A breakpoint of the kernel's (uprobe), which only the file's own page knows of."""
    program = """
import ctypes
from resqued.process import huge_pages
before = [block for block, _ in huge_pages._blocks_of_code(1 << 12)]
read = ctypes.string_at
ctypes.string_at = lambda at, size: b"?" + read(at, size)[1:] if at == before[3] else read(at, size)
after = [block for block, _ in huge_pages._blocks_of_code(1 << 12)]
print(set(before) - set(after) == {before[3]})
"""
    done = interpreters.run(sys.executable, program)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_the_beginning_of_the_code_stays():
    """By its name in the map others find the interpreter; and nothing that is written to moves."""
    program = """
import ctypes
from resqued.process import huge_pages
size = 1 << 12  # as if pages were that huge: all that could ever be moved
inside = ctypes.cast(ctypes.pythonapi.PyObject_Call, ctypes.c_void_p).value
maps = huge_pages._mappings()
code = next(each for each in maps if each.start <= inside < each.end)
blocks = [block for block, _ in huge_pages._blocks_of_code(size)]
modes = {each.mode for each in maps for block in blocks if each.start <= block < each.end}
print(blocks[0] == code.start + size, modes <= {"r-xp", "r--p"}, len(blocks) > 100)
"""
    done = interpreters.run(sys.executable, program)
    assert (done.stdout, done.stderr) == ("True True True\n", "")


@pytest.mark.parametrize("setting", ["2\n", None])
def test_code_stays_where_the_kernel_promises_no_memory(
    setting: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It could refuse when the code is gone; the same where it does not tell."""
    if setting is not None:
        (tmp_path / "overcommit").write_text(setting)
    monkeypatch.setattr(huge_pages, "_OVERCOMMIT", str(tmp_path / "overcommit"))
    monkeypatch.setattr(huge_pages, "_size", lambda: HUGE)
    monkeypatch.setattr(kernel, "copy_code", lambda *_: pytest.fail("it is not to be moved"))
    assert huge_pages.copy_code() == 0


def test_no_code_is_moved_where_there_are_to_be_no_huge_pages(monkeypatch: pytest.MonkeyPatch):
    """As with all other memory."""
    monkeypatch.setattr(huge_pages, "_size", lambda: None)
    assert huge_pages.copy_code() == 0


def test_the_kernel_says_why_it_refuses():
    """Memory that is nobody's, or a kernel that does not know the advice."""
    with pytest.raises(OSError, match=r"Cannot allocate memory|Invalid argument"):
        kernel.collapse(HUGE, HUGE)


def test_it_takes_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch):
    """However much there is to look at."""
    looked = []
    seconds = count()
    monkeypatch.setattr(huge_pages, "_size", lambda: HUGE)
    monkeypatch.setattr(huge_pages, "_blocks", lambda size: iter(range(0, 1000 * size, size)))
    monkeypatch.setattr(huge_pages, "_is_filled", lambda *_: looked.append(1))

    assert huge_pages.collapse(lambda: float(next(seconds))) == 0
    assert 0 < len(looked) < 10
