"""Log files, in a child each time: they take over standard output and standard error."""

import errno
import json
import logging
import os
import pathlib
import resource
import socket
import sys

import pytest

from resqued import log
from resqued.process.spawn import fork_child
from tests.support.forks import in_child, wait_for_end


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """The log file's name."""
    return tmp_path / "resqued.log"


def texts(path: pathlib.Path) -> list[str]:
    """Return the lines without what stands before their text."""
    return [line.rpartition(": ")[2] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("how", ["moved", "deleted", "replaced"])
def test_lines_and_raw_output_follow_the_name(path: pathlib.Path, how: str):
    """After the file was moved, deleted or replaced, everything goes to the one under its name."""

    def body() -> None:
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # not those of the test runner
        log.configure(str(path))
        logging.getLogger("x").info("old line")
        os.write(1, b"old raw\n")
        if how == "moved":
            path.rename(path.with_suffix(".1"))
        else:
            path.unlink()
        if how == "replaced":
            path.write_text("from elsewhere\n")
        logging.getLogger("x").info("new line")
        os.write(1, b"new raw output\n")
        os.write(2, b"new raw error\n")
        print("printed")
        print("complained", file=sys.stderr)

    in_child(body)

    foreign = ["from elsewhere"] if how == "replaced" else []
    new = ["new line", "new raw output", "new raw error", "printed", "complained"]
    assert texts(path) == foreign + new
    if how == "moved":
        assert texts(path.with_suffix(".1")) == ["old line", "old raw"]


def test_follow_alone_moves_raw_output(path: pathlib.Path):
    """A process that logs nothing can still keep what it prints in the right file."""

    def body() -> None:
        file = log.LogFile(str(path))
        path.rename(path.with_suffix(".1"))
        os.write(1, b"not yet\n")
        file.follow()
        os.write(1, b"now\n")

    in_child(body)

    assert texts(path.with_suffix(".1")) == ["not yet"]
    assert texts(path) == ["now"]


def test_the_name_stays_the_same_in_another_working_directory(path: pathlib.Path):
    """A relative name is made absolute when the file is opened first."""

    def body() -> str:
        os.chdir(path.parent)
        file = log.LogFile("resqued.log")
        os.chdir("/")
        path.unlink()
        file.write("line")
        return file.path

    assert in_child(body) == str(path)
    assert texts(path) == ["line"]


def test_following_uses_no_more_descriptors(path: pathlib.Path):
    """A daemon whose log is rotated every night for years does not run out of them."""

    def body() -> tuple[int, int]:
        file = log.LogFile(str(path))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(50):
            path.unlink()
            file.write("line")
        return before, len(os.listdir("/proc/self/fd"))

    before, after = in_child(body)
    assert before == after


def test_the_file_is_no_descriptor_that_other_programs_get(path: pathlib.Path):
    """Only standard output and error reach what a job starts."""

    def body() -> list[bool]:
        file = log.LogFile(str(path))
        return [os.get_inheritable(file._descriptor), os.get_inheritable(1), os.get_inheritable(2)]

    assert in_child(body) == [False, True, True]


def test_lines_of_many_processes_never_mix(path: pathlib.Path):
    """Each line is one write to the end of the file, however long it is."""

    def body() -> None:
        file = log.LogFile(str(path))
        pids = []
        for number in range(4):
            pid = os.fork()
            if pid == 0:
                for _ in range(200):
                    file.write(str(number) * 6000)
                os._exit(0)
            pids.append(pid)
        assert [wait_for_end(pid) for pid in pids] == [0] * 4

    in_child(body)

    lines = path.read_text().splitlines()
    assert len(lines) == 800
    assert set(lines) == {str(number) * 6000 for number in range(4)}


def test_a_file_that_cannot_be_opened(tmp_path: pathlib.Path):
    """The caller gets the system's reason, and its output stays where it was."""

    def body() -> tuple[int | None, bool]:
        before = os.fstat(1)
        try:
            log.configure(str(tmp_path / "missing" / "resqued.log"))
        except OSError as error:
            return error.errno, os.path.samestat(before, os.fstat(1))
        return None, False

    number, is_unchanged = in_child(body)
    assert number == 2
    assert is_unchanged


def test_a_pipe_that_nobody_reads(tmp_path: pathlib.Path):
    """It is not waited for; one with a reader is a log file like any other."""
    os.mkfifo(tmp_path / "pipe")

    def body() -> tuple[int | None, bytes]:
        number = None
        try:
            log.configure(str(tmp_path / "pipe"))
        except OSError as error:
            number = error.errno
        reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        log.configure(str(tmp_path / "pipe"))
        logging.getLogger("test").warning("a line")
        return number, os.read(reader, 4096)

    number, said = in_child(body)
    assert number == errno.ENXIO
    assert said.endswith(b" WARNING test: a line\n")


def test_a_folder_that_is_gone_loses_lines_and_nothing_else(tmp_path: pathlib.Path):
    """Logging never ends the process that logs, and goes on when the folder is back."""
    folder = tmp_path / "logs"
    folder.mkdir()

    def body() -> None:
        log.configure(str(folder / "resqued.log"))
        (folder / "resqued.log").unlink()
        folder.rmdir()
        logging.getLogger("x").info("lost")
        folder.mkdir()
        logging.getLogger("x").info("kept")

    in_child(body)

    assert texts(folder / "resqued.log") == ["kept"]


def test_a_full_disk_loses_lines_and_nothing_else(path: pathlib.Path):
    """Writing beyond the limit of file sizes stands in for a full disk."""

    def body() -> None:
        import signal  # noqa: PLC0415 - in the child only

        log.configure(str(path))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        logging.getLogger("x").info("lost")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        logging.getLogger("x").info("kept")

    in_child(body)

    assert texts(path) == ["kept"]


def test_text_that_no_encoding_has(path: pathlib.Path):
    """A lone surrogate (a file name that is no UTF-8) is written in escapes, not dropped."""

    def body() -> None:
        log.configure(str(path))
        logging.getLogger("x").info("name %s", os.fsdecode(b"\xff"))

    in_child(body)

    assert texts(path) == [r"name \udcff"]


def test_configure_replaces_what_was_configured(tmp_path: pathlib.Path):
    """A process that is told another file writes each line there, and once."""

    def body() -> None:
        log.configure(str(tmp_path / "one.log"))
        log.configure(str(tmp_path / "two.log"))
        logging.getLogger("x").info("line")
        logging.getLogger("x").debug("not shown")

    in_child(body)

    assert texts(tmp_path / "one.log") == []
    assert texts(tmp_path / "two.log") == ["line"]


# --- JSON


def test_json_in_a_process_and_those_below(path: pathlib.Path):
    """Each has its own pid, and what it was given in common by the ones above."""

    def body() -> list[int]:
        log.configure(str(path), "json")
        log.bind(generation=2)
        logging.getLogger("x").info("listener")
        pid = os.fork()
        if pid == 0:
            log.bind(worker=os.getpid())
            logging.getLogger("x").info("worker")
            child = os.fork()
            if child == 0:
                logging.getLogger("x").info("job")
                os._exit(0)
            os._exit(wait_for_end(child))
        assert wait_for_end(pid) == 0
        logging.getLogger("x").info("listener", extra={"worker": pid})
        return [os.getpid(), pid]

    listener, worker = in_child(body)

    first, second, third, last = map(json.loads, path.read_text().splitlines())
    assert [first["pid"], second["pid"], last["pid"]] == [listener, worker, listener]
    assert third["pid"] not in (listener, worker)
    assert [line.get("worker") for line in (first, second, third, last)] == [None, *3 * [worker]]
    assert {line["generation"] for line in (first, second, third, last)} == {2}


def test_what_ends_a_process_is_logged_as_json(path: pathlib.Path):
    """Where it would be printed otherwise."""

    def fail() -> int:
        raise ValueError("no luck")

    def body() -> int:
        log.configure(str(path), "json")
        return wait_for_end(fork_child(fail))

    assert in_child(body) == 1

    (line,) = map(json.loads, path.read_text().splitlines())
    assert line["event"] == "uncaught_exception"
    assert line["message"] == "Not caught: ValueError: no luck"
    assert line["traceback"].endswith("\nValueError: no luck")


def test_what_ends_a_process_is_printed_as_ever(path: pathlib.Path):
    """In the text format."""

    def fail() -> int:
        raise ValueError("no luck")

    def body() -> int:
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # not those of the test runner
        log.configure(str(path))
        return wait_for_end(fork_child(fail))

    assert in_child(body) == 1

    lines = path.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("Traceback (most recent call last):", "ValueError: no luck")


def test_a_format_of_a_later_version(path: pathlib.Path):
    """A master of tomorrow may ask for it; text is what everybody has."""
    in_child(lambda: [log.configure(str(path), "xml"), logging.getLogger("x").info("line")][1])

    assert texts(path) == ["line"]


# --- the journal


def journal(stream: socket.socket | int) -> str:
    """Return what systemd would say of a stream."""
    status = os.fstat(stream if isinstance(stream, int) else stream.fileno())
    return f"{status.st_dev}:{status.st_ino}"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_lines_for_the_journal_have_a_priority(log_format: str):
    """Every line of a record has that of its level."""
    ours, theirs = socket.socketpair()

    def body() -> None:
        os.dup2(theirs.fileno(), 1)
        log.configure(None, log_format, journal(theirs))
        logger = logging.getLogger("x")
        logger.setLevel(logging.DEBUG)
        for level in (10, 20, 25, 30, 40, 45, 50):
            logger.log(level, "one\ntwo")

    in_child(body)

    theirs.close()
    with ours, ours.makefile() as file:
        lines = file.read().splitlines()
    each = 2 if log_format == "text" else 1
    expected = [p for p in (7, 6, 6, 4, 3, 3, 2) for _ in range(each)]
    assert [line[:3] for line in lines] == [f"<{priority}>" for priority in expected]
    if log_format == "json":
        assert all(json.loads(line[3:])["message"] == "one\ntwo" for line in lines)
    else:
        assert lines[0].endswith(": one")
        assert lines[1] == "<7>  two"


@pytest.mark.parametrize("stream", ["elsewhere", "1:2", "", "x", None])
def test_what_is_no_journal(tmp_path: pathlib.Path, stream: str | None):
    """A terminal, a pipe, or a file into which a shell has sent the output of a service."""

    def body() -> None:
        other = os.open(tmp_path / "output", os.O_WRONLY | os.O_CREAT)
        os.dup2(other, 1)
        log.configure(None, "text", journal(2) if stream == "elsewhere" else stream)
        logging.getLogger("x").error("line")

    in_child(body)

    assert (tmp_path / "output").read_text()[:2] == "20"


def test_a_log_file_is_no_journal(path: pathlib.Path):
    """Though the service has one."""

    def body() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            os.dup2(theirs.fileno(), 1)
            log.configure(str(path), "text", journal(theirs))
            logging.getLogger("x").error("line")

    in_child(body)

    assert path.read_text()[:2] == "20"
