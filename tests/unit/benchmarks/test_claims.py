import pytest

from benchmarks.claims import Claim, Verdict, all_claims
from benchmarks.results import Results
from tests.unit.benchmarks.sample import made_up


def verdicts(results: Results) -> dict[str, Verdict]:
    """Return what becomes of each claim."""
    return {claim.text: claim.judge(results) for claim in all_claims()}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Process per job, against the bare redis-py loop", Verdict.MET),  # 2 of 1.5
        ("Process per job, against RQ's Worker", Verdict.NOT_MET),  # 4 of 8
        ("50 jobs per fork, against RQ's SimpleWorker", Verdict.UNKNOWN),
        ("Process per job, 100 MB application, of what the machine can fork", Verdict.NOT_MET),
        ("Enqueue to start, idle, in process, p50", Verdict.MET),
        ("Idle workers, memory (PSS)", Verdict.MET),
    ],
)
def test_a_claim_is_judged_by_the_medians(text, verdict):
    """Ratios are of medians; what was not measured is neither met nor not."""
    assert verdicts(made_up())[text] is verdict


def test_nothing_measured_is_nothing_known():
    """An empty run has no claim that is met."""
    assert set(verdicts(Results()).values()) == {Verdict.UNKNOWN}


@pytest.mark.parametrize(
    ("value", "least", "most", "verdict"),
    [
        (2.0, 2.0, None, Verdict.MET),
        (1.9, 2.0, None, Verdict.NOT_MET),
        (2.0, None, 2.0, Verdict.MET),
        (2.1, None, 2.0, Verdict.NOT_MET),
    ],
)
def test_a_bound_belongs_to_what_it_allows(value, least, most, verdict):
    """Exactly the bound is enough."""
    claim = Claim(text="x", unit="times", value=lambda _: value, least=least, most=most)
    assert claim.judge(Results()) is verdict


def test_a_claim_says_what_it_wants_and_what_it_got():
    """The words of the checklist."""
    claim = Claim(text="x", unit="jobs a second", value=lambda _: 8123.4, least=9000)
    assert claim.bound == "at least 9,000 jobs a second"
    assert claim.shown(Results()) == "8,123 jobs a second"
