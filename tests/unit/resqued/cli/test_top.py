import pathlib

import pytest

from resqued.cli import top
from resqued.cli.running import Pool
from resqued.cli.target import NoTargetError
from resqued.clock import MonotonicClock
from resqued.control.client import NotRunningError
from tests.support.told_socket import answering


def test_a_master_that_came_back_at_another_socket(tmp_path: pathlib.Path):
    """Without a pidfile it is named after its pid; the pool that was meant is looked for again."""
    places = [str(tmp_path / name) for name in ("1.sock", "2.sock")]
    found: list[str] = []

    def find() -> str:
        if not found:
            raise NoTargetError("none runs")
        return found[-1]

    master = top._Master(Pool(places[0], MonotonicClock(), 2.0), find)
    with answering(places[0], {"who": "first"}):
        assert master.ask("status")["who"] == "first"
    with pytest.raises(NotRunningError, match=r"1\.sock"):
        master.ask("status")
    with answering(places[1], {"who": "second"}):
        found.append(places[1])
        assert master.ask("status")["who"] == "second"
        assert master.ask("status")["who"] == "second"
    with pytest.raises(NotRunningError, match=r"2\.sock"):
        master.ask("status")
