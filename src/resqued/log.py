"""Log lines: one format for every process, in a file that may be moved away at any time."""

import logging
import os
import sys
import time

#: What stands before a text, in every log.
FORMAT = "%(asctime)s [%(process)d] %(levelname)s %(name)s: %(message)s"


class HonestFormatter(logging.Formatter):
    """No text of a record can look like another record, or do anything to a terminal.

    Whoever may enqueue names classes and queues, and the texts of errors hold arguments. So control
    characters are shown by escapes, and lines after a record's first are indented.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines."""
        text = super().format(record)
        if text.isprintable():
            return text
        shown = (c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)
        return "".join(shown).replace("\n", "\n  ")


class MicrosecondFormatter(HonestFormatter):
    """Local time with microseconds: the order of lines of many processes can be told."""

    def formatTime(  # noqa: N802 - the standard library's name
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        """Return ``2026-11-23 18:39:53.791473``."""
        whole = time.strftime(datefmt or "%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        return f"{whole}.{int(record.created % 1 * 1_000_000):06d}"


class LogFile:
    """An append-only file by name: after it was moved or deleted, a new one under that name.

    Standard output and standard error of this process go to it as well, so that what a job
    prints, or the interpreter before it dies, stands between the log's lines.
    """

    def __init__(self, path: str) -> None:
        """Open ``path``, absolute from now on. Raises OSError if it cannot be opened."""
        self.path = os.path.abspath(path)
        self._descriptor = -1
        self._open()

    def write(self, line: str) -> None:
        """Append one line in one write, so that lines of different processes never mix."""
        try:
            self.follow()
        except OSError:
            pass  # its folder is gone, or not ours any more: what is open still takes the line
        os.write(self._descriptor, line.encode("utf-8", "backslashreplace") + b"\n")

    def follow(self) -> None:
        """Open the name anew if the open file no longer stands under it."""
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            self._open()
            return
        if not os.path.samestat(there, os.fstat(self._descriptor)):
            self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        # A named pipe that nobody reads is an error, and no reason to wait for ever (fifo(7)).
        fresh = os.open(self.path, flags | os.O_NONBLOCK, 0o644)
        os.set_blocking(fresh, True)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = fresh
        for stream in (1, 2):
            os.dup2(fresh, stream)


class LineHandler(logging.Handler):
    """Writes each record as a whole line, to a LogFile or else to standard output."""

    def __init__(self, file: LogFile | None) -> None:
        super().__init__()
        self._file = file
        self.setFormatter(MicrosecondFormatter(FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a full disk or a closed terminal loses it and nothing else."""
        try:
            line = self.format(record)
            if self._file is not None:
                self._file.write(line)
            else:
                os.write(1, line.encode("utf-8", "backslashreplace") + b"\n")
        except OSError:
            pass  # logging must never end the process that logs
        except Exception:  # noqa: BLE001 - a record whose arguments do not fit its text
            self.handleError(record)


def configure(path: str | None) -> LogFile | None:
    """Send this process's log, and those of the children it forks, to ``path``.

    None is standard output. Returns the open file. Raises OSError if it cannot be opened.
    """
    file = None if path is None else LogFile(path)
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
    root.addHandler(LineHandler(file))
    root.setLevel(logging.INFO)
    _write_through()
    return file


def _write_through() -> None:
    """Make what is printed go out line by line, as on a terminal: between the log's own lines."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)
