"""A command in a terminal of its own: what it draws, and keys for it."""

import fcntl
import os
import pathlib
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import pyte

from tests.support import waiting


class Terminal:
    """Runs one command in a pseudo-terminal, and draws what it writes; a context manager."""

    def __init__(
        self,
        command: Sequence[str],
        folder: pathlib.Path,
        environment: Mapping[str, str],
        size: tuple[int, int] = (80, 24),
    ) -> None:
        """``size`` is columns and lines."""
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._ours, theirs = pty.openpty()
        try:
            _set_size(theirs, *size)
            self._before = termios.tcgetattr(theirs)
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env={"TERM": "xterm-256color", **environment},
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
                # The kernel tells its session of a new size, and of its end.
                preexec_fn=_take_terminal,  # noqa: PLW1509 - nothing runs beside it
            )
        finally:
            self._theirs = theirs
        os.set_blocking(self._ours, False)
        self.written = b""

    @property
    def lines(self) -> list[str]:
        """The screen as it is now, without the blanks at the ends of lines."""
        self._take()
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """The same, as one text."""
        return "\n".join(self.lines)

    @property
    def is_as_before(self) -> bool:
        """Whether the terminal's settings are those that it had before the command."""
        return bool(termios.tcgetattr(self._theirs) == self._before)

    @property
    def is_stopped(self) -> bool:
        """Whether the command was put aside (SIGTSTP)."""
        status = pathlib.Path(f"/proc/{self.process.pid}/stat").read_bytes()
        return status.rpartition(b")")[2].split()[0] == b"T"

    def resize(self, columns: int, lines: int) -> None:
        """Make it another size, of which the kernel tells the command."""
        self._screen.resize(lines, columns)
        _set_size(self._theirs, columns, lines)

    def press(self, keys: str) -> None:
        """Type something."""
        os.write(self._ours, keys.encode())

    def wait_for(self, *texts: str) -> str:
        """Wait until all of these are on the screen at one time; returns the screen."""
        return waiting.wait_until(
            lambda: (shown := self.text) and all(text in shown for text in texts) and shown,
            f"on the screen: {texts}",
            explain=lambda: self.text,
        )

    def wait_for_end(self) -> int:
        """Wait until the command has ended; returns its exit status."""

        def ended() -> bool:
            self._take()
            return self.process.poll() is not None

        waiting.wait_until(ended, "the end of the command", explain=lambda: self.text)
        return int(self.process.returncode)

    def hang_up(self) -> None:
        """End the connection, as that of a remote terminal may."""
        os.close(self._theirs)
        os.close(self._ours)
        self._theirs = self._ours = -1

    def _take(self) -> None:
        """Draw all that was written meanwhile."""
        while self._ours >= 0:
            try:
                chunk = os.read(self._ours, 65536)
            except BlockingIOError:
                return
            self.written += chunk
            self._stream.feed(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for descriptor in (self._ours, self._theirs):
            if descriptor >= 0:
                os.close(descriptor)


def _set_size(terminal: int, columns: int, lines: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
