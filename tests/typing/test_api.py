import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


def test_type_checkers_know_the_signatures_of_jobs():
    """The examples of right calls are accepted, and every wrong one is an error."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "tests/typing/api.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
