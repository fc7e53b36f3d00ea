"""What resqued is to reach, and whether it has in one run."""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import figures
from benchmarks.contenders.of_resqued import BATCHES, DEFAULT, IN_PROCESS
from benchmarks.results import Results
from benchmarks.tasks import LIMIT


class Verdict(enum.Enum):
    """What has become of a claim."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A value that is to be at least, or at most, a bound."""

    text: str
    unit: str
    value: Callable[[Results], float | None]
    least: float | None = None
    most: float | None = None

    def judge(self, results: Results) -> Verdict:
        """Return whether it holds."""
        value = self.value(results)
        if value is None:
            return Verdict.UNKNOWN
        is_met = (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )
        return Verdict.MET if is_met else Verdict.NOT_MET

    @property
    def bound(self) -> str:
        """What the value is to be, for people."""
        if self.least is not None:
            return f"at least {self.least:,g} {self.unit}".strip()
        return f"at most {self.most:,g} {self.unit}".strip()

    def shown(self, results: Results) -> str:
        """Return what the value is, for people."""
        value = self.value(results)
        return "-" if value is None else f"{figures.rounded(value)} {self.unit}".strip()


def all_claims() -> tuple[Claim, ...]:
    """Return all claims, in the order in which they are shown."""
    return (*_of_throughput(), *_of_latency(), *_of_idle_workers())


def _of_throughput() -> tuple[Claim, ...]:
    per_job, batches, in_process = "Process per job", "50 jobs per fork", "In process"
    return (
        _faster(f"{per_job}, against the bare redis-py loop", DEFAULT, "redis-py-fork", 1.5),
        _faster(f"{per_job}, against RQ's Worker", DEFAULT, "rq-worker", 8),
        _faster(f"{batches}, against RQ's SimpleWorker", BATCHES, "rq-simple", 9),
        _at_rate(batches, BATCHES, 9_000),
        _faster(f"{in_process}, against huey", IN_PROCESS, "huey", 3),
        _at_rate(in_process, IN_PROCESS, 18_000),
        Claim(
            text=f"{per_job}, 100 MB application, of what the machine can fork",
            unit="%",
            value=lambda results: _percent(_rates(results, "throughput-large", DEFAULT, LIMIT)),
            least=75,
        ),
    )


def _of_latency() -> tuple[Claim, ...]:
    in_process, forked = "Enqueue to start, idle, in process", "Enqueue to start, idle, forked"
    return (
        _at_most(f"{in_process}, p50", "latency-idle", IN_PROCESS, "p50", (2, "ms")),
        _at_most(f"{forked}, p99", "latency-idle", DEFAULT, "p99", (10, "ms")),
    )


def _of_idle_workers() -> tuple[Claim, ...]:
    idle, crowd = "Idle workers", "200 idle workers, one queue"
    return (
        _at_most(
            f"{idle}, 20", "twenty-workers", DEFAULT, "commands", (0.05, "commands a second each")
        ),
        _at_most(
            f"{idle}, 200", "200-workers", DEFAULT, "commands", (0.05, "commands a second each")
        ),
        _at_most(crowd, "200-workers", DEFAULT, "commands a job", (8, "commands a job")),
        _at_most(f"{crowd}, enqueue to start, p99", "200-workers", DEFAULT, "p99", (15, "ms")),
        _at_most(f"{idle}, memory (PSS)", "twenty-workers", DEFAULT, "memory", (2.5, "MB each")),
    )


def _faster(text: str, contender: str, other: str, times: float) -> Claim:
    return Claim(
        text=text,
        unit="times",
        value=lambda results: _rates(results, "throughput-bare", contender, other),
        least=times,
    )


def _at_rate(text: str, contender: str, rate: float) -> Claim:
    return Claim(
        text=text,
        unit="jobs a second",
        value=lambda results: results.median("throughput-bare", contender, "rate"),
        least=rate,
    )


def _at_most(text: str, measure: str, contender: str, name: str, most: tuple[float, str]) -> Claim:
    return Claim(
        text=text,
        unit=most[1],
        value=lambda results: results.median(measure, contender, name),
        most=most[0],
    )


def _rates(results: Results, measure: str, contender: str, other: str) -> float | None:
    return figures.ratio(
        results.median(measure, contender, "rate"), results.median(measure, other, "rate")
    )


def _percent(value: float | None) -> float | None:
    return None if value is None else value * 100
