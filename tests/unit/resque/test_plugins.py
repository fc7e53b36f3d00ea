"""What is wrong with a plug-in."""

import pytest

from resque.hooks import KINDS
from resque.plugins import lint


def plugin(*names):
    """Return a class with these methods, and a constant."""
    methods = {name: classmethod(lambda cls: None) for name in names}
    return type("Plugin", (), {"before_perform": "no method", **methods})


@pytest.mark.parametrize("kind", KINDS)
def test_hooks_of_a_name_of_their_own(kind):
    """Nothing is wrong with them."""
    assert lint(plugin(f"{kind}_retry", "perform", "queue", "on_success", "after_fork")) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_bare_hook(kind):
    """A second one would override it unseen."""
    problem = f"has no name of its own, such as {kind}_something"
    assert lint(plugin(f"{kind}_b", kind)) == [f"Plugin.{kind} {problem}"]


@pytest.mark.parametrize("name", ["before_perform_and_perform", "on_failure_of_failure"])
def test_what_rubys_lint_takes_for_bare(name):
    """A name that ends as the hook's does."""
    assert len(lint(plugin(name))) == 1


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("befor_perform_x", "before_perform"),
        ("before_preform", "before_perform"),
        ("around_performe", None),  # is a hook, if an odd one
        ("afterperform", "after_perform"),
        ("before_queue_lock", "before_enqueue"),
        ("before_deque_lock", "before_dequeue"),
        ("on_fail_report", "on_failure"),
        ("on_failur_report", "on_failure"),
        ("on_success", None),
        ("before_save", None),
        ("perform", None),
        ("_befor_perform", None),
    ],
)
def test_a_slip_of_the_pen(name, meant):
    """A name that is nearly a hook's is never called."""
    problem = f"Plugin.{name} is not called by anybody; did you mean {meant}?"
    assert lint(plugin(name)) == ([problem] if meant else [])
