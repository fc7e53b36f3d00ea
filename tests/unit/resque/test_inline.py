"""Jobs that are performed where they are enqueued."""

import pytest

from resque.application import Application
from resque.client import Resque
from resque.errors import DontPerform, EncodeError, NotAJobError, UnknownJobError


class NoServer:
    """Fails the test when it is asked anything."""

    address = "nowhere"

    def __getattr__(self, name):
        raise AssertionError(f"the server was asked: {name}")


@pytest.fixture
def application():
    """An application that works inline, with a server that must not be asked."""
    made = Application()
    made._client = Resque(NoServer(), made.registry)
    made.inline = True
    return made


@pytest.fixture
def events():
    """What happened."""
    return []


@pytest.fixture
def send(application, events):
    """A job that notes its arguments, and hooks that note that they ran."""

    @application.job(queue="mail", name="send")
    def send(*args):
        events.append(args)
        if args == ("boom",):
            raise ValueError("boom")

    for kind in ("before_enqueue", "after_enqueue", "before_perform", "after_perform"):
        getattr(send, kind)(lambda *_args, kind=kind: events.append(kind))

    @send.on_failure
    def report(error, *args):
        events.append((str(error), *args))

    return send


def test_it_is_off_until_it_is_asked_for():
    """And can be switched off again."""
    application = Application()
    assert application.inline is False
    application.inline = True
    assert application.client.inline is True
    application.client.inline = False
    assert application.inline is False


def test_enqueueing_performs(send, events):
    """All hooks run, the enqueue hooks around the perform hooks; no server is needed."""
    assert send.enqueue(7) is True
    expected = ["before_enqueue", "before_perform", (7,), "after_perform", "after_enqueue"]
    assert events == expected


def test_many_are_performed_in_their_order(application, send, events):
    """As a worker would get to them."""
    assert application.enqueue_many(send.prepare(n) for n in range(3)) == 3
    assert [event for event in events if isinstance(event, tuple)] == [(0,), (1,), (2,)]


def test_arguments_make_the_way_through_json(send, events):
    """The job gets what a worker's job would get: lists for tuples, text for keys."""
    original = ["same?"]
    send.enqueue((1, 2), {3: None}, original)
    ((pair, mapping, copied),) = [event for event in events if isinstance(event, tuple)]
    assert (pair, mapping, copied) == ([1, 2], {"3": None}, original)
    assert copied is not original


def test_what_json_cannot_carry(send, events):
    """It is refused as ever, before any hook has run."""
    with pytest.raises(EncodeError, match=r"args\[1\] is nan"):
        send.enqueue(1, float("nan"))
    assert events == []


def test_a_hook_that_says_no(send, events):
    """The job is not performed."""
    send.before_enqueue(lambda *_args: False)
    assert send.enqueue(7) is False
    assert events == ["before_enqueue"]


def test_a_hook_that_leaves_the_job_out(send, events):
    """It counts as enqueued all the same."""

    @send.before_perform
    def leave_out(*args):
        raise DontPerform

    assert send.enqueue(7) is True
    assert events == ["before_enqueue", "before_perform", "after_enqueue"]


def test_an_error_reaches_who_enqueues(send, events):
    """After the failure hooks, and instead of what would come after."""
    with pytest.raises(ValueError, match=r"^boom$"):
        send.enqueue("boom")
    assert events == ["before_enqueue", "before_perform", ("boom",), ("boom", "boom")]


def test_failure_hooks_run_once(send, events):
    """Also when the error is that of a hook behind the job."""

    @send.after_perform
    def fail(*args):
        raise KeyError("late")

    with pytest.raises(KeyError, match="late"):
        send.enqueue(7)
    assert [event for event in events if isinstance(event, tuple)] == [(7,), ("'late'", 7)]


def test_a_failure_hook_that_raises(send):
    """The job's own error is raised, with a note of the other."""

    @send.on_failure
    def fail(error, *args):
        raise KeyError("hook")

    with pytest.raises(ValueError, match="boom") as caught:
        send.enqueue("boom")
    assert caught.value.__notes__ == [
        "Additional error (KeyError: 'hook') occurred in failure hook fail"
    ]


def test_a_name_must_be_a_jobs(application):
    """Another language's job cannot be performed here."""
    with pytest.raises(UnknownJobError):
        application.enqueue_to("q", "RubyClass", 1)
    with pytest.raises(NotAJobError):
        application.enqueue("RubyClass", 1)


def test_nothing_waits(application, send):
    """So nothing can be taken back."""
    assert application.dequeue(send, 7) == 0
    assert application.dequeue(send) == 0
