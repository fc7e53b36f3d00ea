"""Samples of a pool whose master does not answer."""

import pathlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from resqued.clock import MonotonicClock
from resqued.control import client
from resqued.health.sample import Sample, Sampler


@pytest.fixture
def hung_master(tmp_path: pathlib.Path) -> Iterator[socket.socket]:
    """Listen, and do nothing else."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "a.sock"))
        listening.listen()
        listening.setblocking(False)
        yield listening


def test_who_comes_meanwhile_shares_the_sample(
    hung_master: socket.socket, monkeypatch: pytest.MonkeyPatch
):
    """One looks for all of them: nobody waits in a line for looks that take their time."""
    monkeypatch.setattr(client, "PATIENCE", 2.0)
    sampler = Sampler(hung_master.getsockname(), MonotonicClock())
    together = Barrier(4)

    def take() -> Sample:
        together.wait()
        return sampler.take()

    with ThreadPoolExecutor(4) as threads:
        samples = [each.result() for each in [threads.submit(take) for _ in range(4)]]

    assert {id(sample) for sample in samples} == {id(samples[0])}
    assert samples[0].status is None
    hung_master.accept()[0].close()
    with pytest.raises(BlockingIOError):
        hung_master.accept()


def test_who_comes_afterwards_has_a_sample_of_its_own(
    hung_master: socket.socket, monkeypatch: pytest.MonkeyPatch
):
    """What was shared is not kept."""
    monkeypatch.setattr(client, "PATIENCE", 0.05)
    sampler = Sampler(hung_master.getsockname(), MonotonicClock())

    assert sampler.take() is not sampler.take()
