"""Every record that resqued logs has an event, and docs/logs.md has every event, and no other."""

import ast
import json
import pathlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
LEVELS = {
    **{name: name for name in ("debug", "info", "warning", "error", "critical")},
    "exception": "error",
    "log": "",  # it depends
}
#: What a line may have besides the fields of its event.
COMMON = {"time", "level", "event", "pid", "generation", "worker", "logger", "message"}


@dataclass(frozen=True)
class LogCall:
    """One place of src that logs."""

    logger: str
    line: int
    level: str
    text: str | None  #: None: not written there
    event: str | None
    fields: frozenset[str]
    has_traceback: bool

    @property
    def place(self) -> str:
        """Where it is, for who looks for it."""
        return f"{self.logger}:{self.line}"

    def fits(self, message: str) -> bool:
        """Tell whether it can have said this."""
        if self.text is None:
            return True
        parts = re.split(r"%(?:\.\d+)?[sdgrf]", self.text)
        return re.fullmatch(".+".join(map(re.escape, parts)), message, re.DOTALL) is not None


def log_calls() -> Iterator[LogCall]:
    """Yield every call of a module's logger."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parts = path.relative_to(ROOT / "src").with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
            for node in own_nodes(function):
                if is_log_call(node):
                    yield read(name, node, function, tree)


def own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield what stands in a function, but not in one within it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef):
            waiting += ast.iter_child_nodes(node)


def is_log_call(node: ast.AST) -> bool:
    """Tell whether a node is ``log.info(...)`` or the like."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
        and node.func.attr in LEVELS
    )


def read(logger: str, node: ast.AST, function: ast.FunctionDef, tree: ast.Module) -> LogCall:
    """Return what a call says, of which names may stand a few lines above it."""
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Attribute)
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    text = node.args[1 if node.func.attr == "log" else 0]
    fields = content(resolved(keywords.get("extra"), node, function), tree)
    text = resolved(text, node, function) or text
    event = fields.pop("event", None)
    return LogCall(
        logger=logger,
        line=node.lineno,
        level=LEVELS[node.func.attr],
        text=text.value if isinstance(text, ast.Constant) else None,
        event=event.value if isinstance(event, ast.Constant) else None,
        fields=frozenset(fields) - COMMON,
        has_traceback=node.func.attr == "exception" or "exc_info" in keywords,
    )


def resolved(value: ast.expr | None, call: ast.Call, function: ast.FunctionDef) -> ast.expr | None:
    """Return what a local name was last assigned before the call; anything else as it is."""
    if not isinstance(value, ast.Name):
        return value
    found = [
        node
        for node in own_nodes(function)
        if isinstance(node, ast.Assign)
        and node.lineno < call.lineno
        and [ast.unparse(target) for target in node.targets] == [value.id]
    ]
    return max(found, key=lambda node: node.lineno).value if found else None


def content(value: ast.expr | None, tree: ast.Module) -> dict[str, ast.expr]:
    """Return the entries of a dict that is written out, with those of one that a function makes."""
    entries: dict[str, ast.expr] = {}
    if isinstance(value, ast.Dict):
        for key, entry in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant):
                entries[key.value] = entry
            else:
                assert isinstance(entry, ast.Call), ast.unparse(entry)
                entries |= content(returned(ast.unparse(entry.func), tree), tree)
    return entries


def returned(name: str, tree: ast.Module) -> ast.expr | None:
    """Return what a function of the module returns in its last line."""
    (function,) = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
    last = function.body[-1]
    return last.value if isinstance(last, ast.Return) else None


CALLS = list(log_calls())
BY_EVENT: dict[str, list[LogCall]] = defaultdict(list)
for call in CALLS:
    if call.event is not None:
        BY_EVENT[call.event].append(call)
#: The tables' rows: an event, and its level.
ROWS = re.findall(r"^\| `([a-z_]+)` \| (\w+) \| ", PAGE, re.MULTILINE)
#: The examples, but for the first block, which explains the line.
EXAMPLES = [
    json.loads(line)
    for block in re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1:]
    for line in block.splitlines()
]


def test_every_record_has_an_event():
    """Written out, so that it can be searched for."""
    assert len(CALLS) > 50
    assert [call.place for call in CALLS if call.event is None] == []


def test_nothing_logs_in_another_way():
    """No module has a logger by another name, or logs without one."""
    for path in (ROOT / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^(?!log = ).*getLogger\(__name__\)", text, re.MULTILINE), path
        assert not re.search(r"logging\.(debug|info|warning|error|exception|log)\(", text), path


def test_the_page_has_every_event_and_no_other():
    """Once in a table, and once as an example; names are words joined by underscores."""
    rows = [event for event, _ in ROWS]
    examples = [example["event"] for example in EXAMPLES]

    assert sorted(rows) == sorted(BY_EVENT)
    assert sorted(examples) == sorted(BY_EVENT)
    assert rows == examples
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize(("event", "level"), ROWS, ids=[event for event, _ in ROWS])
def test_an_event_is_what_the_page_says(event: str, level: str):
    """Its level, its logger, its text and its fields are those of a place that logs it."""
    (example,) = (e for e in EXAMPLES if e["event"] == event)
    calls = [call for call in BY_EVENT[event] if call.logger == example["logger"]]
    fitting = [call for call in calls if call.fits(example["message"])]

    assert fitting, [call.text for call in calls]
    assert example["level"] == level
    assert level in {call.level or level for call in fitting}
    own = set(example) - COMMON - {"traceback"}
    assert own in [set(call.fields) for call in fitting]
    assert list(example)[:2] == ["time", "level"]


@pytest.mark.parametrize("event", sorted(BY_EVENT))
def test_the_page_names_every_field_of_an_event(event: str):
    """Also those that only some of the places have that log it."""
    (row,) = re.findall(rf"^\| `{event}` \| .*", PAGE, re.MULTILINE)
    named = set(re.findall(r"`([a-z_]+)`", row)) - {event}

    assert named == set().union(*(call.fields for call in BY_EVENT[event]))
