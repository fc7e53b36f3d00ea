"""Every mistake that a config file can hold, with the exact line that the user reads."""

import os
import pickle
import stat
import typing
from pathlib import Path

import pytest

from resqued.config import options
from resqued.config.errors import ConfigError
from resqued.config.loader import load
from resqued.config.source import resolve_path
from resqued.errors import ResquedError

WORKER_OPTIONS = (
    "no such option; worker knows interval, jobs_per_fork, max_age, max_deaths, max_jobs, "
    "max_memory, on_worker_death, seconds_per_fork, shuffle_queues, standby, timeout"
)
POOL_OPTIONS = (
    "no such option; worker_pool knows interval, jobs_per_fork, max_age, max_deaths, max_jobs, "
    "max_memory, name, on_worker_death, seconds_per_fork, shuffle_queues, standby, timeout"
)
MEMORY = 'must be a number of bytes, or a size such as "200MB" or "1.5GB"'
SIZE = "the size must be a whole number from 0 to 10000"
INTERVAL = "must be a number of seconds from 0 to 1000000"
TIMEOUT = "must be a number of seconds above 0, at most 1000000"
COUNT = "must be a whole number, 0 or more"
POLICY = 'must be "fail" or "requeue"'
DEATHS = "must be a whole number from 1 to 1000000"
PERCENT = "must be a whole number from 0 to 100"
HOOK_ARGUMENTS = "a hook must take one argument or none"
HOOK_PLAIN = "a hook must be a plain function, neither async nor a generator"
FACTORY_PLAIN = "a factory must be a plain function, neither async nor a generator"
FACTORY_ARGUMENT = "a factory must take one argument, the list of queues"

