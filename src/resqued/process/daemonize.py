"""Run a process in the background, and tell the shell only then that it runs."""

import os
from collections.abc import Callable

from resqued.exit_codes import ExitCode
from resqued.process.spawn import fork_child


class StartReport:
    """The background process's side of the pipe to the command that waits for it."""

    def __init__(self, writer: int) -> None:
        self._writer: int | None = writer

    def started(self) -> None:
        """Let the waiting command exit 0."""
        self._send(b"+")

    def failed(self, reason: str) -> None:
        """Have the waiting command print ``reason`` and exit 1."""
        self._send(b"-" + reason.encode("utf-8", "backslashreplace"))

    def _send(self, verdict: bytes) -> None:
        if self._writer is None:
            return
        try:
            os.write(self._writer, verdict)
        except BrokenPipeError:
            pass  # the command was killed while it waited; we go on without it
        os.close(self._writer)
        self._writer = None


def daemonize(body: Callable[[StartReport], int]) -> str | None:
    """Run ``body`` in a background process; wait until it reports, and return what went wrong.

    None: it runs. The background process has a session of its own and cannot get a terminal
    again (double fork), reads nothing, and writes to the null device until it opens a log. It
    keeps the working directory, and exits with what ``body`` returns.
    """
    reader, writer = os.pipe()

    def second() -> int:
        os.close(reader)
        _detach_streams()
        return body(StartReport(writer))

    def first() -> int:
        os.setsid()
        fork_child(second)
        return ExitCode.OK

    intermediate = fork_child(first)
    os.close(writer)
    os.waitpid(intermediate, 0)
    with os.fdopen(reader, "rb") as pipe:
        verdict = pipe.read()
    if verdict == b"+":
        return None
    return verdict[1:].decode("utf-8", "replace")


def _detach_streams() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    if null > 2:
        os.close(null)
