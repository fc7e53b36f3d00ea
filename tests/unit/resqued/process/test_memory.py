import logging
import os
import pathlib

import pytest

from resque.worker.recycling import private_memory
from resqued.process import memory
from resqued.process.memory import MeasureError, Memory, measure

#: As the kernel writes it, with lines of newer kernels in it.
ROLLUP = b"""\
55d0c1c5d000-7ffc5b9f1000 ---p 00000000 00:00 0                          [rollup]
Rss:               10240 kB
Pss:                4096 kB
Pss_Dirty:          3072 kB
Pss_Anon:           3000 kB
Shared_Clean:       5120 kB
Shared_Dirty:       2048 kB
Private_Clean:      1024 kB
Private_Dirty:      2048 kB
Referenced:        10240 kB
Anonymous:          4100 kB
SwapPss:               0 kB
Locked:                0 kB
"""


def test_what_the_kernel_writes():
    """Bytes; clean and dirty pages are the same to the machine."""
    assert Memory.parse(ROLLUP) == Memory(
        pss=4096 * 1024, private=3072 * 1024, shared=7168 * 1024, rss=10240 * 1024
    )


@pytest.mark.parametrize("name", ["Pss", "Rss", "Private_Dirty", "Shared_Clean"])
def test_a_number_that_is_missing(name: str):
    """It is named, and nothing is guessed."""
    with pytest.raises(MeasureError, match=f"^smaps_rollup has no {name}$"):
        Memory.parse(ROLLUP.replace(b"\n%s:" % name.encode(), b"\nNo_%s:" % name.encode()))


def test_this_process():
    """By its number it is the same process as without one."""
    own, named = measure(), measure(os.getpid())

    assert own is not None
    assert named is not None
    for found in (own, named):
        assert 0 < found.private <= found.pss <= found.rss
        assert found.private + found.shared == found.rss
    assert abs(own.rss - named.rss) < 2**20


def test_a_process_that_is_gone():
    """It has no memory, which is no mistake: the number is higher than any pid."""
    assert measure(2**22 + 1) is None


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("missing", "memory is measured on Linux only: there is no {path}"),
        ("", "cannot read {path}: Is a directory"),
    ],
)
def test_a_kernel_that_does_not_tell(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    complaint: str,
):
    """The error says why in one line; to a worker it is a warning, and no reason to leave."""
    path = str(tmp_path / name)
    monkeypatch.setattr(memory, "_OWN", path)

    with pytest.raises(MeasureError) as caught:
        measure()

    assert str(caught.value) == complaint.format(path=path)
    with caplog.at_level(logging.WARNING):
        assert private_memory() is None
    assert caplog.messages == [f"The memory of this worker cannot be measured: {caught.value}"]


def test_a_process_that_is_gone_where_the_kernel_never_tells(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    """The file that is not there is not taken for a process that is not."""
    monkeypatch.setattr(memory, "_OWN", str(tmp_path / "missing"))

    with pytest.raises(MeasureError, match="on Linux only"):
        measure(2**22 + 1)