#: A config file's text -> the whole report.
MISTAKES = [
    # options
    (
        'worker("a", intervall=3)',
        f"c.py:1: worker(intervall=3): {WORKER_OPTIONS}",
    ),
    (
        'worker_pool(1, count="x")',
        f'c.py:1: worker_pool(count="x"): {POOL_OPTIONS}',
    ),
    (
        'worker_pool(1)\nqueue("a", percentage=20)',
        "c.py:2: queue(percentage=20): no such option; queue knows count, percent",
    ),
    ("worker(interval=-1)", f"c.py:1: worker(interval=-1): {INTERVAL}"),
    ("worker(interval=-0.1)", f"c.py:1: worker(interval=-0.1): {INTERVAL}"),
    ('worker(interval=float("nan"))', f"c.py:1: worker(interval=nan): {INTERVAL}"),
    ('worker(interval=float("inf"))', f"c.py:1: worker(interval=inf): {INTERVAL}"),
    ("worker(interval=True)", f"c.py:1: worker(interval=True): {INTERVAL}"),
    ("worker(interval=None)", f"c.py:1: worker(interval=None): {INTERVAL}"),
    ('worker(interval="5")', f'c.py:1: worker(interval="5"): {INTERVAL}'),
    ("worker(interval=1_000_001)", f"c.py:1: worker(interval=1000001): {INTERVAL}"),
    ("worker(interval=10**5000)", f"c.py:1: worker(interval=<int>): {INTERVAL}"),
    ("worker_pool(1, interval=[])", f"c.py:1: worker_pool(interval=[]): {INTERVAL}"),
    ("worker(shuffle_queues=1)", "c.py:1: worker(shuffle_queues=1): must be True or False"),
    (
        'worker_pool(1, shuffle_queues="no")',
        'c.py:1: worker_pool(shuffle_queues="no"): must be True or False',
    ),
    ('worker(on_worker_death="retry")', f'c.py:1: worker(on_worker_death="retry"): {POLICY}'),
    ("worker_pool(1, on_worker_death=1)", f"c.py:1: worker_pool(on_worker_death=1): {POLICY}"),
    ("worker(max_deaths=0)", f"c.py:1: worker(max_deaths=0): {DEATHS}"),
    ("worker(max_deaths=True)", f"c.py:1: worker(max_deaths=True): {DEATHS}"),
    ("worker(max_deaths=2.5)", f"c.py:1: worker(max_deaths=2.5): {DEATHS}"),
    ("worker(max_deaths=10**5000)", f"c.py:1: worker(max_deaths=<int>): {DEATHS}"),
    ('worker_pool(1, max_deaths="3")', f'c.py:1: worker_pool(max_deaths="3"): {DEATHS}'),
    # limits
    ("worker(timeout=0)", f"c.py:1: worker(timeout=0): {TIMEOUT}"),
    ('worker_pool(1, timeout="30")', f'c.py:1: worker_pool(timeout="30"): {TIMEOUT}'),
    (
        "worker(jobs_per_fork=0)",
        "c.py:1: worker(jobs_per_fork=0): must be a whole number, 1 or more",
    ),
    ("worker(standby=1)", "c.py:1: worker(standby=1): must be True or False"),
    ("worker(seconds_per_fork=0)", f"c.py:1: worker(seconds_per_fork=0): {TIMEOUT}"),
    ("worker(max_jobs=0)", "c.py:1: worker(max_jobs=0): must be a whole number, 1 or more"),
    ("worker(max_jobs=1.5)", "c.py:1: worker(max_jobs=1.5): must be a whole number, 1 or more"),
    (
        "worker(max_age=0.9)",
        "c.py:1: worker(max_age=0.9): must be a number of seconds from 1 to 1000000",
    ),
    ("worker(max_memory=0)", f"c.py:1: worker(max_memory=0): {MEMORY}"),
    ("worker(max_memory=1.5)", f"c.py:1: worker(max_memory=1.5): {MEMORY}"),
    ("worker(max_memory=True)", f"c.py:1: worker(max_memory=True): {MEMORY}"),
    ('worker(max_memory="200")', f'c.py:1: worker(max_memory="200"): {MEMORY}'),
    ('worker(max_memory="0MB")', f'c.py:1: worker(max_memory="0MB"): {MEMORY}'),
    ('worker(max_memory="-1MB")', f'c.py:1: worker(max_memory="-1MB"): {MEMORY}'),
    ('worker(max_memory="2TB")', f'c.py:1: worker(max_memory="2TB"): {MEMORY}'),
    ('worker(max_memory="\u0665MB")', f'c.py:1: worker(max_memory="\u0665MB"): {MEMORY}'),
    (
        'worker(**{"\\x1b[2J": 1})',
        f"c.py:1: worker(\\x1b[2J=1): {WORKER_OPTIONS}",
    ),
    # queues' names
    (
        "names = ['a']\nnames.append([names])\nworker(names)",
        "c.py:3: worker(['a', [[...]]]): a list of queues cannot contain itself",
    ),
    ("worker(3)", "c.py:1: worker(3): a queue's name must be a string"),
    ("worker(None)", "c.py:1: worker(None): a queue's name must be a string"),
    ('worker(b"a")', "c.py:1: worker(b'a'): a queue's name must be a string"),
    ('worker({"a"})', "c.py:1: worker({'a'}): a queue's name must be a string"),
    ('worker("")', 'c.py:1: worker(""): a queue\'s name cannot be empty'),
    ('worker("a", ["b,c"])', 'c.py:1: worker("b,c"): a queue\'s name cannot contain a comma'),
    ('worker(" a")', 'c.py:1: worker(" a"): a queue\'s name cannot begin or end with a space'),
    (
        'worker("a\\nb")',
        'c.py:1: worker("a\\nb"): a queue\'s name cannot contain control characters',
    ),
    (
        'worker("a\\x7f")',
        'c.py:1: worker("a\\x7f"): a queue\'s name cannot contain control characters',
    ),
    (
        'worker("a\\u2028b")',
        'c.py:1: worker("a\\u2028b"): a queue\'s name cannot contain control characters',
    ),
    (
        'worker("a\\udc80")',
        'c.py:1: worker("a\\udc80"): a queue\'s name cannot contain control characters',
    ),
    ('worker_pool(1, "a,b")', 'c.py:1: worker_pool("a,b"): a queue\'s name cannot contain a comma'),
    ('worker_pool(1)\nqueue("")', 'c.py:2: queue(""): a queue\'s name cannot be empty'),
    # queue
    ('queue("low")', 'c.py:1: queue("low") stands before any worker_pool'),
    (
        'worker("a")\nqueue("low", ["b"], count=2)\nworker_pool(1)',
        'c.py:2: queue("low", "b") stands before any worker_pool',
    ),
    (
        'worker_pool(4)\nqueue("low", percent=20, count=2)',
        'c.py:2: queue("low") has both count=2 and percent=20',
    ),
    ('worker_pool(4)\nqueue("a", percent=-1)', f"c.py:2: queue(percent=-1): {PERCENT}"),
    ('worker_pool(4)\nqueue("a", percent=101)', f"c.py:2: queue(percent=101): {PERCENT}"),
    ('worker_pool(4)\nqueue("a", percent=12.5)', f"c.py:2: queue(percent=12.5): {PERCENT}"),
    ('worker_pool(4)\nqueue("a", percent="20%")', f'c.py:2: queue(percent="20%"): {PERCENT}'),
    ('worker_pool(4)\nqueue("a", percent=True)', f"c.py:2: queue(percent=True): {PERCENT}"),
    ('worker_pool(4)\nqueue("a", count=-1)', f"c.py:2: queue(count=-1): {COUNT}"),
    ('worker_pool(4)\nqueue("a", count=1.0)', f"c.py:2: queue(count=1.0): {COUNT}"),
    ('worker_pool(4)\nqueue("a", count=False)', f"c.py:2: queue(count=False): {COUNT}"),
    ("worker_pool(4)\nqueue(count=2)", "c.py:2: queue() names no queue"),
    ("worker_pool(4)\nqueue([])", "c.py:2: queue() names no queue"),
    # pools
    ("worker_pool(-1)", f"c.py:1: worker_pool(-1): {SIZE}"),
    ("worker_pool(2.0)", f"c.py:1: worker_pool(2.0): {SIZE}"),
    ("worker_pool(True)", f"c.py:1: worker_pool(True): {SIZE}"),
    ('worker_pool("a")\nqueue("b")', f'c.py:1: worker_pool("a"): {SIZE}'),
    ("worker_pool(10_001)", f"c.py:1: worker_pool(10001): {SIZE}"),
    (
        "worker_pool()",
        "c.py:1: TypeError: worker_pool() missing 1 required positional argument: 'size'",
    ),
    (
        'worker_pool(1, name="web")\nworker_pool(1)\nworker_pool(2, name="web")',
        'c.py:3: worker_pool(name="web"): c.py:1 has a pool of this name',
    ),
    (
        'worker_pool(1, name="pool-2")\nworker_pool(1)',
        'c.py:2: worker_pool(name="pool-2"): c.py:1 has a pool of this name',
    ),
    (
        'worker_pool(1, name="")',
        'c.py:1: worker_pool(name=""): must be a string that is not empty',
    ),
    ("worker_pool(1, name=3)", "c.py:1: worker_pool(name=3): must be a string that is not empty"),
    (
        'worker_pool(1, name="a\\n")',
        'c.py:1: worker_pool(name="a\\n"): cannot contain control characters',
    ),
    # hooks and factory
    ("before_fork(3)", "c.py:1: before_fork(3): a hook must be callable"),
    ("after_fork(None)", "c.py:1: after_fork(None): a hook must be callable"),
    (
        "def both(a, b): pass\nafter_exit(both)",
        f"c.py:2: after_exit(both): {HOOK_ARGUMENTS}",
    ),
    ("before_fork(lambda *, a: a)", f"c.py:1: before_fork(<lambda>): {HOOK_ARGUMENTS}"),
    ("async def load(): pass\nbefore_fork(load)", f"c.py:2: before_fork(load): {HOOK_PLAIN}"),
    ("def load(): yield\nbefore_fork(load)", f"c.py:2: before_fork(load): {HOOK_PLAIN}"),
    ('worker_factory("W")', 'c.py:1: worker_factory("W"): a factory must be callable'),
    ("worker_factory(lambda: 1)", f"c.py:1: worker_factory(<lambda>): {FACTORY_ARGUMENT}"),
    ("worker_factory(lambda a, b: 1)", f"c.py:1: worker_factory(<lambda>): {FACTORY_ARGUMENT}"),
    (
        "async def make(queues): pass\nworker_factory(make)",
        f"c.py:2: worker_factory(make): {FACTORY_PLAIN}",
    ),
    # timeouts
    ("boot_timeout(0)", f"c.py:1: boot_timeout(0): {TIMEOUT}"),
    ("boot_timeout(-3)", f"c.py:1: boot_timeout(-3): {TIMEOUT}"),
    ("stop_timeout(0.0)", f"c.py:1: stop_timeout(0.0): {TIMEOUT}"),
    ('stop_timeout("15")', f'c.py:1: stop_timeout("15"): {TIMEOUT}'),
    ("stop_timeout(True)", f"c.py:1: stop_timeout(True): {TIMEOUT}"),
    ('boot_timeout(float("nan"))', f"c.py:1: boot_timeout(nan): {TIMEOUT}"),
    ('boot_timeout(float("inf"))', f"c.py:1: boot_timeout(inf): {TIMEOUT}"),
    ("boot_timeout(None)", f"c.py:1: boot_timeout(None): {TIMEOUT}"),
    # the file's own code
    ("import nowhere_at_all", "c.py:1: ModuleNotFoundError: No module named 'nowhere_at_all'"),
    ("\nraise SystemExit(2)", "c.py:2: SystemExit: 2"),
    ("raise SystemExit", "c.py:1: SystemExit"),
    ("raise GeneratorExit", "c.py:1: GeneratorExit"),
    ("1 / 0", "c.py:1: ZeroDivisionError: division by zero"),
    ("def f():\n    raise OSError('no')\n\nf()", "c.py:2: OSError: no"),
    ('raise ValueError("a\\nb\\tc\\x1b[0m")', "c.py:1: ValueError: a\\nb\\tc\\x1b[0m"),
    ('raise ValueError("x" * 600)', f"c.py:1: ValueError: {'x' * 488}..."),
    (
        "class Mute(Exception):\n    def __str__(self): raise OSError\nraise Mute",
        "c.py:3: Mute: <Mute>",
    ),
    (
        'class Mute:\n    def __repr__(self): raise OSError("x")\nworker(Mute())',
        "c.py:3: worker(<Mute>): a queue's name must be a string",
    ),
    (
        "class Long:\n    def __repr__(self): return 'x' * 90\nworker(Long())",
        f"c.py:3: worker({'x' * 80}...): a queue's name must be a string",
    ),
    # not Python
    ("worker(\n", "c.py:1: SyntaxError: '(' was never closed"),
    ("x = 1\n  y = 2", "c.py:2: IndentationError: unexpected indent"),
    (b"# caf\xe9\n", "c.py:1: byte 0xe9 is not UTF-8"),
    (b"# ok\n\n\xff\xfe", "c.py:3: byte 0xff is not UTF-8"),
    (b"worker()\nworker('\0')", "c.py:2: a NUL byte; a config file is Python text"),
]


