"""assert_resqued: what it runs, what it finds, and what it leaves behind."""

import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resque.worker import Worker
from resqued.config.errors import ConfigError
from resqued.config.model import Config
from resqued.testing import FakeWorker, assert_resqued

PAGE = (Path(__file__).parents[3] / "docs" / "config.md").read_text()


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test works in an empty folder and leaves no module behind."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def written() -> Callable[[str, str], str]:
    """Write a file below the test's folder and return its name."""

    def write(name: str, text: str) -> str:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
        return name

    return write


def problems(*paths: str) -> list[str]:
    """Return the lines with which the files are refused."""
    with pytest.raises(AssertionError) as caught:
        assert_resqued(*paths)
    return str(caught.value).splitlines()


NOTING = """
seen = []

@before_fork
def load(resqued):
    resqued.app_version = "1"
    seen.append(type(resqued).__name__)

@after_fork
def connect(worker):
    seen.append((type(worker).__name__, worker.queues))

@after_fork
def plain():
    seen.append("plain")

@after_exit
def report(summary):
    seen.append((summary.queues, summary.alive_time_sec, str(summary.process_status)))

class Mine:
    def __init__(self, queues):
        self.queues = queues
    def work(self, interval):
        raise AssertionError("nothing works here")
"""
WORKERS = "worker_pool(3, 'a')\nqueue('b', count=1)\n"


def test_every_hook_runs_as_it_would(written):
    """Once before the fork, then for each list of queues with the worker that is built for it."""
    config = assert_resqued(written("c.py", f"{NOTING}worker_factory(Mine)\n{WORKERS}"))

    assert hooked(config)["seen"] == [
        "BeforeForkContext",
        ("Mine", ["a", "b"]),
        "plain",
        (("a", "b"), 1.5, "exit status 0"),
        ("Mine", ["a"]),
        "plain",
        (("a",), 1.5, "exit status 0"),
    ]


def test_the_configuration_is_returned(written):
    """A test can look at the workers; several files are one configuration, of any kind of path."""
    first = written("config/first.py", "worker_pool(2, 'a', interval=1)\n")

    config = assert_resqued(first, Path(written("second.py", "queue('b', count=1)")).absolute())

    assert [spec.queues for spec in config.workers] == [("a", "b"), ("a",)]
    assert {spec.interval for spec in config.workers} == {1.0}


def test_without_a_factory_no_server_is_needed(written, monkeypatch: pytest.MonkeyPatch):
    """Hooks get a stand-in that has what the default worker has, and that nothing comes of."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    text = (
        "@after_fork\n"
        "def adjust(worker):\n"
        "    worker.term_timeout = 10\n"
        "    worker.client.enqueue_to('a', 'Job', 1)\n"
        "    worker.client.server.call('PING')\n"
        "    seen.append(worker)\n"
        "seen = []\n"
        "worker('a', 'b')\n"
    )

    (worker,) = hooked(assert_resqued(written("c.py", text)))["seen"]

    assert isinstance(worker, FakeWorker)
    assert worker.patterns == ("a", "b")
    worker.work(5)
    assert worker.client.method_calls


def test_the_stand_in_has_the_attributes_of_the_default_worker():
    """What a hook may use in production, it may use in the test, and nothing else."""
    real, fake = Worker(["a", "b"]), FakeWorker(["a", "b"])

    assert vars(fake).keys() >= vars(real).keys()
    assert (fake.id, fake.patterns, fake.term_timeout) == (
        real.id,
        real.patterns,
        real.term_timeout,
    )
    with pytest.raises(AttributeError):
        fake.term_timout  # noqa: B018


def test_hooks_are_tried_without_any_worker_as_well(written):
    """An emptied pool's hooks are run for a worker of all queues."""
    config = assert_resqued(written("c.py", f"{NOTING}worker_factory(Mine)\nworker_pool(0)\n"))

    assert ("Mine", ["*"]) in hooked(config)["seen"]


def test_mistakes_in_a_file_are_its_problems(written):
    """They are told as the daemon tells them, with the original exception behind them."""
    path = written("c.py", "worker('')\nworker('a', interval=-1)\nimport nowhere\n")

    with pytest.raises(AssertionError) as caught:
        assert_resqued(path)

    assert str(caught.value).splitlines() == [
        'c.py:1: worker(""): a queue\'s name cannot be empty',
        "c.py:2: worker(interval=-1): must be a number of seconds from 0 to 1000000",
        "c.py:3: ModuleNotFoundError: No module named 'nowhere'",
    ]
    shown = "".join(traceback.format_exception(caught.value))
    assert 'File "c.py", line 3, in <module>\n    import nowhere\n' in shown


