"""docs/processes.md: the tests that it names exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_what_went_wrong_in_the_original_is_pinned():
    """Each row of the table names a test file, and a test or a case in it."""
    page = (ROOT / "docs" / "processes.md").read_text()
    table = page.partition("## Regressions of the original")[2]
    rows = re.findall(r"\| #.*\| `(test_\w+\.py)`: [`\"](.+)[`\"] \|", table)

    assert len(rows) == table.count("| #")
    for file, name in rows:
        (path,) = (ROOT / "tests").rglob(file)
        assert re.search(rf"def {name}\(|\"{name}\":", path.read_text()), f"{file}: {name}"
