"""Where a job's hooks are found."""

import pytest

from resque.hooks import KINDS, Hooks
from resque.registry import Registry


def names(target, kind):
    """Return the names of a class's hooks, in the order in which they run."""
    return [hook.name for hook in Hooks.of_class(target).of(kind)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_is_a_method_whose_name_starts_with_the_kind(kind):
    """Sorted by name, whatever order they are written in; other names mean nothing."""

    class Job:
        pass

    for name in (f"{kind}_b", f"{kind}_a", f"my_{kind}", kind, kind[:-1], f"{kind}9"):
        setattr(Job, name, staticmethod(lambda: None))
    assert names(Job, kind) == [kind, f"{kind}9", f"{kind}_a", f"{kind}_b"]
    assert [other for other in KINDS if names(Job, other)] == [kind]


class Plugin:
    """Hooks for other classes."""

    @classmethod
    def before_perform_plugin(cls, *args):
        """Say for which class."""
        return cls.__name__, args

    @staticmethod
    def after_perform_plugin(*args):
        """Say the arguments."""
        return args


def test_hooks_are_inherited():
    """A class method is bound to the job's class, and a static method to nothing."""

    class Job(Plugin):
        after_perform_timeout = 5  # no method, so no hook

    hooks = Hooks.of_class(Job)
    assert [hook.call(7) for hook in hooks.of("before_perform")] == [("Job", (7,))]
    assert [hook.call(7) for hook in hooks.of("after_perform")] == [(7,)]


def test_a_class_may_name_its_hooks_itself():
    """Then these are all that it has; other names in the list mean nothing."""

    class Job(Plugin):
        @classmethod
        def hooks(cls):
            return ["before_perform_plugin", "perform"]

    assert names(Job, "before_perform") == ["before_perform_plugin"]
    assert names(Job, "after_perform") == []


@pytest.mark.parametrize("name", ["before_perform_x", "hooks", "perform"])
def test_a_hook_that_needs_an_instance(name):
    """There is no instance to call it on, so it is refused where the class is declared."""

    class Job:
        @classmethod
        def perform(cls): ...

    setattr(Job, name, lambda self: None)
    with pytest.raises(TypeError, match=rf"Job\.{name} must be a class method or static method"):
        Registry().declare(queue="q", name="x", enqueue=lambda *_: True)(Job)


def test_a_list_that_names_what_is_not_there():
    """It is refused where the class is declared."""

    class Job:
        @staticmethod
        def hooks():
            return ["before_perform_x"]

    with pytest.raises(AttributeError, match="before_perform_x"):
        Hooks.of_class(Job)


@pytest.mark.parametrize("kind", KINDS)
def test_a_functions_hooks_run_in_the_order_of_their_declaration(kind):
    """A decorator for each kind, which leaves the hook what it is."""

    def job(): ...

    def b(*args): ...

    def a(*args): ...

    declared = Registry().declare(queue="q", name="x", enqueue=lambda *_: True)(job)
    assert getattr(declared, kind)(b) is b
    assert getattr(declared, kind)(a) is a
    hooks = declared.definition.hooks
    assert [(hook.name, hook.call) for hook in hooks.of(kind)] == [("b", b), ("a", a)]
    assert [other for other in KINDS if hooks.of(other)] == [kind]


@pytest.mark.parametrize(
    ("answers", "allowed"),
    [
        ([], True),
        ([None], True),
        ([0, "", [], None], True),
        ([True, False], False),
        ([False, True], False),
    ],
)
def test_only_false_itself_says_no(answers, allowed):
    """All hooks run whatever the others answer."""
    hooks, asked = Hooks(), []

    def hook(answer):
        def ask(*args):
            asked.append(args)
            return answer

        return ask

    job = Registry().declare(queue="q", name="x", enqueue=lambda *_: True)(lambda: None)
    for answer in answers:
        job.before_enqueue(hook(answer))
    hooks = job.definition.hooks
    assert hooks.allow("before_enqueue", (7, "x")) is allowed
    assert asked == [(7, "x")] * len(answers)


async def coroutine(*args):
    """Do nothing when called."""


def generator(*args):
    """Do nothing when called."""
    yield


async def asyncgen(*args):
    """Do nothing when called."""
    yield


@pytest.mark.parametrize("function", [coroutine, generator, asyncgen])
def test_what_runs_nothing_when_it_is_called(function):
    """Neither a job nor a hook: it would be left out, and nobody would notice."""
    declare = Registry().declare(queue="q", name="x", enqueue=lambda *_: True)
    complaint = rf"^{function.__name__} is a {function.__name__} function, of which a call runs"
    with pytest.raises(TypeError, match=complaint):
        declare(function)
    job = declare(lambda: None)
    with pytest.raises(TypeError, match=complaint):
        job.around_perform(function)
    methods = {"perform": staticmethod(lambda: None), "around_perform_x": classmethod(function)}
    with pytest.raises(TypeError, match="around_perform_x is a "):
        declare(type("Job", (), methods))