def test_a_file_that_is_not_there():
    """Its name is told; so is that none was named."""
    assert problems("config/c.py") == ["config/c.py: there is no such file"]
    assert problems() == ["no config file was given"]


ALL_FAIL = """
import myapp

@before_fork
def load():
    raise LookupError("first")

@before_fork
def load_more():
    myapp.fail()

@after_fork
def connect(worker):
    raise SystemExit(3)

@after_exit
def report(summary):
    summary.nonsense

worker_pool(3, "a")
queue("b", count=1)
"""


def test_all_that_fails_is_told_at_once(written):
    """Each hook's failure is a line with its file and line, once, however many workers it hits."""
    written("myapp.py", "def fail():\n    return 1 / 0\n")

    with pytest.raises(AssertionError) as caught:
        assert_resqued(written("c.py", ALL_FAIL))

    assert str(caught.value).splitlines() == [
        "c.py:6: before_fork: LookupError: first",
        "c.py:10: before_fork: ZeroDivisionError: division by zero (raised in myapp.py:2)",
        "c.py:14: after_fork: SystemExit: 3",
        "c.py:18: after_exit: AttributeError: 'WorkerSummary' object has no attribute 'nonsense'",
    ]
    cause = caught.value.__cause__
    assert isinstance(cause, BaseExceptionGroup)
    assert [type(error) for error in cause.exceptions] == [
        LookupError,
        ZeroDivisionError,
        SystemExit,
        AttributeError,
    ]
    shown = "".join(traceback.format_exception(caught.value))
    assert 'File "c.py", line 6, in load\n' in shown
    assert re.search(r'File ".*/myapp.py", line 2, in fail\n', shown)


def test_one_failure_is_chained_as_it_is(written):
    """Its traceback begins in the config file, not in what called it."""
    path = written("c.py", "@before_fork\ndef load():\n    {}['a']\nworker()\n")

    with pytest.raises(AssertionError) as caught:
        assert_resqued(path)

    cause = caught.value.__cause__
    assert type(cause) is KeyError
    assert [frame.filename for frame in traceback.extract_tb(cause.__traceback__)] == ["c.py"]


RAISES = """
def build(queues):
    raise LookupError("no")
worker_factory(build)
"""
FORGETS = """
@worker_factory
def build(queues):
    pass
"""
NO_WORK = """
class Mine:
    def __init__(self, queues): pass
worker_factory(Mine)
"""
NO_INTERVAL = """
class Mine:
    def __init__(self, queues): pass
    def work(self): pass
worker_factory(Mine)
"""
ELSEWHERE = """
import myapp
worker_factory(myapp.Mine)
"""
BUILT_IN = """
import functools
worker_factory(functools.partial(int, base=2))
"""


@pytest.mark.parametrize(
    ("text", "place", "complaint"),
    [
        (RAISES, "c.py:3", "LookupError: no"),
        (FORGETS, "c.py:2", "returned None, which has no method work(interval)"),
        (NO_WORK, "c.py:3", "returned a Mine, which has no method work(interval)"),
        (NO_INTERVAL, "c.py:3", "returned a Mine, which has no method work(interval)"),
        (ELSEWHERE, "myapp.py:2", "returned a Mine, which has no method work(interval)"),
        (BUILT_IN, "c.py", "TypeError: int() can't convert non-string with explicit base"),
    ],
)
def test_a_factory_must_build_a_worker(written, text: str, place: str, complaint: str):
    """The line names the queues for which it failed first."""
    written("myapp.py", "class Mine:\n    def __init__(self, queues): pass\n")
    path = written("c.py", f"{text}worker('b', 'a')\nworker('b')\n")

    assert problems(path) == [f"{place}: worker_factory(['b', 'a']): {complaint}"]


def test_a_hook_that_fails_without_a_line_of_its_own(written):
    """A builtin leaves no trace; the files are named instead."""
    path = written("c.py", "import operator\nafter_fork(operator.neg)\nworker()")

    (line,) = problems(path)

    assert line.startswith("c.py: after_fork: TypeError: bad operand type")


def test_an_interrupt_is_not_a_problem_of_the_file(written):
    """Ctrl-C ends the test run, as everywhere."""
    path = written("c.py", "@before_fork\ndef load():\n    raise KeyboardInterrupt\nworker()")

    with pytest.raises(KeyboardInterrupt):
        assert_resqued(path)


