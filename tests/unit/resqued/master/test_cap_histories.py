"""The rules of reload and cap, over whole histories of real master and listeners, simulated."""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from signal import Signals
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resqued.listener import scaling, slots, workers
from resqued.master import cap, generation, generations, places, pool, steering
from tests.support import histories
from tests.support.histories import FAULTS, STEPS, Step
from tests.support.mutation import broken
from tests.support.oracle import Breach

#: How many histories the generator goes through; RESQUED_HISTORIES=100000 for a long look.
COUNT = int(os.environ.get("RESQUED_HISTORIES", "5000"))
#: Histories within which a broken line must have been noticed.
ENOUGH = 6000

STEP = st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 260))
FAULT = st.tuples(st.sampled_from(FAULTS), st.integers(0, 260))

MUTATIONS = [
    (cap, "and alive[queues] < asked_for[queues]", ""),
    (
        cap,
        "room = asked_for.total() - alive.total()",
        "room = asked_for.total() - alive.total() + 1",
    ),
    (cap, "room = asked_for.total() - alive.total()", "room = len(plan.slots) - alive.total()"),
    (cap, "            room -= 1\n", ""),
    (cap, "            alive[queues] += 1\n", ""),
    (cap, "return count - max(1, count // 10)", "return count - max(1, count // 10) - 1"),
    (cap, "serving.total() - 1 < _floor(asked_for.total())", "False"),
    (cap, "not plan.has_place_for(w) and ", ""),
    (cap, "not plan.has_place_for(w) and ", "w.generation != plan.generation and "),
    (cap, "return now - worker.told_at >= BUSY_AFTER", "return True"),
    (cap, "return now - worker.told_at >= BUSY_AFTER", "return False"),
    (cap, "return worker.phase is Phase.READY", "return True"),
    (
        generations,
        "return [worker.live for _, worker in self.workers()]",
        "return [worker.live for _, worker in self.workers() if worker.watch is not None]",
    ),
    (generations, "and not generation.has_untold_workers", ""),
    (places, "if queues is None)", "if False)"),
    (scaling, "            slot.let_go()", "            pass"),
    (scaling, "fitting.pop().want()", "fitting.pop()"),
    (scaling, "fitting.pop().want()", "fitting.pop(0).want()"),
    (scaling, "        if fitting:", "        if False:"),
    (slots, "if self.state is SlotState.CLOSED and self.process is None:", "if False:"),
    (generation, "            self.failed_starts += 1", "            self.failed_starts += 0"),
    (generations, "self.owner, self.fallback = self.fallback, None", "self.fallback = None"),
    (pool, "if slot not in owner.workers", ""),
    (pool, "owner.channel.send(messages.Grant(slot))", "pass"),
    (pool, "generation.channel.send(messages.Retire(leaving.slot))", "pass"),
    (steering, "self._pool.retire()", "pass"),
    (steering, "self._listeners.stop(generation, Signals.SIGQUIT)", "pass"),
    (
        workers,
        "self._channel.send(messages.NotStarted(number))\n                return",
        "return",
    ),
]


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """What thousands of daemons have to say is of no interest."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, max_size=50), st.lists(FAULT, max_size=6), st.sampled_from(histories.ENDINGS))
def test_no_history_breaks_a_rule(steps: list[Step], faults: list[Step], ending: Signals):
    """Whatever happens in whatever order, the rules hold, and in the end the right ones work."""
    histories.run(steps, faults, ending)


@pytest.mark.timeout(900)
def test_no_random_history_breaks_a_rule():
    """The same for histories whose steps come as often as they do in life."""
    share = 250
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as processes:
        for breach in processes.map(_first_breach, range(0, COUNT, share), [share] * COUNT):
            assert not breach, breach


def _first_breach(start: int, count: int) -> str:
    logging.disable(logging.CRITICAL)
    for seed in range(start, start + count):
        try:
            histories.run_seed(seed)
        except Breach as breach:
            return str(breach)
    return ""


@pytest.mark.parametrize(("module", "line", "instead"), MUTATIONS)
def test_a_broken_line_is_noticed(module: ModuleType, line: str, instead: str):
    """The histories above would not pass if the rules were not kept."""
    with broken(module, line, instead):
        assert _first_breach(0, ENOUGH)
