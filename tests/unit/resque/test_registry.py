import functools
import importlib
import sys

import pytest

from resque.errors import DuplicateJobError, NotAJobError, QueueNameError, UnknownJobError
from resque.job import Job
from resque.payload import Payload
from resque.perform import perform
from resque.registry import JobFunction, Registry, is_queue_name


class Recorder:
    """Takes what would be enqueued."""

    def __init__(self):
        self.enqueued = []

    def __call__(self, job):
        """Remember the job."""
        self.enqueued.append((job.name, job.args))
        return True


@pytest.fixture
def recorder():
    """Where enqueued jobs go."""
    return Recorder()


@pytest.fixture
def registry():
    """No jobs yet."""
    return Registry()


@pytest.fixture
def job(registry, recorder):
    """Declare a job of the queue ``q`` unless another is named."""

    def declare(queue="q", name=None, timeout=None):
        return registry.declare(queue=queue, name=name, enqueue=recorder, timeout=timeout)

    return declare


# --- keywords to positions


def plain(a, b=2, c=3, d=4):
    """Take positions, most of them with defaults."""


def required(a, b):
    """Take two positions."""


def positional_only(a=1, b=2, /, c=3):
    """Take two positions without keywords."""


def several(a, *rest):
    """Take any number of positions."""


def keyword_only(a, b=2, *, key=None):
    """Take a keyword that has no position, if it must be."""


def keyword_only_required(a, *, key):
    """Take a keyword that has no position."""


def options(a, b=2, c=3, **rest):
    """Take any keyword."""


def same_name(a, /, **rest):
    """Take a keyword that is called as a position is."""


def nothing():
    """Take nothing."""


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "expected"),
    [
        (plain, (1,), {}, (1,)),
        (plain, (), {"a": 1}, (1,)),
        (plain, (1,), {"b": 7}, (1, 7)),
        (plain, (), {"b": 7, "a": 1}, (1, 7)),
        (plain, (1, 7), {"c": 8}, (1, 7, 8)),
        # a gap is filled by defaults, and nothing behind the last argument given
        (plain, (1,), {"c": 8}, (1, 2, 8)),
        (plain, (1,), {"d": 9}, (1, 2, 3, 9)),
        (plain, (), {"d": 9, "a": 1, "c": 8}, (1, 2, 8, 9)),
        (plain, (1,), {"c": None}, (1, 2, None)),
        (required, (), {"b": 2, "a": 1}, (1, 2)),
        (positional_only, (), {"c": 8}, (1, 2, 8)),
        (positional_only, (7,), {"c": 8}, (7, 2, 8)),
        (several, (1,), {}, (1,)),
        (several, (1, 2, 3), {}, (1, 2, 3)),
        (several, (), {"a": 1}, (1,)),
        # a keyword that nobody gave is the default's business
        (keyword_only, (1,), {}, (1,)),
        (keyword_only, (), {"b": 7, "a": 1}, (1, 7)),
        (options, (1,), {"c": 8}, (1, 2, 8)),
        (nothing, (), {}, ()),
    ],
)
def test_keywords_are_bound_to_their_positions(job, recorder, function, args, kwargs, expected):
    """The payload gets positions, and defaults only where a later argument was given."""
    job(name="x")(function).enqueue(*args, **kwargs)
    assert recorder.enqueued == [("x", expected)]


def test_a_keyword_of_a_gap_beside_one_that_was_not_given(job, recorder):
    """A keyword-only parameter with a default does not stand in the way of a gap."""

    @job(name="x")
    def function(a, b=2, c=3, *, key=None): ...

    function.enqueue(1, c=8)
    assert recorder.enqueued == [("x", (1, 2, 8))]


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "complaint"),
    [
        (required, (1,), {}, "missing a required argument: 'b'"),
        (required, (), {"b": 2}, "missing a required argument: 'a'"),
        (required, (1, 2, 3), {}, "too many positional arguments"),
        (required, (1, 2), {"c": 3}, "unexpected keyword argument 'c'"),
        (required, (1,), {"a": 1, "b": 2}, "multiple values for argument 'a'"),
        (nothing, (1,), {}, "too many positional arguments"),
        (positional_only, (), {"a": 1}, "'a' parameter is positional only|positional-only.*: 'a'"),
        (keyword_only, (1,), {"key": 5}, "^x: key can only be passed by keyword"),
        (keyword_only_required, (1,), {"key": 5}, "^x: key can only be passed by keyword"),
        (keyword_only_required, (1,), {}, "missing a required.*argument: 'key'"),
        (options, (1,), {"c": 3, "z": 1, "y": 2}, "^x: z, y can only be passed by keyword"),
        (same_name, (1,), {"a": 2}, "^x: a can only be passed by keyword"),
    ],
)
def test_arguments_that_do_not_fit(job, recorder, function, args, kwargs, complaint):
    """They are refused at once, as by a call, and nothing is enqueued."""
    with pytest.raises(TypeError, match=complaint):
        job(name="x")(function).enqueue(*args, **kwargs)
    assert recorder.enqueued == []