def report(*paths: str) -> str:
    """Return what the user reads when these files are loaded."""
    with pytest.raises(ConfigError) as caught:
        load(paths)
    return str(caught.value)


@pytest.mark.parametrize(("text", "expected"), MISTAKES)
def test_a_mistake_gives_exactly_this_line(written, text, expected):
    """One mistake is reported as one line that names file, line and value."""
    assert report(written("c.py", text)) == expected


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_files(written):
    """One run finds every mistake, also several in one call, up to the first exception."""
    first = written("config/one.py", 'worker("a,b", 3, intervall=2)\nqueue("x")\nboot_timeout(0)')
    second = written("config/two.py", "worker_pool(-1, interval=-1)\nnope\nworker(3)")
    third = written("config/three.py", "worker(4)")
    with pytest.raises(ConfigError) as caught:
        load([first, second, third])
    assert caught.value.problems == (
        'config/one.py:1: worker("a,b"): a queue\'s name cannot contain a comma',
        "config/one.py:1: worker(3): a queue's name must be a string",
        f"config/one.py:1: worker(intervall=2): {WORKER_OPTIONS}",
        'config/one.py:2: queue("x") stands before any worker_pool',
        f"config/one.py:3: boot_timeout(0): {TIMEOUT}",
        f"config/two.py:1: worker_pool(-1): {SIZE}",
        f"config/two.py:1: worker_pool(interval=-1): {INTERVAL}",
        "config/two.py:2: NameError: name 'nope' is not defined",
    )
    assert str(caught.value) == "\n".join(caught.value.problems)
    assert isinstance(caught.value.__cause__, NameError)


