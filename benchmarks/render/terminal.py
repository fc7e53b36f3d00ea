"""What a run has measured, on the terminal."""

from rich import table
from rich.console import Console

from benchmarks.contenders.model import Kind
from benchmarks.render import tables
from benchmarks.render.tables import Table
from benchmarks.results import Results


def show(results: Results, console: Console) -> None:
    """Print the numbers, the tables of ratios and the checklist."""
    for measure in results.measured:
        _print(console, "", tables.numbers(results, measure))
    for kind in Kind:
        base = tables.BASES[kind]
        _print(
            console, f"Jobs a second, {kind.value}; {base} = 1", tables.throughput(results, kind)
        )
    _print(console, "Enqueue to start; resqued in process = 1", tables.latency(results))
    _print(console, "20 workers; resqued = 1", tables.idle_workers(results))
    _print(console, "Checklist", tables.checklist(results))


def _print(console: Console, title: str, content: Table) -> None:
    if not content.rows:
        return
    shown = table.Table(*content.headings, title=title or None, title_justify="left")
    for row in content.rows:
        shown.add_row(*row)
    console.print(shown)