def test_a_class_is_bound_without_its_class(job, registry):
    """Positions of a class method start behind ``cls``."""

    @job(name="x")
    class Image:
        @classmethod
        def perform(cls, a, b=2, c=3): ...

    assert registry.definition_of(Image).positions((1,), {"c": 8}) == (1, 2, 8)


# --- declaring


def test_a_function_can_still_be_called(job):
    """A declared function does what it did, and keeps its name, text and source."""

    @job()
    def double(number):
        """Double it."""
        return 2 * number

    assert (double(4), double(number=5)) == (8, 10)
    assert (double.__name__, double.__doc__) == ("double", "Double it.")
    assert isinstance(double, JobFunction)
    assert repr(double) == f"<job {double.definition.name} on q>"


def test_a_class_stays_what_it_is(job):
    """A declared class comes back untouched."""

    class Image:
        @staticmethod
        def perform(number): ...

    assert job()(Image) is Image


def test_the_name_is_module_and_qualname(job, registry):
    """Without a name, the payload's class says where the job is defined."""
    job()(plain)

    class Inner:
        perform = staticmethod(plain)

    job()(Inner)
    place = f"{__name__}.test_the_name_is_module_and_qualname.<locals>.Inner"
    assert registry.names == (f"{__name__}.plain", place)
    assert registry.get(place).perform is plain


def test_a_name_of_its_own(job, registry):
    """A name given is the payload's class, whatever the place."""
    job(name="Mail::Send", queue="mail")(plain)
    found = registry.get("Mail::Send")
    assert (found.name, found.queue, found.perform) == ("Mail::Send", "mail", plain)


class Base:
    """A class method."""

    @classmethod
    def perform(cls, number):
        """Say which class it is."""
        return cls.__name__, number


class StaticBase:
    """A static method."""

    @staticmethod
    def perform(number):
        """Say that it is static."""
        return "static", number


class Inheriting(Base):
    """An inherited class method."""


class InheritingStatic(StaticBase):
    """An inherited static method."""


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Base, ("Base", 7)),
        (StaticBase, ("static", 7)),
        (Inheriting, ("Inheriting", 7)),
        (InheritingStatic, ("static", 7)),
    ],
)
def test_a_class_performs(job, registry, target, expected):
    """Class methods and static methods can be jobs, inherited or not."""
    job(name="x")(target)
    assert registry.get("x").perform(7) == expected


class WithInstanceMethod:
    """A method that wants an instance."""

    def perform(self, number):
        """Do nothing."""


class InheritingInstanceMethod(WithInstanceMethod):
    """An inherited method that wants an instance."""


class WithoutPerform:
    """No perform at all."""


class WithNoCallable:
    """A perform that cannot be called."""

    perform = 7


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        (WithInstanceMethod, "perform must be a class method or static method"),
        (InheritingInstanceMethod, "perform must be a class method or static method"),
        (WithoutPerform, "WithoutPerform has no perform"),
        (WithNoCallable, "WithNoCallable has no perform"),
        (7, "7 is no function and no class"),
        (None, "None is no function and no class"),
        (functools.partial(plain, 1), "has no name of its own; give it name="),
    ],
)
def test_what_cannot_be_a_job(job, registry, target, complaint):
    """It is refused where it is declared, and leaves nothing behind."""
    with pytest.raises(TypeError, match=complaint):
        job()(target)
    assert registry.names == ()


