import os
import select
import signal
import time
from signal import Signals

import pytest

from resqued.process import signals
from resqued.process.signals import HANDLED, SignalInbox
from tests.support.forks import in_child, wait_for_end

WANTED = (Signals.SIGUSR1, Signals.SIGUSR2, Signals.SIGTERM)


def raise_all(*numbers: Signals) -> None:
    """Send signals to this process, each taken before the next is sent."""
    for number in numbers:
        os.kill(os.getpid(), number)


def test_signals_are_read_in_the_order_in_which_they_are_wanted():
    """However they came, and the inbox is readable only while there are some."""

    def body() -> None:
        with SignalInbox(WANTED) as inbox:
            assert not select.select([inbox], [], [], 0)[0]
            raise_all(Signals.SIGUSR2, Signals.SIGTERM, Signals.SIGUSR1)
            assert select.select([inbox], [], [], 5)[0]
            assert inbox.drain() == [Signals.SIGUSR1, Signals.SIGUSR2, Signals.SIGTERM]
            assert inbox.drain() == []
            assert not select.select([inbox], [], [], 0)[0]

    in_child(body)


def test_equal_signals_count_once():
    """As the kernel itself has it with signals that are pending together."""

    def body() -> list[Signals]:
        with SignalInbox(WANTED) as inbox:
            raise_all(*[Signals.SIGUSR1, Signals.SIGTERM] * 20)
            return inbox.drain()

    assert in_child(body) == [Signals.SIGUSR1, Signals.SIGTERM]


def test_a_flood_of_signals_never_blocks():
    """A pipe that is full already means "awake"; what does not fit is dropped."""

    def body() -> bool:
        with SignalInbox(WANTED) as inbox:
            for _ in range(70_000):  # more than a pipe holds
                signal.raise_signal(Signals.SIGUSR1)
            return Signals.SIGUSR1 in inbox.drain()

    assert in_child(body)


def test_a_signal_wakes_a_wait():
    """A selector's wait ends when a signal comes from outside meanwhile."""

    def body() -> list[Signals]:
        parent = os.getpid()
        with SignalInbox(WANTED) as inbox:
            sender = os.fork()
            if sender == 0:
                os.kill(parent, Signals.SIGTERM)
                os._exit(0)
            assert select.select([inbox], [], [], 10)[0]
            received = inbox.drain()
            wait_for_end(sender)
        return received

    assert in_child(body) == [Signals.SIGTERM]


def test_signals_pending_before_it_is_entered_are_not_lost():
    """Those that came while they were blocked are in the same order."""

    def body() -> list[Signals]:
        signals.hold_back()
        raise_all(Signals.SIGTERM, Signals.SIGUSR1)
        with SignalInbox(WANTED) as inbox:
            return inbox.drain()

    assert in_child(body) == [Signals.SIGUSR1, Signals.SIGTERM]


def test_a_pause_and_its_end_that_are_pending_together():
    """The kernel runs their handlers in the wrong order; CONT has the last word all the same."""

    def body() -> list[Signals]:
        with SignalInbox(HANDLED) as inbox:
            with signals.blocked():
                raise_all(Signals.SIGUSR2, Signals.SIGCONT)
            return inbox.drain()

    assert in_child(body) == [Signals.SIGUSR2, Signals.SIGCONT]


def test_handlers_wakeup_and_mask_are_put_back():
    """After leaving, everything is as it was, and nothing writes to the closed pipe."""

    def body() -> None:
        calls: list[int] = []
        signal.signal(Signals.SIGUSR1, lambda number, _frame: calls.append(number))
        signal.signal(Signals.SIGUSR2, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [Signals.SIGTERM])
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        before = len(os.listdir("/proc/self/fd"))

        with SignalInbox(WANTED) as inbox:
            raise_all(Signals.SIGUSR1)
            assert inbox.drain() == [Signals.SIGUSR1]

        raise_all(Signals.SIGUSR1, Signals.SIGUSR2)
        assert calls == [Signals.SIGUSR1]
        assert signal.getsignal(Signals.SIGUSR2) is signal.SIG_IGN
        assert signal.getsignal(Signals.SIGTERM) is signal.SIG_DFL
        assert Signals.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, [])
        assert os.read(reader, 10) == bytes([Signals.SIGUSR1])
        assert len(os.listdir("/proc/self/fd")) == before
        assert signal.set_wakeup_fd(-1) == writer

    in_child(body)


def test_it_hears_again_after_others_have_listened():
    """Whatever they have left: handlers, another wake-up or none."""

    def body() -> list[Signals]:
        with SignalInbox(HANDLED) as inbox:
            for number in HANDLED:
                signal.signal(number, signal.SIG_IGN)
            signal.set_wakeup_fd(-1)
            inbox.install_again()
            os.kill(os.getpid(), Signals.SIGTERM)
            os.kill(os.getpid(), Signals.SIGCHLD)
            return inbox.drain()

    assert in_child(body) == [Signals.SIGTERM, Signals.SIGCHLD]


