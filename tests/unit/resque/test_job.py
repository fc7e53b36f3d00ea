"""What runs when a job is performed: section 6 of the protocol, sentence by sentence."""

import pytest

from resque import perform
from resque.errors import DontPerform, FailureHookError, UnknownJobError
from resque.failure.record import Failure
from resque.job import Job
from resque.payload import Payload
from resque.registry import Registry


class Story:
    """Jobs and hooks that note that they ran, and what they were given."""

    def __init__(self):
        self.events = []

    def __call__(self, name, *, error=None, returns=None):
        """Return a function that notes its name and arguments, then raises or returns."""

        def note(*args):
            self.events.append((name, *args))
            if error is not None:
                raise error
            return returns

        note.__name__ = name
        return note

    def around(self, name, *, goes_on=True, times=1):
        """Return an around hook that notes what the job returned."""

        def hook(go_on, *args):
            self.events.append((f"{name} before", *args))
            results = [go_on() for _ in range(times)] if goes_on else []
            self.events.append((f"{name} after", *results))
            return f"{name} result"

        return hook


@pytest.fixture
def story():
    """What happened."""
    return Story()


@pytest.fixture
def registry():
    """No jobs yet."""
    return Registry()


@pytest.fixture
def declare(registry):
    """Declare a function as the job ``J``."""
    return registry.declare(queue="q", name="J", enqueue=lambda *_: True)


@pytest.fixture
def taken(registry):
    """The job ``J`` with the arguments 7 and "x", as taken from its queue."""
    payload = Payload.decode(b'{"class":"J","args":[7,"x"]}')
    return Job("q", payload, registry)


def declared(declare, story, **how):
    """Return the job, which notes that it is performed."""
    return declare(story("perform", **how))


ARGS = (7, "x")
PERFORMED = ("perform", *ARGS)


def test_hooks_run_around_the_job(declare, story, taken):
    """Before, around, job, after; each with the job's arguments."""
    job = declared(declare, story, returns="result")
    for kind in ("after_perform", "before_perform"):
        getattr(job, kind)(story(f"{kind}_b"))
        getattr(job, kind)(story(f"{kind}_a"))
    job.around_perform(story.around("around"))
    job.on_failure(story("on_failure"))
    assert taken.perform() is True
    assert story.events == [
        ("before_perform_b", *ARGS),
        ("before_perform_a", *ARGS),
        ("around before", *ARGS),
        PERFORMED,
        ("around after", "result"),
        ("after_perform_b", *ARGS),
        ("after_perform_a", *ARGS),
    ]


def test_dont_perform_stops_quietly(declare, story, taken):
    """No later hook runs, and it is no failure."""
    job = declared(declare, story)
    job.before_perform(story("first"))
    job.before_perform(story("second", error=DontPerform()))
    job.before_perform(story("third"))
    job.around_perform(story.around("around"))
    job.after_perform(story("after"))
    job.on_failure(story("on_failure"))
    assert taken.perform() is False
    assert story.events == [("first", *ARGS), ("second", *ARGS)]


@pytest.mark.parametrize("kind", ["around_perform", "after_perform", None])
def test_dont_perform_from_elsewhere_is_an_ordinary_failure(declare, story, taken, kind):
    """Only ``before_perform`` may say so."""
    error = DontPerform("too late")
    job = declared(declare, story, error=None if kind else error)
    if kind:
        getattr(job, kind)(story(kind, error=error))
    with pytest.raises(DontPerform, match="too late"):
        taken.perform()


@pytest.mark.parametrize(
    ("kind", "events"),
    [
        ("before_perform", [("before_perform", *ARGS)]),
        ("after_perform", [PERFORMED, ("after_perform", *ARGS)]),
    ],
)
def test_a_hook_that_raises_fails_the_job(declare, story, taken, kind, events):
    """What it raises is what the job raises; nothing behind it runs."""
    job = declared(declare, story)
    getattr(job, kind)(story(kind, error=ValueError("no")))
    getattr(job, kind)(story("behind it"))
    with pytest.raises(ValueError, match=r"^no$"):
        taken.perform()
    assert story.events == events


def test_a_job_that_raises(declare, story, taken):
    """No ``after_perform`` hook runs, and the around hooks see the error pass."""
    job = declared(declare, story, error=ValueError("no"))

    @job.around_perform
    def around(go_on, *args):
        try:
            return go_on()
        except ValueError as error:
            story.events.append(("around", str(error)))
            raise

    job.after_perform(story("after"))
    with pytest.raises(ValueError, match=r"^no$"):
        taken.perform()
    assert story.events == [PERFORMED, ("around", "no")]


def test_an_around_hook_may_save_the_job(declare, story, taken):
    """It handles what the job raises: the job was not performed, and has not failed."""
    job = declared(declare, story, error=ValueError("no"))

    @job.around_perform
    def around(go_on, *args):
        with pytest.raises(ValueError, match="no"):
            go_on()

    job.after_perform(story("after"))
    assert taken.perform() is False
    assert story.events == [PERFORMED, ("after", *ARGS)]