def test_anything_callable_with_a_name_given(job, registry):
    """A callable without a name of its own can be a job under a given one."""
    job(name="x")(functools.partial(plain, 1))
    assert registry.get("x").positions((5,), {}) == (5,)


# --- one name, one job


def first():
    """Do nothing."""


def second():
    """Do nothing, elsewhere."""


@pytest.mark.parametrize(
    "other", [second, StaticBase, functools.partial(second)], ids=["function", "class", "partial"]
)
def test_a_name_is_taken_once(job, registry, other):
    """A second job under a name is refused; the first one stays."""
    job(name="x")(first)
    with pytest.raises(DuplicateJobError, match=r"another job is registered as 'x' already"):
        job(name="x")(other)
    assert registry.get("x").perform is first


def test_two_classes_with_one_inherited_perform(job, registry):
    """Classes are told apart even if they inherit the same method."""
    job(name="x")(Base)
    with pytest.raises(DuplicateJobError):
        job(name="x")(Inheriting)
    assert registry.get("x").perform(1) == ("Base", 1)


def test_one_function_under_two_names(job, registry):
    """A function may be several jobs."""
    job(name="x", queue="a")(first)
    job(name="y", queue="b")(first)
    assert [registry.get(name).queue for name in "xy"] == ["a", "b"]


def test_a_module_that_is_loaded_anew(registry, recorder, tmp_path, monkeypatch):
    """Its jobs replace those of the first load."""
    monkeypatch.syspath_prepend(str(tmp_path))
    source = tmp_path / "reloaded_jobs.py"
    text = (
        "def declare(registry, enqueue):\n"
        "    registry.declare(queue='q', name='x', enqueue=enqueue)(perform)\n"
        "def perform():\n"
        "    return {}\n"
    )
    source.write_text(text.format("'old'"))
    module = importlib.import_module("reloaded_jobs")
    try:
        module.declare(registry, recorder)
        source.write_text(text.format("'reloaded'"))
        importlib.reload(module).declare(registry, recorder)
    finally:
        del sys.modules["reloaded_jobs"]
    assert registry.get("x").perform() == "reloaded"


# --- finding


def test_an_unknown_name(job, registry):
    """The error says what there is instead."""
    with pytest.raises(UnknownJobError, match=r"'z' \(registered: none\)"):
        perform(Payload("z", (), b""), registry)
    job(name="y")(second)
    job(name="x")(first)
    with pytest.raises(UnknownJobError, match=r"'z' \(registered: x, y\)"):
        perform(Payload("z", (), b""), registry)


@pytest.mark.parametrize("target", [first, Base, "x", None, 7, []])
def test_what_was_not_declared(job, registry, target):
    """Only what was declared can be enqueued, not what has the same name."""
    job(name="x")(second)
    with pytest.raises(NotAJobError, match=r"is not declared with @resque\.job"):
        registry.definition_of(target)


def test_a_subclass_is_no_job_by_itself(job, registry):
    """A payload would name its base, whose perform is another."""
    job(name="x")(Base)
    with pytest.raises(NotAJobError):
        registry.definition_of(Inheriting)


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        ("mail", True),
        ("mail:low", True),
        ("hé 世", True),
        ("a b", True),
        ("*", True),
        ("", False),
        ("  ", False),
        ("a,b", False),
        (",", False),
        (None, False),
        (7, False),
        (b"mail", False),
    ],
)
def test_queue_names(job, queue, expected):
    """A queue that an id could not name is refused where the job is declared."""
    assert is_queue_name(queue) is expected
    if not expected:
        with pytest.raises(QueueNameError):
            job(queue=queue)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_that_leaves_no_time(job, timeout):
    """It is refused where the job is declared, too."""
    with pytest.raises(ValueError, match=f"^timeout={timeout} is no number of seconds above 0$"):
        job(timeout=timeout)


def test_a_timeout_is_the_job_s_own(job, registry):
    """Its worker finds it, and None where there is none."""
    job(name="Limited", timeout=1.5)(plain)
    job(name="Free")(required)
    found = {
        name: Job("q", Payload(name, (), b""), registry).timeout
        for name in ("Limited", "Free", "Unknown")
    }
    assert found == {"Limited": 1.5, "Free": None, "Unknown": None}
