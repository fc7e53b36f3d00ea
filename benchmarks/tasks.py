"""The measurements of a run, one after the other, so that each round has all of everybody."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from benchmarks import application
from benchmarks.contenders.model import Contender
from benchmarks.errors import MeasureError
from benchmarks.measures import crowd, fleet, latency, throughput
from benchmarks.plan import Plan
from benchmarks.results import Results
from benchmarks.stage import Stage

#: Among the contenders of throughput: forks, and nothing else.
LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Task:
    """One measurement of one contender in one round."""

    measure: str
    contender: str
    run: Callable[[], dict[str, float]]


class Tasks:
    """Makes them; what earlier rounds have measured decides how much work later ones get."""

    def __init__(
        self, plan: Plan, stage: Stage, results: Results, field: dict[str, Contender]
    ) -> None:
        self._plan = plan
        self._stage = stage
        self._results = results
        self._field = field

    def all(self) -> Iterator[Task]:
        """Return the tasks of all rounds, in order."""
        for number in range(self._plan.rounds):
            yield from self._throughput(application.BARE, self._plan.bare)
            yield from self._throughput(application.LARGE, self._plan.large)
            yield from self._latency()
            yield from self._idle_workers(is_first=number == 0)

    def _throughput(self, app: str, names: tuple[str, ...]) -> Iterator[Task]:
        measure = f"throughput-{app}"
        if names:
            yield Task(measure, LIMIT, partial(throughput.limit, app, self._plan.seconds))
        for name in names:
            yield Task(measure, name, partial(self._measure_throughput, measure, name, app))

    def _measure_throughput(self, measure: str, name: str, app: str) -> dict[str, float]:
        contender = self._field[name]
        guess = (
            self._results.median(measure, name, "rate")
            or self._results.median("throughput-bare", name, "rate")
            or contender.guess
        )
        return throughput.measure(self._stage, contender, app, guess * self._plan.seconds)

    def _latency(self) -> Iterator[Task]:
        yield from self._idle_latency("latency-idle", application.BARE, self._plan.latency)
        large = "latency-idle-large"
        yield from self._idle_latency(large, application.LARGE, self._plan.latency_large)
        for name in self._plan.load:
            yield Task("latency-load", name, partial(self._under_load, name))

    def _idle_latency(self, measure: str, app: str, names: tuple[str, ...]) -> Iterator[Task]:
        for name in names:
            run = partial(latency.idle, self._stage, self._field[name], app, self._plan.alone)
            yield Task(measure, name, run)

    def _under_load(self, name: str) -> dict[str, float]:
        rate = self._results.median("throughput-bare", name, "rate")
        if rate is None:
            raise MeasureError("its throughput is not known")
        seconds = self._plan.load_seconds
        return latency.under_load(self._stage, self._field[name], rate / 2, seconds)

    def _idle_workers(self, *, is_first: bool) -> Iterator[Task]:
        rest = self._plan.fleet if is_first else replace(self._plan.fleet, idle=0.0)
        for name in self._plan.twenty:
            run = partial(fleet.measure, self._stage, self._field[name], rest)
            yield Task("twenty-workers", name, run)
        for name in self._plan.crowded if is_first else ():
            contender = self._field[name]
            sample = self._plan.crowd_sample
            run = partial(crowd.measure, self._stage, contender, self._plan.crowd, sample)
            yield Task("200-workers", name, run)
