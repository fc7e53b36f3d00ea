"""What an application's own tests are given."""

import pathlib
import threading

import pytest

import resque
import resque.testing
from resque.application import APPLICATION, Application
from resque.errors import NotAJobError, UnknownJobError
from resque.registry import Registry


@pytest.fixture
def application():
    """An application whose server is away."""
    made = Application()
    made.connect("redis://127.0.0.1:1")
    return made


@pytest.fixture
def performed():
    """What jobs have done."""
    return []


@pytest.fixture
def send(application, performed):
    """A job; with "more" as its argument it enqueues another."""

    @application.job(queue="mail", name="send")
    def send(*args):
        performed.append(args)
        if args == ("more",):
            send.enqueue("last")
        if args == ("boom",):
            raise ValueError("boom")

    return send


@pytest.fixture
def jobs(application):
    """The recorder."""
    with resque.testing.recorded(application) as jobs:
        yield jobs


def test_jobs_are_recorded(application, send, jobs, performed):
    """In their order, and not performed; equal to what the same call would prepare."""
    assert send.enqueue("a", (1, 2)) is True
    application.enqueue_to("high", send, "b")
    application.client.enqueue_to("low", "RubyClass", 7)
    application.enqueue_many([send.prepare("c"), send.prepare("d")])
    assert [(job.queue, job.name, job.args) for job in jobs] == [
        ("mail", "send", ("a", [1, 2])),
        ("high", "send", ("b",)),
        ("low", "RubyClass", (7,)),
        ("mail", "send", ("c",)),
        ("mail", "send", ("d",)),
    ]
    assert jobs[0] == send.prepare("a", [1, 2])
    assert jobs[0] != send.prepare("a", [1, 3])
    assert jobs[1] != send.prepare("b")
    assert [job.args for job in jobs.of(send)] == [("a", [1, 2]), ("b",), ("c",), ("d",)]
    assert repr(jobs[1]) == "PreparedJob(queue='high', name='send', args=('b',))"
    assert performed == []


def test_enqueue_hooks_run(send, jobs):
    """They can keep a job from being recorded."""
    send.before_enqueue(lambda *args: args != ("no",))
    after = []
    send.after_enqueue(lambda *args: after.append((args, len(jobs))))
    assert (send.enqueue("no"), send.enqueue("yes")) == (False, True)
    assert after == [(("yes",), 1)]


def test_dequeueing_forgets(application, send, jobs):
    """By arguments, by class, and by queue."""
    for word in ("a", "b", "a", "c"):
        send.enqueue(word)
    application.enqueue_to("high", send, "a")
    application.enqueue_to("mail", "Other", "a")
    assert application.dequeue(send, "a") == 2
    assert application.dequeue_from("high", "send", "a") == 1
    assert application.dequeue(send) == 2
    assert [job.name for job in jobs] == ["Other"]


def test_performing_all(send, jobs, performed):
    """Until there is none left, those that jobs have enqueued included."""
    send.enqueue("more")
    send.enqueue("a")
    assert jobs.perform_all() == 3
    assert performed == [("more",), ("a",), ("last",)]
    assert jobs == []
    assert jobs.perform_all() == 0


def test_a_job_that_fails(send, jobs, performed):
    """Its error is the test's, its failure hooks have run, and what is left can go on."""
    reported = []
    send.on_failure(lambda error, *args: reported.append((str(error), args)))
    for word in ("a", "boom", "b"):
        send.enqueue(word)
    with pytest.raises(ValueError, match="boom"):
        jobs.perform_all()
    assert reported == [("boom", ("boom",))]
    assert jobs == [send.prepare("b")]
    assert jobs.perform_all() == 1


def test_a_job_of_another_language(application, jobs):
    """It can be recorded, and not performed."""
    application.enqueue_to("q", "RubyClass")
    with pytest.raises(UnknownJobError):
        jobs.perform_all()
    with pytest.raises(NotAJobError):
        jobs.of("RubyClass")


def test_inline(application, send, performed):
    """Jobs are performed at once within, and not any more behind."""
    with resque.testing.inline(application):
        assert application.inline
        send.enqueue("more")
        assert performed == [("more",), ("last",)]
    assert not application.inline


def test_what_was_there_before_is_put_back(application, send):
    """Within one another, and when the test fails."""
    seen = []

    def fail():
        with resque.testing.recorded(application) as outer:
            with resque.testing.recorded(application) as inner:
                send.enqueue("inner")
            send.enqueue("outer")
            seen.extend((outer, inner))
            raise KeyError

    with resque.testing.inline(application):
        with pytest.raises(KeyError):
            fail()
        assert application.inline
    assert application.registry.delivery is None
    assert [job.args for jobs in seen for job in jobs] == [("outer",), ("inner",)]


def test_clients_made_meanwhile_and_threads_are_meant_too(application, send, jobs):
    """Whoever enqueues, and however it was connected."""
    other = application.connect("redis://127.0.0.1:2", namespace="other")
    thread = threading.Thread(target=other.enqueue, args=(send, "a"))
    thread.start()
    thread.join()
    assert jobs == [send.prepare("a")]


def test_the_example_in_the_documentation(monkeypatch):
    """It runs as it stands, on the functions of the package."""
    monkeypatch.setattr(APPLICATION, "_registry", Registry())
    page = pathlib.Path(__file__).parents[3] / "docs" / "jobs.md"
    (example,) = (
        block.partition("```")[0]
        for block in page.read_text(encoding="utf-8").split("```python\n")[1:]
        if "resque.testing" in block
    )
    names = {}
    exec(example, names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    for test in tests:
        test()
    assert len(tests) == 2
