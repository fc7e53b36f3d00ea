"""docs/config.md: its examples load, and its messages are the real ones."""

import re
from pathlib import Path

import pytest

from resqued.config.errors import ConfigError
from resqued.config.loader import load

PAGE = (Path(__file__).parents[4] / "docs" / "config.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SHARES = re.findall(
    r"^\| `(queue\(.*?\))` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE
)
MISTAKES = re.findall(r"^\| `(.*?)` \| `config\.py:\d+: (.*?)` \|$", PAGE, re.MULTILINE)


def test_the_page_has_what_is_tested_here():
    """The patterns above still find the examples and the tables."""
    assert (len(EXAMPLES) >= 5, len(SHARES) >= 5, len(MISTAKES) >= 10) == (True, True, True)


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_loads(written, text):
    """Every example on the page is a whole config file without a mistake."""
    written("myapp.py", "class MyWorker:\n    def __init__(self, queues): pass\n")
    assert load([written("config.py", text)]).workers


@pytest.mark.parametrize("row", SHARES)
def test_the_table_of_shares(configured, row):
    """The table's numbers are those of pools of 1, 4, 5 and 20 workers."""
    call, *numbers = row
    for size, number in zip((1, 4, 5, 20), numbers, strict=True):
        workers = configured(f"worker_pool({size})\n{call}").workers
        assert sum(spec.queues == ("low",) for spec in workers) == int(number)


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_the_table_of_mistakes(written, text, message):
    """Each line of the table gives the message beside it."""
    above = "" if "before any" in message else "worker_pool(5)\n"
    with pytest.raises(ConfigError) as caught:
        load([written("config.py", above + text.replace("; ", "\n"))])
    (problem,) = caught.value.problems
    assert re.sub(r"config\.py:\d+", "config.py:1", problem.partition(": ")[2]) == message
