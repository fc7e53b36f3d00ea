"""Log lines: one format for every process, in a file that may be moved away at any time."""

import logging
import os
import sys
import time
from types import TracebackType

from resqued.structured import Context, JsonFormatter

log = logging.getLogger(__name__)

#: What stands before a text, in every log.
FORMAT = "%(asctime)s [%(process)d] %(levelname)s %(name)s: %(message)s"
#: The journal's priorities (sd-daemon(3)), by the least level that has them.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_LOWEST = 7


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


class JournalFormatter(logging.Formatter):
    """Tells the journal each line's priority, by a prefix that it takes away again."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of the other formatter; each becomes an entry of the journal."""
        priority = next((p for level, p in _PRIORITIES if record.levelno >= level), _LOWEST)
        return "\n".join(f"<{priority}>{line}" for line in self._inner.format(record).split("\n"))


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

    def __init__(self, file: LogFile | None, formatter: logging.Formatter) -> None:
        super().__init__()
        self._file = file
        self.setFormatter(formatter)

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


def configure(
    path: str | None, log_format: str = "text", journal_stream: str | None = None
) -> LogFile | None:
    """Send this process's log, and those of the children it forks, to ``path``.

    None is standard output, and ``journal_stream`` what systemd says of it (JOURNAL_STREAM). A
    ``log_format`` that this version does not know is text. Returns the open file. Raises OSError
    if it cannot be opened.
    """
    file = None if path is None else LogFile(path)
    formatter: logging.Formatter = MicrosecondFormatter(FORMAT)
    if log_format == "json":
        formatter = JsonFormatter()
        sys.excepthook = _log_uncaught
    if file is None:
        formatter = for_stream(formatter, 1, journal_stream)
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
    root.addHandler(LineHandler(file, formatter))
    root.setLevel(logging.INFO)
    _write_through()
    return file


def bind(**fields: int) -> None:
    """Add fields to every record that this process writes from now on, and those that it forks.

    Only JSON shows them. Nothing happens in a process whose log was not configured here.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LineHandler):
            handler.addFilter(Context(fields))


def for_stream(
    formatter: logging.Formatter, descriptor: int, journal_stream: str | None
) -> logging.Formatter:
    """Return a formatter for what is written to ``descriptor``: with priorities for the journal.

    Whether it leads there is known by device and inode (systemd.exec(5)): the variable outlives
    a redirection to somewhere else.
    """
    try:
        status = os.fstat(descriptor)
    except OSError:
        return formatter  # it is closed
    if journal_stream == f"{status.st_dev}:{status.st_ino}":
        return JournalFormatter(formatter)
    return formatter


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Log what would be printed where everything is to be JSON: what ends a process."""
    log.critical(
        "Not caught: %s: %.500s",
        kind.__qualname__,
        error,
        exc_info=(kind, error, trace),
        extra={"event": "uncaught_exception", "exception": kind.__qualname__},
    )


def _write_through() -> None:
    """Make what is printed go out line by line, as on a terminal: between the log's own lines."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)
