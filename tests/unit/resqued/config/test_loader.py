"""How config files are found and run."""

import os
import sys
import threading
import traceback
from pathlib import Path

import pytest

from resqued import config as dsl
from resqued.config.errors import ConfigError
from resqued.config.loader import load
from resqued.config.source import resolve_path

NAMES = {
    "worker",
    "worker_pool",
    "queue",
    "before_fork",
    "after_fork",
    "after_exit",
    "worker_factory",
    "boot_timeout",
    "stop_timeout",
}


def test_the_suffix_may_be_left_out(written):
    """A path that exists only with .py is that file, for the check and for the load."""
    written("config/resqued.py", 'worker("a")')
    assert resolve_path("config/resqued") == "config/resqued.py"
    assert load(["config/resqued"]).paths == ("config/resqued.py",)


def test_an_exact_path_goes_before_one_with_suffix(written):
    """The suffix is tried only if the path itself does not exist."""
    written("resqued", 'worker("exact")')
    written("resqued.py", 'worker("suffix")')
    assert resolve_path("resqued") == "resqued"
    assert load(["resqued"]).workers[0].queues == ("exact",)


def test_a_file_knows_itself(written, tmp_path):
    """__file__ is the absolute path and __name__ is not that of a script."""
    path = written("config/resqued.py", "worker(__name__, __file__)")
    name, file = load([path]).workers[0].queues
    assert name == "resqued_config"
    assert file == str(tmp_path / "config/resqued.py")


@pytest.mark.parametrize("given", ["./config/resqued.py", "config/.//resqued.py"])
def test_a_file_that_is_given_by_a_longer_path(written, tmp_path, given):
    """__file__ has nothing in it that means the same folder again."""
    written("config/resqued.py", "worker(__file__)")
    assert load([given]).workers[0].queues == (str(tmp_path / "config/resqued.py"),)


def test_a_file_that_is_given_by_way_of_a_link(written, tmp_path):
    """What ".." means behind a link is for the system to say."""
    written("elsewhere/resqued.py", "worker(__file__)")
    (tmp_path / "elsewhere/folder").mkdir()
    (tmp_path / "link").symlink_to("elsewhere/folder")
    path = str(tmp_path / "link/../resqued.py")
    assert load(["./link/../resqued.py"]).workers[0].queues == (path,)


def test_each_file_is_a_module_of_its_own(configured):
    """What two files define under the same name can be told apart by its module."""
    config = configured("worker(__name__)", "worker(__name__)")
    assert [spec.queues for spec in config.workers] == [("resqued_config",), ("resqued_config_2",)]


def test_all_names_are_there_and_are_those_of_the_package(written):
    """The names in a config file are the very functions that resqued.config exports."""
    checks = "".join(f"assert {name} is dsl.{name}\n" for name in NAMES)
    load([written("c.py", f"import resqued.config as dsl\n{checks}")])
    assert set(dsl.__all__) == NAMES | {"BeforeForkContext"}


def test_imported_names_record_too(written):
    """An explicit import, for an editor's sake, changes nothing."""
    path = written("c.py", "from resqued.config import worker, worker_pool\nworker('a')")
    assert [spec.queues for spec in load([path]).workers] == [("a",)]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_outside_a_load_every_name_says_so(name):
    """A call while no config file is read is refused with its own place, and records nothing."""
    with pytest.raises(ConfigError) as caught:
        getattr(dsl, name)(lambda queues: queues)
    place, _, text = str(caught.value).partition(": ")
    assert text == f"{name} was called while resqued was not reading a config file"
    assert place.rpartition(":")[0] == __file__


def test_a_hook_cannot_add_workers(written):
    """The configuration is closed when the files have run."""
    path = written("c.py", "@before_fork\ndef late():\n    worker('x')\n")
    (hook,) = load([path]).hooks.before_fork
    with pytest.raises(ConfigError, match=r"^c\.py:3: worker was called while"):
        hook()


def test_a_load_is_closed_after_a_failure_too(written):
    """A file that fails does not leave its load open for later calls."""
    with pytest.raises(ConfigError):
        load([written("c.py", "1 / 0")])
    with pytest.raises(ConfigError, match="not reading"):
        dsl.worker("a")


def test_two_loads_share_nothing(written):
    """Each load starts from nothing and runs the file anew."""
    path = written("c.py", 'worker_pool(1, "a")\nafter_fork(print)\nboot_timeout(9)')
    first = load([path])
    written("c.py", 'worker("b")')
    second = load([path])
    assert [spec.queues for spec in first.workers] == [("a",)]
    assert [spec.queues for spec in second.workers] == [("b",)]
    assert second.hooks.after_fork == ()
    assert second.boot_timeout is None


