"""docs/benchmarks.md, from a template and what a run has measured."""

import pathlib
from string import Template

from benchmarks.contenders.model import Kind
from benchmarks.render import tables
from benchmarks.render.tables import Table
from benchmarks.results import Results

_TEMPLATE = pathlib.Path(__file__).with_name("document.md")


def document(results: Results) -> str:
    """Return the whole page."""
    missing = tables.missing(results)
    return Template(_TEMPLATE.read_text()).substitute(
        machine=_machine(results),
        versions=_versions(results),
        rounds=results.plan["rounds"],
        checklist=markdown(tables.checklist(results)),
        per_job=markdown(tables.throughput(results, Kind.PER_JOB)),
        shared=markdown(tables.throughput(results, Kind.SHARED)),
        latency=markdown(tables.latency(results)),
        idle=markdown(tables.idle_workers(results)),
        missing=markdown(missing) if missing.rows else "Nothing.",
    )


def markdown(table: Table) -> str:
    """Return a table in Markdown."""
    lines = [table.headings, tuple("---" for _ in table.headings), *table.rows]
    return "\n".join("| " + " | ".join(_escaped(word) for word in line) + " |" for line in lines)


def _escaped(word: str) -> str:
    return word.replace("|", "\\|")


def _machine(results: Results) -> str:
    facts = [(name, value) for name, value in results.machine.items() if name != "packages"]
    return ", ".join(f"{name}: {value}" for name, value in facts)


def _versions(results: Results) -> str:
    packages = results.machine["packages"]
    assert isinstance(packages, dict)
    return ", ".join(f"{name} {version}" for name, version in packages.items())
