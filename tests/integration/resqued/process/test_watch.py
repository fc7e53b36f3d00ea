import os
import select
import signal
import threading
from signal import Signals

import pytest

from resqued.process import kernel
from resqued.process.watch import ProcessWatch
from tests.support.forks import in_child, wait_for_end
from tests.support.latch import Latch


def forked(gate: int | None = None) -> int:
    """Fork a child that waits for a signal, or ends when ``gate`` does."""
    pid = os.fork()
    if pid == 0:
        if gate is None:
            signal.pause()
        else:
            os.read(gate, 1)
        os._exit(0)
    return pid


def test_a_childs_end_makes_it_readable():
    """Before it is reaped, and also afterwards; not sooner."""

    def body() -> None:
        pid = forked()
        watch = ProcessWatch(pid)
        assert not watch.has_ended()
        assert not select.select([watch], [], [], 0)[0]
        os.kill(pid, Signals.SIGKILL)
        assert select.select([watch], [], [], 10)[0]
        assert watch.has_ended()
        os.waitpid(pid, 0)
        assert watch.has_ended()
        watch.close()

    in_child(body)


def test_a_process_that_is_no_child_can_be_watched():
    """The master is no parent of the workers, but must know of their ends."""

    def body() -> None:
        reader, writer = os.pipe()
        middle = os.fork()
        if middle == 0:
            grandchild = forked()
            os.write(writer, str(grandchild).encode())
            os.waitpid(grandchild, 0)
            os._exit(0)
        watch = ProcessWatch(int(os.read(reader, 20)))
        assert not watch.has_ended()
        watch.send(Signals.SIGTERM)
        assert select.select([watch], [], [], 10)[0]
        assert wait_for_end(middle) == 0
        watch.close()

    in_child(body)


def test_a_zombie_has_ended_already():
    """A worker may be gone before the master hears of it; nothing is missed."""

    def body() -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(3)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        watch = ProcessWatch(pid)
        assert watch.has_ended()
        assert select.select([watch], [], [], 0)[0]
        watch.send(Signals.SIGTERM)
        assert wait_for_end(pid) == 3
        watch.send(Signals.SIGTERM)  # reaped: nobody there, and nobody else is hit
        watch.close()

    in_child(body)


def test_a_pid_that_nobody_has():
    """ProcessLookupError, which the caller acts on."""

    def body() -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        with pytest.raises(ProcessLookupError):
            ProcessWatch(pid)

    in_child(body)


def test_it_is_not_inherited_by_programs():
    """The descriptor ends at an exec."""

    def body() -> bool:
        return os.get_inheritable(ProcessWatch(os.getpid()).fileno())

    assert in_child(body) is False


# --- the kernel's two calls


def test_a_subreaper_adopts_the_children_of_the_dead():
    """An orphan's parent becomes the subreaper, which can reap it."""

    def body() -> None:
        assert kernel.become_subreaper()
        gate_reader, gate_writer = os.pipe()
        reader, writer = os.pipe()
        middle = os.fork()
        if middle == 0:
            os.close(gate_writer)
            os.write(writer, str(forked(gate_reader)).encode())
            os._exit(0)
        assert wait_for_end(middle) == 0
        orphan = int(os.read(reader, 20))
        os.close(gate_writer)
        assert wait_for_end(orphan) == 0  # waitpid works for our children only

    in_child(body)


@pytest.mark.parametrize("is_undone", [False, True])
def test_dying_with_the_parent(is_undone: bool):  # noqa: FBT001
    """The signal comes when the parent ends, unless that was undone."""

    def body() -> int:
        kernel.become_subreaper()
        reader, writer = os.pipe()
        may_end = Latch()
        middle = os.fork()
        if middle == 0:
            child = os.fork()
            if child == 0:
                kernel.die_with_parent(Signals.SIGKILL)
                if is_undone:
                    kernel.outlive_parent()
                os.write(writer, str(os.getpid()).encode())
                may_end.wait()
                os._exit(7)
            signal.pause()
        child = int(os.read(reader, 20))
        os.kill(middle, Signals.SIGKILL)
        wait_for_end(middle)  # the kernel has signalled by now whom it signals
        may_end.open()
        return wait_for_end(child)

    assert in_child(body) == (7 if is_undone else -Signals.SIGKILL)


def test_the_number_of_a_thread_is_no_pid():
    """As with a pid that nobody has: an old pidfile, or a worker's id, may well name one."""
    may_end = threading.Event()
    thread = threading.Thread(target=may_end.wait)
    thread.start()
    try:
        with pytest.raises(ProcessLookupError):
            ProcessWatch(thread.native_id)
    finally:
        may_end.set()
        thread.join()