def test_loads_in_two_threads_do_not_mix(written):
    """Each thread records into the load that it started."""
    barrier = threading.Barrier(2, timeout=10)
    sys.modules["meeting"] = type(sys)("meeting")
    sys.modules["meeting"].barrier = barrier
    text = (
        "from meeting import barrier\nbarrier.wait()\nworker('{0}')\nbarrier.wait()\nworker('{0}')"
    )
    paths = [written(f"{name}.py", text.format(name)) for name in "ab"]
    found = {}
    threads = [
        threading.Thread(target=lambda path=path: found.update({path: load([path])}))
        for path in paths
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queues = {path: [spec.queues for spec in config.workers] for path, config in found.items()}
    assert queues == {"a.py": [("a",), ("a",)], "b.py": [("b",), ("b",)]}


def test_several_files_act_as_one_configuration(configured):
    """A queue belongs to the pool above it, also one of an earlier file."""
    config = configured('worker_pool(2)\nqueue("a")', 'queue("b", count=1)\nworker("c")')
    assert config.paths == ("1.py", "2.py")
    assert [spec.queues for spec in config.workers] == [("c",), ("a", "b"), ("a",)]


def test_variables_are_each_file_s_own(configured):
    """Only the records are shared: a file does not see another file's variables."""
    with pytest.raises(ConfigError) as caught:
        configured("mine = 1", "worker(mine)")
    assert str(caught.value) == "2.py:1: NameError: name 'mine' is not defined"


@pytest.mark.parametrize(
    ("text", "boot", "stop"),
    [
        ("boot_timeout(30)", 30.0, 15.0),
        ("stop_timeout(2.5)", None, 2.5),
        ("boot_timeout(1)\nboot_timeout(0.5)\nstop_timeout(1000000)", 0.5, 1_000_000.0),
    ],
)
def test_timeouts(configured, text, boot, stop):
    """Timeouts are floats, the last one counts, and an unset boot_timeout stays open."""
    config = configured(text)
    assert (config.boot_timeout, config.stop_timeout) == (boot, stop)
    assert type(config.stop_timeout) is float


def test_a_configuration_without_workers_is_a_warning(configured):
    """An emptied configuration is allowed, because a reload may want it, and is pointed out."""
    assert configured("worker_pool(0)", "").warnings == ("1.py, 2.py: no worker is defined",)
    assert configured("worker()").warnings == ()


def test_the_working_directory_is_importable_first(written, tmp_path):
    """`import myapp` works as under `python -m`, before any installed package of that name."""
    sys.path[:] = [entry for entry in sys.path if entry != str(tmp_path)]
    written("zipapp.py", "NAME = 'mine'")
    load([written("config/c.py", "import zipapp\nworker(zipapp.NAME)")])
    assert sys.path[0] == str(tmp_path)
    assert sys.modules["zipapp"].NAME == "mine"
    assert str(tmp_path / "config") not in sys.path


def test_a_working_directory_that_is_there_stays_where_it_is(written, tmp_path):
    """The user's own order of sys.path is kept."""
    sys.path[:] = [*sys.path, str(tmp_path)]
    before = list(sys.path)
    load([written("c.py", "worker()")])
    assert sys.path == before


def test_a_working_directory_that_is_gone(written, tmp_path):
    """A deploy that removed the folder under resqued is named as the reason."""
    path = str(tmp_path / written("c.py", "worker()"))
    (tmp_path / "gone").mkdir()
    os.chdir("gone")
    Path("../gone").rmdir()
    with pytest.raises(ConfigError) as caught:
        load([path])
    assert str(caught.value) == "the working directory no longer exists"


def test_a_traceback_shows_the_file_s_source(written):
    """An exception in a hook, long after the load, shows the config file's own line."""
    path = written("c.py", "@after_fork\ndef fail():\n    raise LookupError  # here it is\n")
    (hook,) = load([path]).hooks.after_fork
    with pytest.raises(LookupError) as caught:
        hook()
    text = "".join(traceback.format_exception(caught.value))
    assert 'File "c.py", line 3, in fail\n    raise LookupError  # here it is\n' in text


def test_the_cause_keeps_its_traceback(written):
    """The log can show the whole story behind the one line."""
    with pytest.raises(ConfigError) as caught:
        load([written("c.py", "def f():\n    return 1 / 0\nf()")])
    text = "".join(traceback.format_exception(caught.value))
    assert 'File "c.py", line 2, in f' in text
    assert "ZeroDivisionError" in text


def test_a_file_may_define_dataclasses_with_postponed_annotations(written):
    """The file is a real module while it runs and after, which dataclasses and pickle need."""
    text = (
        "from __future__ import annotations\n"
        "import dataclasses, pickle\n"
        "@dataclasses.dataclass\n"
        "class Setting:\n"
        "    queue: str\n"
        "worker(pickle.loads(pickle.dumps(Setting('a'))).queue)\n"
    )
    assert load([written("c.py", text)]).workers[0].queues == ("a",)


def test_the_loader_s_own_future_imports_do_not_leak(written):
    """Annotations in a config file are evaluated unless the file itself says otherwise."""
    load([written("c.py", "def f(a: 1 + 1): pass\nassert f.__annotations__ == {'a': 2}")])


@pytest.mark.parametrize(
    "text", [b"\xef\xbb\xbfworker('\xc3\xa9')\r\n", b"worker('\xc3\xa9')", b"worker('\\xe9')\r\n"]
)
def test_utf_8_with_and_without_mark_and_any_line_ends(written, text):
    """Files from any editor load."""
    assert load([written("c.py", text)]).workers[0].queues == ("é",)
