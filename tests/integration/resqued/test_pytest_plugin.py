"""The fixture as a project's own pytest run finds it."""

import importlib.metadata
import os
import pathlib
import tomllib

import pytest

pytest_plugins = ["pytester"]

ROOT = pathlib.Path(__file__).parents[3]
CONFIG = "@before_fork\ndef load():\n    {}\nworker('mail')\n"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with a config file, in an environment where resqued's entry points are installed.

    They are those that pyproject.toml declares now, not those of the last installation. As in a
    real one, pytest finds all modules listed beside them, and rewrites their assertions.
    """
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [f"{name} = {value}" for name, value in declared["pytest11"].items()]
    installed = pytester.mkdir("installed") / "declared-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: declared\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))
    modules = [path.relative_to(ROOT / "src") for path in (ROOT / "src").rglob("*.py")]
    (installed / "RECORD").write_text("".join(f"{path},,\n" for path in modules))
    paths = [str(installed.parent), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        monkeypatch.delenv(name, raising=False)
    pytester.makefile(".py", pool=CONFIG.format("pass"))
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the project's tests in a process of their own, where every warning is an error."""
    options = ("-W", "error", "-p", "no:cacheprovider", "--import-mode=importlib")
    return project.runpytest_subprocess(*options, *arguments, timeout=60)


def test_the_fixture_is_there_without_any_set_up(project: pytest.Pytester):
    """It is the function, can be called again, and can be used by fixtures of any scope."""
    project.makepyfile(
        test_config="""
        import pytest

        @pytest.fixture(scope="session")
        def config(assert_resqued):
            return assert_resqued("pool.py")

        def test_workers(config):
            assert [spec.queues for spec in config.workers] == [("mail",)]

        def test_again(assert_resqued):
            import resqued.testing
            assert assert_resqued is resqued.testing.assert_resqued
            assert_resqued("pool.py")
        """
    )

    run(project).assert_outcomes(passed=2)


def test_a_broken_config_file_fails_the_test(project: pytest.Pytester):
    """The report shows the problem, and the line of the hook that raised."""
    project.makefile(".py", pool=CONFIG.format("1 / 0"))
    project.makepyfile(
        test_config="""
        def test_it(assert_resqued):
            assert_resqued("pool.py")
        """
    )

    result = run(project)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       1 / 0",
            "pool.py:3: ZeroDivisionError",
            "E       AssertionError: pool.py:3: before_fork: ZeroDivisionError:*",
        ]
    )
    result.stdout.no_fnmatch_line("*_interpreter_put_back*")


def test_the_plugin_costs_nothing_where_it_is_not_used(project: pytest.Pytester):
    """Other test runs of the environment load one small file."""
    project.makepyfile(
        test_other="""
        import sys

        def test_it():
            ours = {name for name in sys.modules if name.partition(".")[0] in ("resqued", "resque")}
            assert ours == {"resqued", "resqued.pytest_plugin"}
        """
    )

    run(project).assert_outcomes(passed=1)


def test_the_fixture_is_described(project: pytest.Pytester):
    """`pytest --fixtures` says what it does and where it comes from."""
    result = run(project, "--fixtures")

    result.stdout.fnmatch_lines(["assert_resqued*resqued/pytest_plugin.py*", "*config files*"])


def test_pytest_is_no_requirement():
    """Who installs resqued without extras does not get pytest."""
    needed = importlib.metadata.requires("resqued") or []

    assert [line for line in needed if "pytest" in line and "extra ==" not in line] == []