# --- what it leaves behind


@pytest.mark.parametrize("text", ["import sys\nsys.path.insert(0, 'x')\nworker()", "1 / 0"])
def test_the_interpreter_is_put_back(written, text: str, monkeypatch: pytest.MonkeyPatch):
    """sys.path and the modules of the config files are what they were, also after a failure."""
    earlier = type(sys)("resqued_config_2")
    monkeypatch.setitem(sys.modules, "resqued_config_2", earlier)
    entries = sys.path
    before = list(entries)

    for _ in range(2):
        try:
            assert_resqued(written("a.py", "worker()"), written("b.py", text))
        except AssertionError:
            assert text == "1 / 0"

    assert sys.path is entries
    assert sys.path == before
    assert "resqued_config" not in sys.modules
    assert sys.modules["resqued_config_2"] is earlier


def test_what_the_config_file_imports_stays_imported(written):
    """The application is loaded once in a test run, not once for each call."""
    written("myapp.py", "")
    path = written("c.py", "import myapp\nworker()")
    assert_resqued(path)
    first = sys.modules["myapp"]

    assert_resqued(path)

    assert sys.modules["myapp"] is first


MODULES = {
    "pools.py": "from resqued.config import worker\nworker('a')\n",
    "package/__init__.py": "",
    "package/pools.py": "from resqued.config import worker\nworker('b')\n",
    "eager/__init__.py": "from . import deep\n",
    "eager/deep.py": "from resqued.config import worker, after_fork\nworker('c')\n",
}


def test_workers_of_imported_modules_are_there_each_time(written):
    """A module that says what runs is imported anew for each load, however it is imported."""
    for name, text in MODULES.items():
        written(name, text)
    path = written("c.py", "import pools\nfrom package import pools\nimport eager.deep\n")

    for _ in range(3):
        config = assert_resqued(path)
        assert [spec.queues for spec in config.workers] == [("a",), ("b",), ("c",)]

    assert "package" in sys.modules
    assert not {"pools", "package.pools", "eager", "eager.deep"} & sys.modules.keys()


def test_such_modules_are_forgotten_after_a_failure_too(written):
    """One broken file does not take the workers of the next one away."""
    written("pools.py", MODULES["pools.py"])
    assert problems(written("broken.py", "import pools\n1 / 0"))

    config = assert_resqued(written("c.py", "import pools"))

    assert [spec.queues for spec in config.workers] == [("a",)]


def test_such_modules_are_there_while_the_hooks_run(written):
    """A hook may import the module that its file has imported."""
    written("pools.py", MODULES["pools.py"])
    path = written("c.py", "import pools\n@before_fork\ndef load():\n    import pools as again\n")

    assert assert_resqued(path).workers


def test_calls_outside_a_load_are_still_refused(written):
    """The load is closed when the function returns."""
    config = assert_resqued(written("c.py", "worker()\nlate = worker\nbefore_fork(lambda: 1)"))

    with pytest.raises(ConfigError, match="not reading a config file"):
        hooked(config)["late"]("a")


def test_the_made_up_pid_is_nobody_s(written):
    """A hook that signals the worker that has exited hits no process."""
    text = "import os\n@after_exit\ndef f(s):\n    os.kill(s.process_status.pid, 0)\nworker()"

    assert problems(written("c.py", text)) == [
        "c.py:4: after_exit: ProcessLookupError: [Errno 3] No such process"
    ]


# --- the documentation


def test_the_page_shows_a_test_that_passes(written):
    """The example under "Testing a config file" is a whole test module."""
    (example,) = re.findall(
        r"^## Testing a config file$.*?^```py\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
    )
    written("config/resqued.py", "worker_pool(5)\nqueue('high')\nqueue('mail', count=2)\n")
    names: dict[str, object] = {}
    exec(example, names)
    tests = [value for name, value in names.items() if name.startswith("test_")]

    for test in tests:
        assert callable(test)
        test(assert_resqued)
    assert tests


def hooked(config: Config) -> dict[str, object]:
    """Return the variables of the config file that the first hook stands in."""
    hooks = [*config.hooks.before_fork, *config.hooks.after_fork]
    variables: dict[str, object] = hooks[0].__globals__  # type: ignore[attr-defined]
    assert variables["__file__"].startswith(os.getcwd())  # type: ignore[attr-defined]
    return variables
