import errno
import mmap
import platform
import re
import time
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from resqued.process import huge_pages, kernel
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