def test_around_hooks_are_nested(declare, story, taken):
    """The first one is outermost, and gets what the one within returns."""
    job = declared(declare, story, returns="result")
    job.around_perform(story.around("outer"))
    job.around_perform(story.around("inner"))
    assert taken.perform() is True
    assert story.events == [
        ("outer before", *ARGS),
        ("inner before", *ARGS),
        PERFORMED,
        ("inner after", "result"),
        ("outer after", "inner result"),
    ]


def test_an_around_hook_that_does_not_go_on(declare, story, taken):
    """The job is left out, the ``after_perform`` hooks are not."""
    job = declared(declare, story)
    job.around_perform(story.around("around", goes_on=False))
    job.around_perform(story.around("within"))
    job.after_perform(story("after"))
    assert taken.perform() is False
    assert story.events == [("around before", *ARGS), ("around after",), ("after", *ARGS)]


def test_an_around_hook_may_go_on_twice(declare, story, taken):
    """Then the job is performed twice, as in Ruby."""
    job = declared(declare, story, returns=1)
    job.around_perform(story.around("around", times=2))
    assert taken.perform() is True
    assert story.events == [("around before", *ARGS), PERFORMED, PERFORMED, ("around after", 1, 1)]


def test_class_hooks(registry, taken):
    """A class's hooks are found by their names and sorted, a plug-in's among them."""
    events = []

    class Plugin:
        @classmethod
        def before_perform_b_plugin(cls, *args):
            events.append(("b", cls.__name__, *args))

        @staticmethod
        def around_perform_plugin(go_on, *args):
            events.append(("around", *args))
            return go_on()

    @registry.declare(queue="q", name="J", enqueue=lambda *_: True)
    class J(Plugin):
        @classmethod
        def before_perform_c(cls, *args):
            events.append(("c", cls.__name__, *args))

        @classmethod
        def before_perform_a(cls, *args):
            events.append(("a", cls.__name__, *args))

        @classmethod
        def perform(cls, *args):
            events.append(("perform", cls.__name__, *args))

    assert taken.perform() is True
    assert events == [
        ("a", "J", *ARGS),
        ("b", "J", *ARGS),
        ("c", "J", *ARGS),
        ("around", *ARGS),
        ("perform", "J", *ARGS),
    ]


# --- failures


def test_failure_hooks(declare, story, taken):
    """They get the exception, then the arguments, and run when they are called."""
    job = declared(declare, story, error=ValueError("no"))
    job.on_failure(story("first"))
    job.on_failure(story("second"))
    with pytest.raises(ValueError, match="no") as caught:
        taken.perform()
    assert story.events == [PERFORMED]
    taken.run_failure_hooks(caught.value)
    assert story.events == [
        PERFORMED,
        ("first", caught.value, *ARGS),
        ("second", caught.value, *ARGS),
    ]


class Hostile(Exception):  # noqa: N818
    """Has no text."""

    def __str__(self):
        raise RuntimeError


HOSTILE_TEXT = "Hostile: (its text cannot be had: RuntimeError)"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("x"), "Additional error (KeyError: 'x') occurred in failure hook second"),
        (SystemExit(3), "Additional error (SystemExit: 3) occurred in failure hook second"),
        (Hostile(), f"Additional error ({HOSTILE_TEXT}) occurred in failure hook second"),
    ],
)
def test_a_failure_hook_that_raises(declare, story, taken, error, text):
    """It keeps the hooks behind it from running, and the error says which one it was."""
    job = declared(declare, story)
    job.on_failure(story("first"))
    job.on_failure(story("second", error=error))
    job.on_failure(story("third"))
    with pytest.raises(FailureHookError) as caught:
        taken.run_failure_hooks(ValueError("no"))
    assert [event[0] for event in story.events] == ["first", "second"]
    assert (caught.value.hook, caught.value.error) == ("second", error)
    assert caught.value.__cause__ is error
    assert str(caught.value) == text


def test_a_job_that_nobody_declared(registry, taken):
    """Performing it is an error; it has no failure hooks."""
    with pytest.raises(UnknownJobError, match=r"no job is registered as 'J' \(registered: none\)"):
        taken.perform()
    taken.run_failure_hooks(ValueError("no"))


# --- backtraces


def frames(taken):
    """Return the functions that a failure's backtrace names, innermost first."""
    with pytest.raises((ValueError, UnknownJobError)) as caught:
        taken.perform()
    failure = Failure.of(caught.value, below=perform.THIS_FILE)
    return [line.rpartition("`")[2].rpartition(".")[2].rstrip("'") for line in failure.backtrace]


def test_a_backtrace_starts_at_the_job(declare, taken):
    """It has no frame of ours, and none of the around hooks, which is as in Ruby."""

    def helper():
        raise ValueError

    @declare
    def job(*args):
        helper()

    @job.around_perform
    def around(go_on, *args):
        return go_on()

    assert frames(taken) == ["helper", "job"]


@pytest.mark.parametrize("kind", ["before_perform", "around_perform", "after_perform"])
def test_a_backtrace_starts_at_the_hook(declare, taken, kind):
    """A hook that raises is where the failure was."""
    job = declare(lambda *args: None)

    def hook(*args):
        raise ValueError

    getattr(job, kind)(hook)
    assert frames(taken) == ["hook"]


def test_an_unknown_job_has_no_backtrace(taken):
    """No frame of the application's had any part in it."""
    assert frames(taken) == []
