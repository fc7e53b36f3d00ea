"""Twenty workers: how long they take to start and to reload, and what they cost when idle."""

import statistics
import time
from dataclasses import dataclass

from benchmarks import application
from benchmarks.contenders.model import Contender
from benchmarks.errors import MeasureError
from benchmarks.program import Program
from benchmarks.stage import Stage
from resqued.process.memory import measure as measure_memory
from tests.support import processes
from tests.support.monitor import Monitor

WORKERS = 20
_END = "end of the measurement"


@dataclass(frozen=True, slots=True)
class Rest:
    """How long workers are left alone."""

    settling: float  #: seconds before anything is counted
    idle: float  #: seconds in which commands are counted; 0: they are not


def measure(stage: Stage, contender: Contender, rest: Rest) -> dict[str, float]:
    """Start workers, let them be, and reload them."""
    stage.clear()
    stage.hold(contender, WORKERS)
    with stage.running(contender, WORKERS, application.BARE) as program:
        values = {"start": _seconds_until_ready(stage, contender, program, program.began)}
        stage.wait_for_notes(contender.to_hold(WORKERS), program)
        time.sleep(rest.settling)
        values["memory"] = memory(program)
        if rest.idle:
            values["commands"] = idle_commands(stage, rest.idle) / WORKERS
        if contender.reload is not None:
            values |= _reload(stage, contender, program)
    return values


def memory(program: Program) -> float:
    """Return the mean of the workers' shares of memory (PSS), in megabytes of 1,000,000 bytes."""
    measured = [measure_memory(worker.pid) for worker in program.workers()]
    shares = [memory.pss for memory in measured if memory is not None]
    if not shares:
        raise MeasureError("it has no workers that could be found")
    return statistics.mean(shares) / 1e6


def idle_commands(stage: Stage, seconds: float) -> float:
    """Return how many commands a second the server gets, those of scripts left out."""
    with Monitor(stage.port) as monitor:
        began = time.monotonic()
        time.sleep(seconds)
        stage.client.echo(_END)
        lasted = time.monotonic() - began
        return commands_of(monitor.read_until(_END)) / lasted


def commands_of(seen: list[list[str]]) -> int:
    """Count the commands that came from a client, and not from a script."""
    return sum(words[0] != "lua" for words in seen)


def _reload(stage: Stage, contender: Contender, program: Program) -> dict[str, float]:
    """Reload the workers; returns the seconds, and how few there were meanwhile."""
    stage.forget_notes()
    with stage.prepare(contender, "holds", *stage.held(contender, WORKERS)) as producing:
        former = processes.pids(program.workers())
        began = time.monotonic_ns()
        program.reload()
        fewest = _watch_reload(stage, program, former)
        producing.begin()
        producing.finish()
        return {
            "reload": _seconds_until_ready(stage, contender, program, began),
            "fewest": fewest,
        }


def _watch_reload(stage: Stage, program: Program, former: set[int]) -> int:
    """Wait until all workers are new ones; returns how few there were at any moment."""
    fewest = len(former)

    def is_over() -> bool:
        nonlocal fewest
        now = processes.pids(program.workers())
        fewest = min(fewest, len(now))
        return len(now) >= len(former) and not now & former

    stage.wait_until(is_over, "the end of the reload", program)
    return fewest


def _seconds_until_ready(stage: Stage, contender: Contender, program: Program, began: int) -> float:
    """Return the seconds until so many jobs ran at once that every worker has one."""
    count = contender.at_once(WORKERS)
    started = sorted(note[0] for note in stage.wait_for_notes(count, program))
    return (started[count - 1] - began) / 1e9
