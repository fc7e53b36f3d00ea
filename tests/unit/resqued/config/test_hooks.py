"""Hooks and the factory: what is recorded, and how hooks are called."""

import functools

import pytest

from resqued.config.hooks import BeforeForkContext, run_hooks
from resqued.config.model import Hooks


class Caller:
    """A hook that is an object."""

    def __init__(self, note):
        self.note = note

    def __call__(self, argument):
        """Note that the object was called."""
        self.note(("call", argument))


#: Makes a hook that notes what it was called with.
HOOK_SHAPES = {
    "none": (lambda note: lambda: note("none"), "none"),
    "one": (lambda note: note, 7),
    "optional": (lambda note: lambda argument="default": note(argument), 7),
    "several": (lambda note: lambda *arguments: note(arguments), (7,)),
    "second optional": (lambda note: lambda argument, _other=None: note(argument), 7),
    "object": (Caller, ("call", 7)),
    "partial": (lambda note: functools.partial(note, 8), 8),
}


@pytest.mark.parametrize(("make", "expected"), HOOK_SHAPES.values(), ids=HOOK_SHAPES)
def test_a_hook_gets_what_it_takes(make, expected):
    """The argument is passed to every hook that can take it, and to no other."""
    seen = []

    def note(thing):
        seen.append(thing)

    run_hooks([make(note)], 7)
    assert seen == [expected]


def test_a_builtin_that_hides_its_signature_gets_the_argument():
    """`int` has no signature to ask, so it is called with the argument."""
    with pytest.raises(ValueError, match="invalid literal"):
        run_hooks([int], "seven")


def test_a_type_error_inside_a_hook_is_not_mistaken_for_its_arity():
    """A hook that fails with TypeError is called once, and its error is the caller's."""
    calls = []

    def hook(argument):
        calls.append(argument)
        raise TypeError("own")

    with pytest.raises(TypeError, match="own"):
        run_hooks([hook], 7)
    assert calls == [7]


def test_the_first_exception_ends_the_round():
    """Hooks run in order up to the one that raises."""
    seen = []

    def fail():
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        run_hooks([lambda: seen.append(1), fail, lambda: seen.append(3)], None)
    assert seen == [1]


HOOKS = """
from pathlib import Path
log = Path("log")
with log.open("a") as file:
    file.write("file {n}\\n")

def note(text):
    with log.open("a") as file:
        file.write(text + "\\n")

@before_fork
def load(resqued):
    resqued.app_version = "v{n}"
    note("before_fork {n}")

@after_fork
def connect():
    note("after_fork {n}")

@after_exit
def report(summary):
    note("after_exit {n} " + summary)

before_fork(lambda: note("second {n}"))
"""


def test_files_run_once_and_hooks_later_in_order(configured, tmp_path):
    """Loading runs each file once and no hook; hooks then run in order, across the files."""
    config = configured(HOOKS.replace("{n}", "1"), HOOKS.replace("{n}", "2"))
    log = tmp_path / "log"
    assert log.read_text().splitlines() == ["file 1", "file 2"]

    context = BeforeForkContext()
    run_hooks(config.hooks.before_fork, context)
    run_hooks(config.hooks.after_fork, "worker")
    run_hooks(config.hooks.after_exit, "summary")
    assert log.read_text().splitlines() == [
        "file 1",
        "file 2",
        "before_fork 1",
        "second 1",
        "before_fork 2",
        "second 2",
        "after_fork 1",
        "after_fork 2",
        "after_exit 1 summary",
        "after_exit 2 summary",
    ]
    assert context.app_version == "v2"


def test_decorators_give_the_function_back(configured):
    """What a decorator registers is still there under its name."""
    configured(
        "def hook(): pass\n"
        "for register in (before_fork, after_fork, after_exit):\n"
        "    assert register(hook) is hook\n"
        "def factory(queues): pass\n"
        "assert worker_factory(factory) is factory\n"
    )


def test_no_hooks_and_no_factory_by_default(configured):
    """A file that sets nothing leaves everything to the defaults."""
    config = configured('worker("a")')
    assert config.hooks == Hooks(before_fork=(), after_fork=(), after_exit=())
    assert config.worker_factory is None
    assert config.boot_timeout is None
    assert config.stop_timeout == 15.0
    assert config.warnings == ()


CLASS_AS_FACTORY = """
class Made(tuple):
    def __new__(cls, queues):
        return tuple.__new__(cls, ("made", queues))

worker_factory(Made)
"""


@pytest.mark.parametrize(
    "text",
    [
        "worker_factory(lambda queues: ('made', queues))",
        "@worker_factory\ndef make(queues):\n    return ('made', queues)",
        "worker_factory(lambda queues: 'first')\nworker_factory(lambda queues: ('made', queues))",
        CLASS_AS_FACTORY,
    ],
    ids=["lambda", "decorator", "the last one", "class"],
)
@pytest.mark.parametrize("workers", ["worker('a', 'b')", "worker_pool(1)\nqueue('a', 'b')"])
def test_the_factory_is_recorded_beside_the_workers(configured, text, workers):
    """The last factory set counts, is not called by the load, and changes no worker."""
    config = configured(f"{text}\n{workers}")
    assert config.worker_factory is not None
    assert config.worker_factory(["a", "b"]) == ("made", ["a", "b"])
    assert [spec.queues for spec in config.workers] == [("a", "b")]


def test_the_factory_of_a_later_file_wins(configured):
    """Several files act as one, so the last factory of all counts."""
    config = configured("worker('a')\nworker_factory(lambda q: 1)", "worker_factory(lambda q: 2)")
    assert config.worker_factory is not None
    assert config.worker_factory([]) == 2


def test_a_factory_alone_defines_no_worker(configured):
    """A factory says how workers are made, not that there are any."""
    assert configured("worker_factory(lambda queues: None)").workers == ()
