"""docs/workers.md has the attributes of a worker that are for its users, and as they are."""

import ast
import inspect
import pathlib
import re
import textwrap
from dataclasses import dataclass, fields

import pytest

from resque.environment import WorkerSettings
from resque.worker import Worker

PAGE = (pathlib.Path(__file__).parents[4] / "docs" / "workers.md").read_text(encoding="utf-8")
#: What others than the application's code set, or use, on a worker.
INTERNAL = {"clock", "hooks", "job_observer"}


@dataclass(frozen=True)
class Row:
    """What the page says of one attribute."""

    kind: str
    default: str | None  #: None: it is to be read, not set


def rows() -> dict[str, Row]:
    """Return the rows of both tables, by attribute."""
    section = PAGE.partition("\n## Settings\n")[2].partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:3] == "| `"]
    found = {}
    for name, kind, *rest in lines:
        default = rest[0] if len(rest) > 1 else None
        found[name.strip("`")] = Row(kind.strip("`").replace(r"\|", "|"), default)
    return found


def annotations() -> dict[str, str]:
    """Return the types that the class gives its attributes itself, as it writes them."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(Worker.__init__)))
    own = {
        node.target.attr: ast.unparse(node.annotation)
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute)
    }
    return {field.name: str(field.type) for field in fields(WorkerSettings)} | own


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A worker of which the environment says nothing."""
    for name in set(re.findall(r"`([A-Z_]+)", PAGE)):
        monkeypatch.delenv(name, raising=False)
    return Worker(["high", "low"])


def test_all_attributes_are_listed(worker: Worker):
    """No other than those that are not the application's concern is left out."""
    assert set(rows()) == set(vars(worker)) - INTERNAL


@pytest.mark.parametrize("name", sorted(rows()))
def test_an_attribute(worker: Worker, name: str):
    """It has that type, and that default."""
    row, value = rows()[name], getattr(worker, name)
    simple = re.sub(r"<class '(.*)'>", r"\1", annotations().get(name, type(value).__name__))
    assert row.kind.removesuffix("[str, ...]").replace("resque.pace.", "") == simple
    if row.default is not None:
        assert row.default == (repr(value) if value != "" else '""')
