"""A sample as Prometheus wants it (docs/health.md has every name)."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from resqued.backlog.model import Backlog
from resqued.control.status import PoolFigures, PoolStatus, WorkerState
from resqued.figures import MOST_OF_QUEUE, OTHERS, OUTCOMES, JobTally, cut_name
from resqued.health.sample import Sample
from resqued.health.server import Page

_MODES = ("working", "paused", "stopping")
_WORKER_STATES = tuple(state.value for state in WorkerState)
_GENERATION_STATES = ("booting", "owner", "fallback", "superseded", "leaving", "orphaned")
#: A backslash of a name's own that would be taken for the beginning of a character's code; others,
#: as in ``App\Mail``, stay.
_LOOKS_ESCAPED = re.compile(r"\\(?=x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
#: Queues that are shown by name; who names them is whoever may push.
_MOST_QUEUES = 1000


class Metrics:
    """The page of metrics, made anew for each request."""

    def __init__(self, take: Callable[[], Sample]) -> None:
        self._take = take
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def page(self, accept: str) -> Page:
        """Return what is the case now, as text or as OpenMetrics, by what is accepted."""
        try:
            encode, kind = choose_encoder(accept)
        except TypeError:  # of a version that is no number
            encode, kind = choose_encoder("")
        return Page(encode(self._registry), kind=kind)

    def collect(self) -> Iterator[Metric]:
        """Yield everything; called by the registry."""
        sample = self._take()
        yield _gauge("up", "Whether the master has answered", float(sample.status is not None))
        yield _gauge("scrape_seconds", "What it took to find this out", sample.seconds)
        if sample.status is not None:
            yield from _of_pool(sample.status)
        if sample.figures is not None:
            yield from _of_jobs(sample.figures)
            yield from _of_ends(sample.figures)
        if sample.private is not None:
            yield _private(sample.private)
        if sample.status is not None:  # or the server was not looked at
            yield _gauge(
                "server_up", "Whether the queues' server answers", float(sample.backlog is not None)
            )
        if sample.backlog is not None:
            yield from _of_backlog(sample.backlog)


def _of_pool(status: PoolStatus) -> Iterator[Metric]:
    version = InfoMetricFamily("resqued_master", "The running master")
    version.add_metric([], {"version": status.master.version, "pid": str(status.master.pid)})
    yield version
    yield _labelled(
        ("mode", "What the master is about: 1 for one of them", "mode"),
        {mode: float(mode == status.master.mode) for mode in _MODES},
    )
    states = Counter(generation.state for generation in status.generations)
    yield _labelled(
        ("generations", "Generations that have a process", "state"),
        _all_of(_GENERATION_STATES, states),
    )
    workers = Counter(worker.state for each in status.generations for worker in each.workers)
    yield _labelled(
        ("workers", "Workers of all generations, and places that wait for one", "state"),
        _all_of(_WORKER_STATES, workers),
    )
    owner = next((each for each in status.generations if each.state == "owner"), None)
    if owner is not None:
        yield _gauge("generation", "Number of the generation that has the pool", owner.number)
        configured = "Workers that it asks for"
        yield _gauge("workers_configured", configured, owner.configured or 0)
    silent = sum(generation.is_silent for generation in status.generations)
    yield _gauge("listeners_silent", "Listeners that do not answer for long", silent)
    yield CounterMetricFamily(
        "resqued_listener_ends",
        "Listeners that have ended untold, or could not start",
        value=status.listener_ends.count,
    )


def _of_jobs(figures: PoolFigures) -> Iterator[Metric]:
    jobs = CounterMetricFamily(
        "resqued_jobs", "Jobs that have ended", labels=("queue", "job", "outcome")
    )
    times = HistogramMetricFamily(
        "resqued_job_seconds", "How long jobs took", labels=("queue", "job")
    )
    limits = [*map(str, figures.buckets), "+Inf"]
    for kind, tally in _by_labels(figures.jobs).items():
        for outcome in OUTCOMES:
            jobs.add_metric([*kind, outcome], getattr(tally, outcome))
        if len(tally.runs) == len(limits):
            so_far = [sum(tally.runs[: place + 1]) for place in range(len(limits))]
            buckets = list(zip(limits, map(float, so_far), strict=True))
            times.add_metric(kind, buckets, tally.seconds)
    yield jobs
    yield times


def _by_labels(tallies: Iterable[JobTally]) -> dict[tuple[str, str], JobTally]:
    """Return what was counted under each pair of labels: one that comes twice spoils the page."""
    found: dict[tuple[str, str], JobTally] = {}
    for tally in tallies:
        kind = (_label(tally.queue), _label(tally.job))
        found[kind] = found[kind].plus(tally) if kind in found else tally
    return found


def _of_ends(figures: PoolFigures) -> Iterator[Metric]:
    ends = CounterMetricFamily("resqued_worker_ends", "Workers that have ended", labels=("reason",))
    for tally in figures.ends:
        ends.add_metric([_label(tally.reason)], tally.count)
    yield ends
    reloads = SummaryMetricFamily(
        "resqued_reload_seconds", "Reloads that have ended", labels=("outcome",)
    )
    for reload in figures.reloads:
        reloads.add_metric([_label(reload.outcome)], reload.count, reload.seconds)
    yield reloads


def _of_backlog(backlog: Backlog) -> Iterator[Metric]:
    depths: dict[str, float] = {}
    ages: dict[str, float] = {}
    for queue in backlog.queues[:_MOST_QUEUES]:
        name = _queue_label(queue.name)
        depths[name] = depths.get(name, 0.0) + queue.depth
        ages[name] = max(ages.get(name, 0.0), queue.head_age or 0.0)
    rest = backlog.queues[_MOST_QUEUES:]
    if rest:
        depths[OTHERS] = depths.get(OTHERS, 0.0) + sum(queue.depth for queue in rest)
    yield _labelled(("queue_jobs", "Jobs that wait", "queue"), depths)
    yield _labelled(
        ("queue_oldest_seconds", "For how long, at least, the first job has waited", "queue"), ages
    )
    if backlog.failed is not None:
        yield _gauge("failure_records", "Failure records on the server", backlog.failed)


def _all_of(known: Iterable[str], found: Counter[str]) -> dict[str, float]:
    """Return a value for each state, also for those that nobody is in."""
    return {state: float(found[state]) for state in (*known, *(found.keys() - set(known)))}


def _private(private: dict[str, int]) -> Metric:
    what = ("private_memory_bytes", "Memory that no other process has", "role")
    return _labelled(what, {role: float(size) for role, size in private.items()})


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"resqued_{name}", text, value=value)


def _labelled(what: tuple[str, str, str], values: dict[str, float]) -> Metric:
    """Return a gauge with one label: its name, its text, the label; a value for each."""
    name, text, label = what
    family = GaugeMetricFamily(f"resqued_{name}", text, labels=(label,))
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _queue_label(name: str) -> str:
    """Return the label that a queue's jobs are counted under, too, so that both can be joined."""
    return _label(cut_name(name, MOST_OF_QUEUE).decode(errors="replace"))


def _label(text: str) -> str:
    """Return a text with everything unprintable escaped: it is shown on terminals as well.

    Different texts have different labels: a series that comes twice spoils the page.
    """
    unambiguous = _LOOKS_ESCAPED.sub(lambda found: _escape(found[0]), text)
    return "".join(char if char.isprintable() else _escape(char) for char in unambiguous)


def _escape(char: str) -> str:
    r"""Return a character's code in one of the forms ``\x1b``, ``\u202e`` and ``\U000e0001``."""
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
