import pytest

from tests.chaos_jobs.account import Account, Kill, Outcome

WORKER, OTHER = 70, 80
START = f"start 1 71 {WORKER}\n"
DONE = "done 1 71\n"
AGAIN = f"start 1 81 {OTHER}\ndone 1 81\n"
#: The worker's end, after its job's start and before anything else.
KILLED = Kill(WORKER, before=len(START), after=len(START))


def outcome_of_one(
    notes: str,
    *exceptions: str,
    kills: tuple[Kill, ...] = (),
    may_repeat: bool = False,
    is_certain: bool = True,
) -> Outcome:
    """Judge the number 1."""
    account = Account(kills, may_repeat=may_repeat)
    account.read_notes(notes.encode())
    for exception in exceptions:
        account.add_failure(1, exception, "Child process 71 ended", WORKER)
    return account.outcomes([1], set() if is_certain else {1})[1]


@pytest.mark.parametrize(
    ("notes", "exceptions", "outcome"),
    [
        (START + DONE, (), Outcome.PERFORMED),
        (START + DONE, ("Resque::DirtyExit",), Outcome.PERFORMED_AND_FAILED),
        (START, ("RuntimeError",), Outcome.RAISED),
        (START, ("Resque::DirtyExit",), Outcome.CUT_OFF),
        ("", ("Resque::DirtyExit",), Outcome.NOT_BEGUN),
        (START, ("Resque::PoisonJob",), Outcome.QUARANTINED),
        (START, ("Resque::PruneDeadWorkerDirtyExit",), Outcome.BEREFT),
        (START, (), Outcome.LOST),
        ("", (), Outcome.LOST),
        (START + AGAIN, (), Outcome.UNEXPLAINED),
        (START + DONE + AGAIN, ("Resque::DirtyExit",), Outcome.UNEXPLAINED),
    ],
)
def test_notes_and_records_say_what_became_of_a_job(
    notes: str, exceptions: tuple[str, ...], outcome: Outcome
):
    """A job that has neither ended nor a record is lost; twice is wrong where nothing repeats."""
    assert outcome_of_one(notes, *exceptions) is outcome


@pytest.mark.parametrize(
    ("notes", "outcome"),
    [("", Outcome.UNSENT), (START, Outcome.LOST), (START + DONE, Outcome.PERFORMED)],
)
def test_a_job_that_was_perhaps_never_enqueued_may_be_missing(notes: str, outcome: Outcome):
    """Once it has begun, it was enqueued."""
    assert outcome_of_one(notes, is_certain=False) is outcome


@pytest.mark.parametrize(
    ("notes", "kill", "outcome"),
    [
        (START + AGAIN, KILLED, Outcome.AGAIN),
        (START + DONE + AGAIN, KILLED, Outcome.TWICE),
        (START + AGAIN, Kill(OTHER, KILLED.before, KILLED.after), Outcome.UNEXPLAINED),
        (START + AGAIN, Kill(WORKER, 1000, 1000), Outcome.UNEXPLAINED),
    ],
)
def test_only_a_kill_of_its_worker_in_between_explains_a_repetition(
    notes: str, kill: Kill, outcome: Outcome
):
    """Neither another worker's end explains it, nor one after it had begun again."""
    assert outcome_of_one(notes, kills=(kill,), may_repeat=True) is outcome


def test_a_kill_of_an_earlier_process_of_the_same_pid_explains_nothing():
    """Pids come round again in a long run."""
    before = "".join(f"start {n} 60 61\ndone {n} 60\n" for n in range(2, 1000))
    kill = Kill(WORKER, before=0, after=0)
    found = outcome_of_one(before + START + AGAIN, kills=(kill,), may_repeat=True)
    assert found is Outcome.UNEXPLAINED


def test_a_job_recorded_as_failed_and_put_back_as_well_is_told_apart():
    """Its worker's death was seen to twice: by two who did not know of each other."""
    account = Account([KILLED], may_repeat=True)
    account.read_notes(AGAIN.encode())
    account.add_failure(1, "Resque::DirtyExit", "Job still being processed", WORKER)
    assert account.outcomes([1], set()) == {1: Outcome.PUT_BACK_TOO}
