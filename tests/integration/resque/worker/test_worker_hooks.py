"""Functions that an application has called as its workers go about their work."""

import os
import pathlib
import signal

import pytest

from resque.worker_hooks import Moment, WorkerHooks


@pytest.fixture
def notes(tmp_path):
    """A file that every process of the test appends to."""
    return Notes(tmp_path / "notes")


class Notes:
    """Lines, in the order in which they were written, whoever wrote them."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path

    def add(self, *words: object) -> None:
        """Append a line."""
        with self._path.open("a") as file:
            file.write(" ".join(map(str, words)) + "\n")

    @property
    def lines(self) -> list[str]:
        """What there is so far."""
        return self._path.read_text().splitlines() if self._path.exists() else []


def noting(notes, *, raising=()):
    """Return a preparation that registers a hook for every moment."""

    def prepare(worker):
        worker.hooks = WorkerHooks()
        parent = os.getpid()

        def note(moment, *arguments):
            where = "worker" if os.getpid() == parent else "job"
            notes.add(moment.value, where, *(type(argument).__name__ for argument in arguments))
            if moment in raising:
                raise RuntimeError(f"no {moment.value}")

        for moment in Moment:
            getattr(worker.hooks, moment.value)(lambda *a, moment=moment: note(moment, *a))

    return prepare


@pytest.fixture
def _noted_job(application, notes):
    application.job(queue="q", name="Noted")(lambda: notes.add("the job"))


@pytest.mark.usefixtures("_noted_job")
def test_their_order(start_worker, application, notes):
    """As captured from Ruby, in the process where each belongs (protocol, section 6)."""
    application.enqueue_to("q", "Noted")
    worker = start_worker("q", interval=60, prepare=noting(notes))
    worker.wait_until(lambda: "queue_empty worker" in notes.lines, "the end of the jobs")
    worker.signal(signal.SIGUSR2)
    worker.wait_for_title("Paused")
    worker.signal(signal.SIGCONT)
    worker.wait_until_idle()
    worker.leave()
    assert notes.lines == [
        "before_first_fork worker",
        "before_fork worker Job",
        "after_fork job Job",
        "the job",
        "queue_empty worker",
        "before_pause worker Worker",
        "after_pause worker Worker",
        "shutdown worker",
        "worker_exit worker",
    ]


def test_an_idle_worker_has_not_emptied_its_queues(start_worker, notes):
    """queue_empty is for one that has worked."""
    worker = start_worker("q", interval=0.02, prepare=noting(notes))
    worker.wait_until_idle()
    worker.leave()
    assert notes.lines == ["before_first_fork worker", "shutdown worker", "worker_exit worker"]


@pytest.mark.usefixtures("_noted_job")
def test_without_forks_there_are_no_fork_hooks(start_worker, application, notes):
    """Nothing is forked; the others run."""

    def prepare(worker):
        noting(notes)(worker)
        worker.fork_per_job = False

    application.enqueue_to("q", "Noted")
    assert start_worker("q", interval=0, prepare=prepare).wait() == 0
    assert notes.lines == [
        "before_first_fork worker",
        "the job",
        "queue_empty worker",
        "shutdown worker",
        "worker_exit worker",
    ]


@pytest.mark.usefixtures("_noted_job")
@pytest.mark.parametrize("moment", [Moment.BEFORE_FORK, Moment.AFTER_FORK])
def test_a_raising_fork_hook_fails_the_job(start_worker, application, store, notes, moment):
    """The job is recorded with the hook's error, and the worker goes on."""
    for _ in range(2):
        application.enqueue_to("q", "Noted")
    worker = start_worker("q", interval=0, prepare=noting(notes, raising={moment}))
    assert worker.wait() == 0
    assert [f["error"] for f in store.failures()] == [f"no {moment.value}"] * 2
    assert store.stats() == (2, 2)
    assert "the job" not in notes.lines


@pytest.mark.usefixtures("_noted_job")
def test_other_raising_hooks_are_only_logged(start_worker, application, store, notes):
    """They keep the worker from nothing."""
    others = set(Moment) - {Moment.BEFORE_FORK, Moment.AFTER_FORK}
    application.enqueue_to("q", "Noted")
    worker = start_worker("q", interval=0, prepare=noting(notes, raising=others))
    assert worker.wait() == 0
    assert (store.stats(), store.traces(worker)) == ((1, 0), [])
    for moment in others - {Moment.BEFORE_PAUSE, Moment.AFTER_PAUSE}:
        assert f"A {moment.value} hook failed" in worker.log
