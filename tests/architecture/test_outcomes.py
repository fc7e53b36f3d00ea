"""The words for a job's end, which both packages have, as neither may import the other's."""

from resque.worker import performing
from resqued import figures


def test_the_daemon_counts_what_its_default_workers_tell():
    """Another word would be refused by the ledger that a worker counts its jobs in."""
    told = (performing.PERFORMED, performing.FAILED, performing.CUT_OFF)

    assert told == (figures.PERFORMED, figures.FAILED, figures.CUT_OFF) == figures.OUTCOMES
