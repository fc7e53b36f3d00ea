"""What ``ps`` shows for a process that is not ours."""

import os
import sys


def command_line(pid: int) -> bytes | None:
    """Return the title or command line of a process; empty if there is no such process.

    None if it is there and hides it: another user's, where /proc is mounted so (hidepid).
    """
    line = _from_proc(pid) if sys.platform == "linux" else _from_ps(pid)
    if line:
        return line
    return None if _is_hidden(pid) else b""


def _from_proc(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ")
    except OSError:
        return b""


def _from_ps(pid: int) -> bytes:
    import subprocess  # noqa: PLC0415 - for systems without /proc only

    command = ["ps", "-p", str(pid), "-o", "command="]
    return subprocess.run(command, capture_output=True, check=False).stdout


def _is_hidden(pid: int) -> bool:
    """Tell whether the process belongs to somebody whom we may not signal."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return not os.path.exists(f"/proc/{pid}")
    except (OSError, OverflowError):
        return False
    return False
