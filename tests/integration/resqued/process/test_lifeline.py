import os
import signal
import time
from collections.abc import Callable
from signal import Signals

import pytest

from resqued.process import lifeline
from resqued.process.lifeline import Lifeline, has_ended, own_end, signal_at_end, wait_for_any
from tests.support.forks import in_child, wait_for_end
from tests.support.latch import Latch

#: Nobody's user and group.
STRANGER = 65534


class Holder:
    """A process that holds a lifeline as a master does, until it is killed."""

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self.reader, hold = reader, writer
        ready_reader, ready_writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(ready_reader)
            os.close(ready_writer)
            signal.pause()
            os._exit(0)
        os.close(ready_writer)
        os.close(hold)
        os.read(ready_reader, 1)  # its copies of the ends that are not its own are closed
        os.close(ready_reader)

    def kill(self) -> None:
        """End it as nothing can prevent."""
        os.kill(self.pid, Signals.SIGKILL)
        wait_for_end(self.pid)


def child_of(holder: Holder, busy: Callable[[], object], number: Signals) -> int:
    """Fork a process on the lifeline that does ``busy``; return its pid when it has begun."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        assert signal_at_end(own_end(holder.reader), number)
        os.write(writer, b".")
        busy()
        os._exit(77)
    os.read(reader, 1)
    os.close(reader)
    os.close(writer)
    return pid


def test_a_lifeline_ends_with_its_holder():
    """Not while the holder lives, whoever else has the reading end."""

    def body() -> None:
        holder = Holder()
        assert not has_ended(holder.reader)
        assert not wait_for_any(0.01, holder.reader)
        holder.kill()
        assert has_ended(holder.reader)
        assert wait_for_any(None, holder.reader)

    in_child(body)


def test_closing_lets_go_of_it():
    """The master's orderly end is noticed as well."""

    def body() -> None:
        line = Lifeline()
        reader = os.dup(line.reader)
        assert not has_ended(reader)
        line.close()
        assert has_ended(reader)

    in_child(body)


def test_programs_do_not_hold_it():
    """What a job starts can neither keep it open nor read it."""

    def body() -> list[bool]:
        line = Lifeline()
        return [os.get_inheritable(line.reader), os.get_inheritable(line.writer)]

    assert in_child(body) == [False, False]


def test_a_line_that_is_taken_over_is_the_same():
    """As after an exec: who was on it before notices only when the new holder lets go."""

    def body() -> None:
        before = Lifeline()
        reader = os.dup(before.reader)
        after = Lifeline((before.reader, before.writer))
        assert not has_ended(reader)
        after.close()
        assert has_ended(reader)

    in_child(body)


@pytest.mark.parametrize("number", [Signals.SIGQUIT, Signals.SIGTERM])
def test_the_kernel_signals_a_process_that_sleeps(number: Signals):
    """A process busy in code that knows nothing of lifelines gets the signal."""

    def body() -> int:
        holder = Holder()
        pid = child_of(holder, lambda: time.sleep(60), number)
        holder.kill()
        return wait_for_end(pid, 5)

    assert in_child(body) == -number


def test_every_process_on_the_line_gets_its_own_signal():
    """Owner and signal belong to each process, although they share the pipe by forks."""

    def body() -> list[int]:
        holder = Holder()
        numbers = (Signals.SIGQUIT, Signals.SIGTERM, Signals.SIGUSR1)
        pids = [child_of(holder, lambda: time.sleep(60), number) for number in numbers]
        holder.kill()
        return [wait_for_end(pid, 5) for pid in pids]

    assert in_child(body) == [-Signals.SIGQUIT, -Signals.SIGTERM, -Signals.SIGUSR1]


def test_a_handler_gets_it_once():
    """A worker that handles QUIT finishes its job; the end is told a single time."""

    def body() -> None:
        calls: list[int] = []
        holder = Holder()
        signal.signal(Signals.SIGQUIT, lambda number, _frame: calls.append(number))
        assert signal_at_end(own_end(holder.reader), Signals.SIGQUIT)
        holder.kill()
        deadline = time.monotonic() + 5
        while not calls and time.monotonic() < deadline:
            signal.sigtimedwait([], 0.01)
        signal.sigtimedwait([], 0.05)  # nothing more comes
        assert calls == [Signals.SIGQUIT]

    in_child(body)


def test_a_line_that_has_ended_before_signals_at_once():
    """The kernel reports only what happens later, so that is looked at."""

    def body() -> int:
        holder = Holder()
        holder.kill()
        pid = os.fork()
        if pid == 0:
            signal_at_end(own_end(holder.reader), Signals.SIGQUIT)
            time.sleep(60)
        return wait_for_end(pid, 5)

    assert in_child(body) == -Signals.SIGQUIT


def test_nobody_is_signalled_while_the_holder_lives():
    """The end of another process on the line means nothing."""

    def body() -> int:
        holder = Holder()
        first = child_of(holder, lambda: time.sleep(60), Signals.SIGQUIT)
        may_end = Latch()
        second = child_of(holder, may_end.wait, Signals.SIGQUIT)
        os.kill(first, Signals.SIGKILL)
        wait_for_end(first)  # what the kernel says of that end, it has said by now
        may_end.open()
        status = wait_for_end(second)
        holder.kill()
        return status

    assert in_child(body) == 77


def test_a_descriptor_that_is_none():
    """OSError, not a worker that would never notice its master's end."""

    def body() -> None:
        reader, writer = os.pipe()
        os.close(reader)
        os.close(writer)
        with pytest.raises(OSError, match="No such file"):
            own_end(reader)

    in_child(body)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone may become another user")
def test_a_process_that_becomes_another_user_is_signalled():
    """It takes its end before that, after which it may not look into /proc/self."""

    def body() -> tuple[int, int]:
        holder = Holder()
        ends = []
        for takes_end_before in (True, False):
            reader, writer = os.pipe()
            pid = os.fork()
            if pid == 0:
                own = own_end(holder.reader) if takes_end_before else None
                os.setgid(STRANGER)
                os.setuid(STRANGER)
                own = own if takes_end_before else own_end(holder.reader)
                os.write(writer, b"%d" % signal_at_end(own, Signals.SIGQUIT))
                if own is not None:
                    time.sleep(60)
                os._exit(77)
            assert os.read(reader, 1) == (b"1" if takes_end_before else b"0")
            ends.append(pid)
        holder.kill()
        return wait_for_end(ends[0], 5), wait_for_end(ends[1], 5)

    assert in_child(body) == (-Signals.SIGQUIT, 77)


def test_the_module_leaves_nothing_open():
    """Lifeline.close closes both ends."""

    def body() -> None:
        before = len(os.listdir("/proc/self/fd"))
        lifeline.Lifeline().close()
        assert len(os.listdir("/proc/self/fd")) == before

    in_child(body)
