"""What a run has measured: values by measure and contender, kept as JSON."""

import json
import pathlib
from dataclasses import dataclass, field

from benchmarks import figures

#: One value for each round, by the value's name.
Values = dict[str, list[float]]


@dataclass(slots=True)
class Results:
    """Filled by a run, read by what shows it."""

    machine: dict[str, object] = field(default_factory=dict)
    plan: dict[str, object] = field(default_factory=dict)
    measured: dict[str, dict[str, Values]] = field(default_factory=dict)  #: measure, contender
    missing: dict[str, dict[str, str]] = field(default_factory=dict)  #: likewise: why

    def add(self, measure: str, contender: str, values: dict[str, float]) -> None:
        """Append what one round has measured."""
        all_values = self.measured.setdefault(measure, {}).setdefault(contender, {})
        for name, value in values.items():
            all_values.setdefault(name, []).append(value)

    def miss(self, measure: str, contender: str, reason: str) -> None:
        """Remember why a contender could not be measured."""
        self.missing.setdefault(measure, {})[contender] = reason

    def is_missing(self, measure: str, contender: str) -> bool:
        """Whether an earlier round has failed."""
        return contender in self.missing.get(measure, {})

    def all(self, measure: str, contender: str, name: str) -> list[float]:
        """Return the values of all rounds."""
        return self.measured.get(measure, {}).get(contender, {}).get(name, [])

    def median(self, measure: str, contender: str, name: str) -> float | None:
        """Return the median of all rounds; None if there is none."""
        return figures.median(self.all(measure, contender, name))


def save(results: Results, folder: pathlib.Path) -> None:
    """Write a file for the run and one for each measure; those of former runs go."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    _write(folder / "run.json", {"machine": results.machine, "plan": results.plan})
    for measure in sorted({*results.measured, *results.missing}):
        measured = results.measured.get(measure, {})
        missing = results.missing.get(measure, {})
        _write(folder / f"{measure}.json", {"measured": measured, "missing": missing})


def load(folder: pathlib.Path) -> Results:
    """Read what ``save`` has written. Raises FileNotFoundError if there is nothing."""
    run = json.loads((folder / "run.json").read_text())
    results = Results(run["machine"], run["plan"])
    for path in sorted(folder.glob("*.json")):
        if path.name != "run.json":
            kept = json.loads(path.read_text())
            if kept["measured"]:
                results.measured[path.stem] = kept["measured"]
            if kept["missing"]:
                results.missing[path.stem] = kept["missing"]
    return results


def _write(path: pathlib.Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")
