import pytest

from tests.support.daemon import Daemon

#: Text of the config file, and the one line that must be said about it.
MISTAKES = {
    "queue before pool": (
        "\nqueue('a')\n",
        'resqued.py:2: queue("a") stands before any worker_pool',
    ),
    "unknown option": (
        "worker('a', intervall=3)\n",
        "resqued.py:1: worker(intervall=3): no such option",
    ),
    "syntax error": ("worker('a'\n", "resqued.py:1: SyntaxError"),
    "raising": ("import nosuchmodule\n", "resqued.py:1: "),
    "leaving": ("import sys\nsys.exit(0)\n", "resqued.py:2: "),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("mode", ["", "--test"])
def test_a_mistake_in_the_config_is_one_line(daemon: Daemon, mistake: str, mode: str):
    """It names file and line, on standard error; exit status 1, and no process is left."""
    text, line = MISTAKES[mistake]
    daemon.write("resqued.py", text)

    result = daemon.run(*filter(None, [mode]), "resqued.py")

    assert line in result.stderr, result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "Traceback" not in result.stderr + result.stdout
    assert result.returncode == 1
    daemon.wait_until_gone()


@pytest.mark.parametrize("mode", ["", "--test"])
def test_a_missing_config_file(daemon: Daemon, mode: str):
    """The line names the file."""
    result = daemon.run(*filter(None, [mode]), "missing.py")

    assert result.stderr.splitlines() == ["missing.py: there is no such file"]
    assert result.returncode == 1
    daemon.wait_until_gone()


def test_several_mistakes_are_told_together(daemon: Daemon):
    """Every wrong call has its line, in the order of the files."""
    daemon.write("one.py", "queue('a')\nworker('b', x=1)\n")
    daemon.write("two.py", "worker('c', interval=-1)\n")

    result = daemon.run("one.py", "two.py")

    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == [
        "one.py:1",
        "one.py:2",
        "two.py:1",
    ]


def test_under_daemonize_the_command_tells_it(daemon: Daemon):
    """The waiting command prints the line, and that the master did not start; exit status 1."""
    daemon.write("resqued.py", "\n\nqueue('a')\n")

    result = daemon.run("-D", "-p", "resqued.pid", "-l", "resqued.log", "resqued.py")

    first, second = result.stderr.splitlines()
    assert first.startswith("resqued.py:3: ")
    assert second == "Master process failed to start!"
    assert result.returncode == 1
    daemon.wait_until_gone()
    assert not (daemon.folder / "resqued.pid").exists()


def test_a_listener_that_is_killed_while_it_reads_ends_the_master(daemon: Daemon):
    """A config file that ends its process leaves no daemon that tries forever."""
    daemon.write("resqued.py", "import os\nos._exit(3)\n")

    result = daemon.run("-D", "resqued.py")

    assert "left early: exit status 3" in result.stderr
    assert "Master process failed to start!" in result.stderr
    assert result.returncode == 1
    daemon.wait_until_gone()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("-p", "cannot write pidfile {folder}/missing/file: No such file or directory"),
        ("-l", "cannot write logfile missing/file: No such file or directory"),
    ],
)
@pytest.mark.parametrize("mode", ["", "-D"])
def test_files_that_cannot_be_written(daemon: Daemon, option: str, message: str, mode: str):
    """Nothing is started without its pidfile or its log."""
    daemon.write("resqued.py", "open('loaded', 'w')\nworker('a')\n")

    result = daemon.run(*filter(None, [mode]), option, "missing/file", "resqued.py")

    assert result.stderr.splitlines()[0] == message.format(folder=daemon.folder)
    assert result.returncode == 1
    daemon.wait_until_gone()
    assert not (daemon.folder / "loaded").exists()
