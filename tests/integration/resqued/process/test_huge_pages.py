import mmap
import platform
import re
from pathlib import Path

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
        moved = huge_pages.collapse()
        return moved, in_child(in_huge_pages), memory[:] == content

    moved, in_fork, is_unchanged = in_child(body)

    assert moved >= SIZE - 2 * HUGE
    assert in_fork >= SIZE - 2 * HUGE
    assert is_unchanged


@needs_huge_pages
def test_memory_that_is_hardly_used_does_not_grow():
    """A huge page is used as a whole; one page in eight is not worth that."""

    def body() -> int:
        before = huge_pages.collapse()
        memory = own_memory(step=8)
        moved = huge_pages.collapse()
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
        moved = huge_pages.collapse()
        memory.close()
        return moved

    assert in_child(body) == 0


def test_a_kernel_that_refuses_is_no_error(monkeypatch: pytest.MonkeyPatch):
    """EINVAL from a kernel before 6.1; here for an address that is nobody's."""
    monkeypatch.setattr(huge_pages, "_blocks", lambda size: iter([size]))
    monkeypatch.setattr(huge_pages, "_is_filled", lambda *_: True)

    assert huge_pages.collapse() == 0
    with pytest.raises(OSError, match="Cannot allocate memory"):
        kernel.collapse(HUGE, HUGE)
