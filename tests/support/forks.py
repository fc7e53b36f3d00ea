"""Run a function in a forked child, and wait for children with a deadline."""

import os
import pickle
import resource
import select
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tests.support.waiting import PATIENCE

Result = TypeVar("Result")

#: Bytes of the number before a child's report.
_LENGTH = 8
#: Seconds after which a forked process that a failed test has left behind ends by itself.
_LIFETIME = 100


def _limit_life() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the test runner's own limit is its own
    signal.alarm(_LIFETIME)


os.register_at_fork(after_in_child=_limit_life)


def in_child(body: Callable[[], Result]) -> Result:
    """Return what ``body`` returns in a child of its own; its exception becomes ours.

    For what must not happen to the process that runs the tests: changed handlers, masks,
    descriptors, parents.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _report(writer, body)
    os.close(writer)
    # Not up to the end of the pipe: what the child has left in the background may hold it open.
    size = int.from_bytes(_read(reader, _LENGTH))
    said = _read(reader, size)
    os.close(reader)
    status = wait_for_end(pid)
    assert status == 0, f"the child ended with {status}"
    problem, result = pickle.loads(said)
    assert problem is None, problem
    outcome: Result = result
    return outcome


def wait_for_end(pid: int, seconds: float = PATIENCE) -> int:
    """Return the exit code of our child, negative for a signal; kill it and raise if it is late."""
    descriptor = os.pidfd_open(pid)
    try:
        in_time = select.select([descriptor], [], [], seconds)[0]
        if not in_time:
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(descriptor)
    _, status = os.waitpid(pid, 0)
    assert in_time, f"child {pid} did not end within {seconds} s"
    return os.waitstatus_to_exitcode(status)


@contextmanager
def no_room() -> Iterator[None]:
    """Let no fork succeed meanwhile; in a child of a test's own only, which it makes nobody's."""
    if os.getuid() == 0:  # the limit does not bind root
        os.setgid(65534)
        os.setuid(65534)
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))


@contextmanager
def no_more_files() -> Iterator[None]:
    """Let nothing be opened meanwhile; likewise."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _read(reader: int, size: int) -> bytes:
    said = b""
    while len(said) < size:
        assert select.select([reader], [], [], PATIENCE)[0], "the child says nothing"
        chunk = os.read(reader, size - len(said))
        assert chunk, "the child ended without a word"
        said += chunk
    return said


def _report(writer: int, body: Callable[[], object]) -> None:
    try:
        try:
            content = pickle.dumps((None, body()))
        except BaseException:  # noqa: BLE001 - it is told to the parent
            content = pickle.dumps((traceback.format_exc(), None))
        content = len(content).to_bytes(_LENGTH) + content
        while content:
            content = content[os.write(writer, content) :]
    finally:
        os._exit(0)