def test_a_signal_after_its_end_does_not_end_a_process_that_is_leaving():
    """Blocked before, blocked again after: the default action cannot spoil the exit status."""

    def body() -> bool:
        signals.hold_back()
        with SignalInbox(WANTED):
            pass
        raise_all(Signals.SIGTERM)
        return True

    assert in_child(body)


def test_what_is_not_wanted_is_not_reported():
    """Another handler's signal is written to the same pipe by the interpreter."""

    def body() -> list[Signals]:
        signal.signal(Signals.SIGALRM, lambda *_: None)
        with SignalInbox(WANTED) as inbox:
            raise_all(Signals.SIGALRM, Signals.SIGUSR1)
            return inbox.drain()

    assert in_child(body) == [Signals.SIGUSR1]


def test_a_child_does_not_write_into_its_parents_pipe():
    """After reset_for_child a signal to the child is the child's affair."""

    def body() -> list[Signals]:
        with SignalInbox(WANTED) as inbox, signals.blocked():
            child = os.fork()
            if child == 0:
                signals.reset_for_child()
                signal.signal(Signals.SIGUSR2, lambda *_: None)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
                os.kill(os.getpid(), Signals.SIGUSR2)
                os.kill(os.getpid(), Signals.SIGUSR1)  # ends it: the default is back
                os._exit(0)
            assert wait_for_end(child) == -Signals.SIGUSR1
            return inbox.drain()

    assert in_child(body) == []


def test_close_in_a_child_leaves_the_parents_inbox_alone():
    """The child closes its copies; the parent still reads its signals."""

    def body() -> list[Signals]:
        with SignalInbox(WANTED) as inbox:
            child = os.fork()
            if child == 0:
                signals.reset_for_child()
                inbox.close()
                os._exit(0)
            wait_for_end(child)
            raise_all(Signals.SIGUSR1)
            return inbox.drain()

    assert in_child(body) == [Signals.SIGUSR1]


def test_ignore_does_nothing_and_is_not_inherited_by_programs():
    """A handler, unlike SIG_IGN, is back at the default after an exec."""

    def body() -> str:
        signals.ignore(Signals.SIGHUP)
        raise_all(Signals.SIGHUP)
        reader, writer = os.pipe()
        os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", "grep SigIgn /proc/self/status"],
            {},
            file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)],
        )
        os.close(writer)
        with os.fdopen(reader) as output:
            text = output.read()
        os.wait()
        return text

    ignored = int(in_child(body).split()[1], 16)
    assert not ignored & 1 << Signals.SIGHUP - 1


def test_blocked_holds_signals_back_and_restores_the_mask():
    """Nothing is delivered meanwhile."""

    def body() -> None:
        received: list[int] = []
        signal.signal(Signals.SIGTERM, lambda number, _frame: received.append(number))
        signal.pthread_sigmask(signal.SIG_BLOCK, [Signals.SIGUSR1, Signals.SIGWINCH])
        with signals.blocked():
            raise_all(Signals.SIGTERM)
            assert received == []
        assert received == [Signals.SIGTERM]
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        assert mask == {Signals.SIGUSR1, Signals.SIGWINCH}

    in_child(body)


def test_what_is_kept_is_put_back_whatever_happens_to_it():
    """Handlers, what they wake, and the mask."""

    def disturb() -> None:
        with signals.kept():
            signals.reset_for_child()
            signals.hold_back()
            raise ZeroDivisionError

    def body() -> bool:
        signals.ignore(Signals.SIGUSR1)
        with SignalInbox([Signals.SIGCHLD, Signals.SIGTERM]) as inbox:
            state = [signal.getsignal(number) for number in HANDLED]
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
            with pytest.raises(ZeroDivisionError):
                disturb()
            same = state == [signal.getsignal(number) for number in HANDLED]
            same = same and mask == signal.pthread_sigmask(signal.SIG_BLOCK, [])
            os.kill(os.getpid(), Signals.SIGTERM)
            return same and inbox.drain() == [Signals.SIGTERM]

    assert in_child(body)


def test_sending_to_a_pid_that_is_gone():
    """Somebody else may have reaped it; that is no error."""

    def body() -> None:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        signals.send(child, Signals.SIGTERM)

    in_child(body)


@pytest.mark.parametrize("number", HANDLED)
def test_every_handled_signal_can_be_reset(number: Signals):
    """A child gets the default for each, CHLD and CONT included."""

    def body() -> bool:
        signal.signal(number, lambda *_: None)
        signals.reset_for_child()
        return signal.getsignal(number) is signal.SIG_DFL

    assert in_child(body)


def test_a_doze_ends_with_a_signal_and_leaves_it_there():
    """Long before its time; and with its time, without one."""

    def body() -> tuple[float, float, list[Signals]]:
        with SignalInbox([Signals.SIGUSR1]) as inbox:
            begun = time.monotonic()
            inbox.doze(0.05)
            over = time.monotonic()
            os.kill(os.getpid(), Signals.SIGUSR1)
            inbox.doze(60)
            return over - begun, time.monotonic() - over, inbox.drain()

    without, with_one, received = in_child(body)
    assert 0.05 <= without < 30
    assert with_one < 30
    assert received == [Signals.SIGUSR1]
