"""docs/failures.md: its examples run, one after the other."""

import re
from pathlib import Path

import pytest

from resque.application import APPLICATION
from resque.failure import Requeued
from tests.support.failures import failed_job, numbered

PAGE = (Path(__file__).parents[4] / "docs" / "failures.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def names(monkeypatch, clean_valkey):
    """The names that the examples share, and a server that is theirs."""
    monkeypatch.setenv("REDIS_URL", clean_valkey.url)
    monkeypatch.setattr(APPLICATION, "_client", None)
    return {}


def run(example, names):
    """Run an example."""
    exec(compile(example, "failures.md", "exec"), names)


def test_the_examples(names, capsys):
    """They do what the page says."""
    connecting, looking, mending, reporting = EXAMPLES
    run(connecting, names)
    client = names["client"]
    for number in range(4):
        client.failure_backend.save(numbered(number, "mail", "Mail::Send"))
    client.server.call("RPUSH", client.keys.failed, b"\x1b")

    run(looking, names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "5 4 4"
    assert len(printed) == 2 + 4 + 1
    assert printed[-1].endswith(r"\x1b")

    client.failures.requeue(client.failures.get(1))
    run(mending, names)
    printed = capsys.readouterr().out
    assert printed == f"{Requeued(requeued=2, skipped=2)}\n4\n"
    assert (client.size("mail"), client.failure_count()) == (4, 0)

    run(reporting, names)
    client.close()
    client = names["client"]
    client.failure_backend.save(failed_job(error="x"))
    assert capsys.readouterr().out == "q1: ArgumentError: x\n"
    assert client.failure_count() == 1
    client.close()
