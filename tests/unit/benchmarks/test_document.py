import pathlib
import re

import pytest

from benchmarks import results
from benchmarks.contenders.model import Kind
from benchmarks.render import document, tables
from tests.unit.benchmarks.sample import made_up

ROOT = pathlib.Path(__file__).parents[3]
RESULTS = ROOT / "benchmarks" / "results"


def test_throughput_is_against_the_bare_loop():
    """Medians by the loop's median, rounds by it as well; who was not measured is left out."""
    assert tables.throughput(made_up(), Kind.PER_JOB).rows == (
        ("resqued, its default", "2.00", "1.33 to 2.67", "1.40"),
        ("RQ, Worker", "0.500", "0.333 to 0.667", "-"),
        ("bare redis-py loop, a fork for each job", "1.00", "0.667 to 1.33", "1.00"),
        ("nothing but forks: the limit", "-", "-", "2.00"),
    )


def test_latency_is_against_resqued_in_process():
    """The base is 1.00; the other waits twice as long."""
    rows = {row[0]: row[1:3] for row in tables.latency(made_up()).rows}
    assert rows == {
        "resqued, its default": ("2.00", "2.25"),
        "resqued, fork_per_job off": ("1.00", "1.00"),
    }


def test_idle_workers_have_the_fewest_of_a_reload():
    """A count, since there is no ratio of it."""
    (row,) = tables.idle_workers(made_up()).rows
    assert row == ("resqued, its default", "-", "1.00", "-", "-", "18 of 20")


def test_the_page_has_every_table_whole():
    """Each line of a table has as many cells as its headings, whatever a reason contains."""
    page = document.document(made_up())
    assert "no such option \\| yet" in page
    assert "$" not in page.replace("$ ", "")
    for block in re.findall(r"(?:^\|.*\n?)+", page, re.MULTILINE):
        assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1


@pytest.mark.skipif(not RESULTS.exists(), reason="no results are committed")
def test_the_committed_page_is_that_of_the_committed_results():
    """Whoever changes the template or the results renders the page again."""
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    assert page == document.document(results.load(RESULTS))
