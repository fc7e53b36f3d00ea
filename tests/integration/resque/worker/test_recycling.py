"""A worker that has done enough leaves by itself, as after QUIT."""

import signal

import pytest

MB = 2**20


class Listener:
    """Notes what the worker says, in a file."""

    def __init__(self, file):
        self._file = file

    def _note(self, *words):
        with self._file.open("a") as notes:
            notes.write(" ".join(words) + "\n")

    def connected_to(self, url, namespace, failures):
        """Nobody looks at the server here."""

    def known_as(self, name):
        """Be told, and say nothing."""

    def work_begun(self):
        """Be told, and say nothing."""

    def job_started(self, name, queue):
        """Note it."""
        self._note("started", name)

    def job_ended(self, outcome):
        """Be told, and say nothing."""

    def job_finished(self):
        """Note it."""
        self._note("finished")

    def recycled(self, reason):
        """Note it."""
        self._note("recycled", reason)


@pytest.fixture
def start_limited(start_worker, tmp_path):
    """Start a worker with these attributes, and return it and what it has said."""
    file = tmp_path / "said"

    def start(**attributes):
        def prepare(worker):
            worker.job_observer = Listener(file)
            for name, value in attributes.items():
                setattr(worker, name, value)

        return start_worker("q", prepare=prepare), lambda: file.read_text().splitlines()

    return start


@pytest.mark.parametrize("fork_per_job", [True, False])
def test_after_so_many_jobs(application, start_limited, store, fork_per_job):
    """The last one is done and counted, nothing is left of the worker, and the rest waits."""
    job = application.job(queue="q", name="J")(lambda: None)
    for _ in range(5):
        job.enqueue()
    worker, said = start_limited(max_jobs=3, fork_per_job=fork_per_job)
    assert worker.wait() == 0
    assert said()[-3:] == ["started J", "finished", "recycled 3 jobs done (max_jobs)"]
    assert (store.size("q"), store.stats(), store.failures()) == (2, (3, 0), [])
    assert store.worker_ids() == []
    assert worker.log.count("leaves for a fresh one: 3 jobs done (max_jobs)") == 1


def test_after_so_many_seconds_without_a_job(start_limited, store):
    """It does not wait for the end of its pause between two looks."""
    worker, said = start_limited(max_age=1)
    worker.wait_until_idle()
    assert worker.wait() == 0
    assert said() == ["recycled 1 s old (max_age)"]
    assert store.worker_ids() == []


def test_a_job_in_hand_is_finished(application, start_limited, store, held_job):
    """Whatever the worker's age."""
    application.enqueue_to("q", "Held")
    worker, said = start_limited(max_age=0.01)
    held_job.has_begun.wait()
    assert said() == ["started Held"]
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert said() == ["started Held", "finished", "recycled 0 s old (max_age)"]
    assert (store.stats(), store.failures()) == ((1, 0), [])


def test_at_so_much_memory(application, start_limited, store):
    """What a job has left in the worker's own process counts, and what a child had does not."""
    kept = []
    job = application.job(queue="q", name="Leak")(lambda: kept.append(b"x" * (200 * MB)))
    job.enqueue()
    job.enqueue()
    forking, said = start_limited(max_memory=180 * MB)
    forking.wait_until(lambda: store.stats() == (2, 0), "both jobs")
    forking.leave()
    assert "recycled" not in " ".join(said())

    job.enqueue()
    job.enqueue()
    worker, said = start_limited(max_memory=180 * MB, fork_per_job=False)
    assert worker.wait() == 0
    assert said()[-1].endswith(" MB of private memory (max_memory)")
    assert store.size("q") == 1


def test_a_paused_worker_stays(application, start_limited, held_job):
    """Who comes in its place would not be paused. It leaves when it may work again."""
    application.enqueue_to("q", "Held")
    worker, said = start_limited(max_jobs=1)
    held_job.has_begun.wait()
    worker.signal(signal.SIGUSR2)
    held_job.may_go_on.open()
    worker.wait_for_title("Paused")
    assert said() == ["started Held", "finished"]
    worker.signal(signal.SIGCONT)
    assert worker.wait() == 0
    assert said()[-1] == "recycled 1 jobs done (max_jobs)"


def test_a_worker_that_is_told_to_leave_does_just_that(application, start_limited, held_job):
    """It is no recycling, whatever it has done."""
    application.enqueue_to("q", "Held")
    worker, said = start_limited(max_jobs=1)
    held_job.has_begun.wait()
    worker.signal(signal.SIGQUIT)
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert said() == ["started Held", "finished"]
