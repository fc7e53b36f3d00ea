"""Tables of ratios, from what a run has measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import claims, figures
from benchmarks.contenders import field
from benchmarks.contenders.model import Contender, Kind
from benchmarks.contenders.of_resqued import DEFAULT, IN_PROCESS
from benchmarks.results import Results
from benchmarks.tasks import LIMIT

#: What contenders of each kind are compared with.
BASES = {Kind.PER_JOB: "redis-py-fork", Kind.SHARED: "redis-py-in-process"}
#: What stands for a value that was not measured.
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Table:
    """Words in rows."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def without_empty(self) -> "Table":
        """Return it without the rows that have nothing but a title."""
        kept = tuple(row for row in self.rows if set(row[1:]) != {NOTHING})
        return Table(self.headings, kept)


@dataclass(frozen=True, slots=True)
class Column:
    """One value of each contender, as a ratio to that of the base."""

    heading: str
    measure: str
    value: str


LATENCY = (
    Column("idle, p50", "latency-idle", "p50"),
    Column("idle, p99", "latency-idle", "p99"),
    Column("idle, 100 MB application, p50", "latency-idle-large", "p50"),
    Column("under load, p50", "latency-load", "p50"),
    Column("under load, p99", "latency-load", "p99"),
)
IDLE = (
    Column("commands a second", "twenty-workers", "commands"),
    Column("memory (PSS)", "twenty-workers", "memory"),
    Column("start", "twenty-workers", "start"),
    Column("reload", "twenty-workers", "reload"),
)


def throughput(results: Results, kind: Kind) -> Table:
    """Return how many jobs a second everyone of a kind does, against the bare loop."""
    headings = ("", "bare", "lowest to highest round", "100 MB application")
    return Table(
        headings,
        tuple(
            (
                title,
                shown(_ratio(results, Column("", "throughput-bare", "rate"), name, BASES[kind])),
                _spread(results, name, BASES[kind]),
                shown(_ratio(results, Column("", "throughput-large", "rate"), name, BASES[kind])),
            )
            for name, title in titles_of(kind).items()
        ),
    ).without_empty()


def latency(results: Results) -> Table:
    """Return how long jobs wait, against resqued without forks."""
    return _against(results, IN_PROCESS, LATENCY).without_empty()


def idle_workers(results: Results) -> Table:
    """Return what twenty workers cost, against resqued's."""
    table = _against(results, DEFAULT, IDLE)
    fewest = [results.median("twenty-workers", one.name, "fewest") for one in libraries()]
    counts = [NOTHING if count is None else f"{count:g} of 20" for count in fewest]
    rows = [(*row, count) for row, count in zip(table.rows, counts, strict=True)]
    return Table((*table.headings, "fewest while it reloads"), tuple(rows)).without_empty()


def checklist(results: Results) -> Table:
    """Return what was to be reached, and whether it is."""
    headings = ("", "to be", "measured", "")
    return Table(
        headings,
        tuple(
            (claim.text, claim.bound, claim.shown(results), claim.judge(results).value)
            for claim in claims.all_claims()
        ),
    )


def numbers(results: Results, measure: str) -> Table:
    """Return the medians of one measure as they are, which mean something on this machine only."""
    measured = results.measured[measure]
    names = sorted({name for values in measured.values() for name in values})
    rows = [
        (contender, *(shown(results.median(measure, contender, name)) for name in names))
        for contender in measured
    ]
    return Table((measure, *names), tuple(rows))


def missing(results: Results) -> Table:
    """Return who could not be measured, and why."""
    rows = [
        (measure, name, reason)
        for measure, reasons in sorted(results.missing.items())
        for name, reason in reasons.items()
    ]
    return Table(("measurement", "contender", "reason"), tuple(rows))


def titles_of(kind: Kind) -> dict[str, str]:
    """Return the titles of everyone whose throughput is compared, by name."""
    titles = {one.name: one.title for one in field.everyone().values() if one.kind is kind}
    if kind is Kind.PER_JOB:
        titles[LIMIT] = "nothing but forks: the limit"
    return titles


def libraries() -> list[Contender]:
    """Return the contenders that are job libraries."""
    return [one for one in field.everyone().values() if not one.is_reference]


def ratios(results: Results, column: Column, names: Sequence[str], base: str) -> list[float | None]:
    """Return a column's ratios."""
    return [_ratio(results, column, name, base) for name in names]


def shown(value: float | None) -> str:
    """Return a ratio, for people."""
    return NOTHING if value is None else figures.rounded(value)


def _against(results: Results, base: str, columns: Sequence[Column]) -> Table:
    rows = [
        (one.title, *(shown(_ratio(results, column, one.name, base)) for column in columns))
        for one in libraries()
    ]
    return Table(("", *(column.heading for column in columns)), tuple(rows))


def _ratio(results: Results, column: Column, name: str, base: str) -> float | None:
    return figures.ratio(
        results.median(column.measure, name, column.value),
        results.median(column.measure, base, column.value),
    )


def _spread(results: Results, name: str, base: str) -> str:
    rates = results.all("throughput-bare", name, "rate")
    middle = results.median("throughput-bare", base, "rate")
    if not rates or not middle:
        return NOTHING
    return f"{figures.rounded(min(rates) / middle)} to {figures.rounded(max(rates) / middle)}"
