"""resqued beside other job libraries, on this machine, in one run: ``make bench``.

A full run writes benchmarks/results and docs/benchmarks.md; --quick, --only and --json print only.
"""

import argparse
import json
import signal
import sys
from dataclasses import asdict

from rich.console import Console

from benchmarks import plan, results, run
from benchmarks.contenders import field
from benchmarks.program import ROOT
from benchmarks.render import terminal
from benchmarks.results import Results

_RESULTS = ROOT / "benchmarks" / "results"
_DOCS = ROOT / "docs"


def main() -> int:
    """Measure, or render what was measured; 0 unless nothing could be."""
    options = _arguments()
    if options.render:
        _render(_load())
        return 0
    # TERM ends the run as Ctrl-C does: what it has started must be ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    measured = run.run(_plan(options), Console(stderr=True))
    if options.json:
        print(json.dumps(asdict(measured)))
    else:
        terminal.show(measured, Console())
    if not (options.quick or options.only or options.json):
        results.save(measured, _RESULTS)
        _render(measured)
    return 0 if measured.measured else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the most important, in two minutes")
    parser.add_argument("--rounds", type=int, metavar="N", help="5; with --quick 1")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=sorted(field.everyone()))
    parser.add_argument("--json", action="store_true", help="print what was measured as JSON")
    parser.add_argument("--render", action="store_true", help="write the page from the results")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> plan.Plan:
    chosen = plan.quick(options.rounds or 1) if options.quick else plan.full(options.rounds or 5)
    return plan.only(chosen, options.only) if options.only else chosen


def _load() -> Results:
    try:
        return results.load(_RESULTS)
    except FileNotFoundError as error:
        raise SystemExit(f"there are no results to render: {error}") from error


def _render(measured: Results) -> None:
    # Only whoever renders needs what draws.
    from benchmarks.render import document, plots  # noqa: PLC0415

    (_DOCS / "benchmarks.md").write_text(document.document(measured))
    plots.draw(measured, _DOCS / "images")


if __name__ == "__main__":
    sys.exit(main())