def test_a_bad_pool_is_still_the_pool_of_its_queues(written):
    """One mistake in a pool does not make mistakes of the right lines below it."""
    assert report(written("c.py", 'worker_pool("x")\nqueue("a")\nqueue("b", count=-1)')) == (
        f'c.py:1: worker_pool("x"): {SIZE}\nc.py:3: queue(count=-1): {COUNT}'
    )


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("def f(:", "SyntaxError: invalid syntax"),
    ],
)
def test_a_failure_in_an_imported_module_names_both_places(written, module, expected):
    """The config file's line is named, and the line of the module where it went wrong."""
    written("myapp/__init__.py", f"'''doc'''\n\n{module}\n")
    path = written("c.py", "x = 1\nimport myapp")
    assert report(path) == f"c.py:2: {expected} (raised in myapp/__init__.py:3)"


def test_a_failure_in_the_standard_library_names_both_places(written):
    """Code outside the working directory is named with its full path."""
    line = report(written("c.py", "import json\njson.loads('x')"))
    assert line.startswith("c.py:2: JSONDecodeError: Expecting value: line 1 column 1 (char 0) (")
    assert "(raised in /" in line
    assert "/json/decoder.py:" in line


def test_a_mistake_made_in_an_imported_module_names_both_places(written):
    """A module may define workers too; its mistakes lead to the config file's line."""
    written("shared_pools.py", "from resqued.config import worker\n\nworker(3)\n")
    assert report(written("c.py", "import shared_pools")) == (
        "c.py:1: worker(3): a queue's name must be a string (called in shared_pools.py:3)"
    )


