"""Signals that reach the master at one moment."""

from signal import Signals

from tests.support.daemon import Daemon


def test_a_pause_that_is_taken_back_at_once(daemon: Daemon):
    """The kernel keeps no order between them, and the pool must not stay paused."""
    daemon.start_working("worker('a')\n", count=1)
    daemon.signal(Signals.SIGSTOP)
    daemon.signal(Signals.SIGUSR2)  # is pending until CONT lets the master go on
    daemon.signal(Signals.SIGCONT)

    daemon.wait_for_log("SIGUSR2 received, pausing")
    daemon.wait_for_log("SIGCONT received, resuming")
    daemon.wait_for_workers(1)
    assert daemon.stop() == 0
