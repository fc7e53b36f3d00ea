"""Other interpreters of this machine, for what the one that runs the tests may not have."""

import os
import pathlib
import shutil
import subprocess
import sys

from tests.support.waiting import PATIENCE

ROOT = pathlib.Path(__file__).parents[2]


def of_version(*version: int) -> str | None:
    """Return a Python of this version, this one rather than another; None if there is none."""
    if sys.version_info[:2] == version:
        return sys.executable
    name = "python" + ".".join(map(str, version))
    pyenv = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv"))
    for found in (shutil.which(name), *pyenv.glob(f"versions/*/bin/{name}")):
        if found is not None and _starts(str(found)):
            return str(found)
    return None


def _starts(python: str) -> bool:
    # A name that stands for several versions may be none of them just now.
    return subprocess.run([python, "-V"], capture_output=True, check=False).returncode == 0


def run(python: str, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program that needs this project and the standard library, nothing else."""
    path = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r})\n"
    return subprocess.run(
        [python, "-I", "-c", path + program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