def test_broken_files_are_all_reported_and_none_runs(written, tmp_path):
    """If any file cannot be read or compiled, no file's code has any effect."""
    good = written("good.py", "open('ran', 'w').close()")
    bad = written("bad.py", "def")
    assert report(good, bad, "missing.py") == (
        "bad.py:1: SyntaxError: invalid syntax\nmissing.py: there is no such file"
    )
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("config/resqued", "config/resqued: there is no such file, nor config/resqued.py"),
        ("no.py", "no.py: there is no such file"),
        ("a\nb", "a\\nb: there is no such file, nor a\\nb.py"),
        ("folder", "folder: this is a directory; a config file is needed"),
        ("c.py/x", "c.py/x: cannot be read: Not a directory"),
        ("fifo", "fifo: this is not a regular file; a config file is needed"),
        ("", "the path of a config file is empty"),
        ("loop", "loop: cannot be read: Too many levels of symbolic links"),
    ],
)
def test_a_path_that_is_no_config_file(written, tmp_path, path, expected):
    """Both the command line's check and the load say what is wrong with a path."""
    written("c.py", "")
    (tmp_path / "folder").mkdir()
    os.mkfifo("fifo")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigError) as caught:
        resolve_path(path)
    assert str(caught.value) == expected == report(path)


def test_a_path_with_a_nul(written):
    """Likewise, in the words of this version of Python."""
    written("c.py", "")
    with pytest.raises(ConfigError, match=r"nul\\x00: cannot be read: .*embedded null") as caught:
        resolve_path("nul\0")
    assert str(caught.value) == report("nul\0")


@pytest.fixture
def _not_root(tmp_path):
    """Root may read everything, so give that up for a while; the working directory stays open."""
    tmp_path.chmod(0o755)
    (tmp_path / "secret.py").touch(mode=stat.S_IWUSR)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


@pytest.mark.usefixtures("_not_root")
def test_an_unreadable_file():
    """A file without permission to read is refused before anything starts."""
    with pytest.raises(ConfigError) as caught:
        resolve_path("secret.py")
    assert str(caught.value) == "secret.py: cannot be read: Permission denied"


def test_a_file_that_opens_but_cannot_be_read():
    """A failing disk is reported like a missing permission; this file fails every read."""
    path = "/proc/self/mem"
    if not Path(path).exists():
        pytest.skip("only Linux has a file that always fails")
    assert report(path) == f"{path}: cannot be read: Input/output error"


def test_a_file_too_deep_for_the_compiler(written):
    """Python's own limits are reported as a mistake of the file, not as a crash."""
    path = written("c.py", "x = 1" + "+1" * 100_000)
    assert report(path).startswith("c.py: Python cannot compile it: RecursionError: ")


def test_no_files():
    """An empty list of files is a mistake, not an empty configuration."""
    assert report() == "no config file was given"


def test_a_keyboard_interrupt_is_not_a_mistake_of_the_file(written):
    """Ctrl-C during a load ends the load."""
    with pytest.raises(KeyboardInterrupt):
        load([written("c.py", "raise KeyboardInterrupt")])


def test_a_config_error_survives_pickling():
    """The error can be handed to another process as it is."""
    error = pickle.loads(pickle.dumps(ConfigError("one", "two")))
    assert (str(error), error.problems) == ("one\ntwo", ("one", "two"))
    assert isinstance(error, ResquedError)


@pytest.mark.parametrize(
    ("declared", "checked"),
    [
        (options.WorkerOptions, options.WORKER_CHECKS),
        (options.PoolOptions, options.POOL_CHECKS),
        (options.QueueOptions, options.QUEUE_CHECKS),
    ],
)
def test_every_option_is_both_declared_and_checked(declared, checked):
    """What type checkers are told and what is checked at run time are the same options."""
    assert set(typing.get_type_hints(declared)) == set(checked)
