"""What the master runs in a fresh interpreter for each generation; no command of its own."""

# ruff: noqa: E402 - something has to be done before the others are loaded
from resqued.process import at_fork

at_fork.adopt()

import os
import socket
import sys
from signal import Signals

from resqued import log
from resqued.clock import MonotonicClock
from resqued.exit_codes import ExitCode
from resqued.ipc.channel import Channel
from resqued.ipc.messages import Boot, BootFailed
from resqued.listener.app import Listener
from resqued.process import kernel, lifeline, limits, spawn

#: Seconds in which a master that has just started us must have said what to load.
_ORDER_TIMEOUT = 30.0
#: How much sooner than the master a listener is taken when memory runs out (oom_score_adj).
_OOM_STEP = 100


def main(channel_end: int, lifeline_end: int, *held: int) -> int:
    """Be a listener: descriptor of the channel, of the lifeline, and those only to hold open."""
    # The application's code may hang while it loads, where nothing of ours runs.
    kernel.die_with_parent(Signals.SIGKILL)
    for descriptor in (channel_end, lifeline_end, *held):
        os.set_inheritable(descriptor, False)  # programs that jobs start have no use for them
    channel = Channel(socket.socket(fileno=channel_end))
    order = next(iter(channel.receive_now(_ORDER_TIMEOUT)), None)
    if channel.foreign_major is not None:
        # It understands no more of this than its version, which is what it has to know.
        channel.send_now(BootFailed("", is_config_unreadable=True))
    if not isinstance(order, Boot) or lifeline.has_ended(lifeline_end):
        return ExitCode.FAILED
    log_file = log.configure(order.log_path, order.log_format, os.environ.get("JOURNAL_STREAM"))
    log.bind(generation=order.generation)
    kernel.prefer_for_oom(_OOM_STEP)
    limits.raise_file_limit()
    os.chdir(order.folder)
    return Listener(channel, order, lifeline_end, MonotonicClock(), log_file).run()


if __name__ == "__main__":
    # What the application leaves running (threads, exit handlers) must not hold up a listener
    # whose workers have left.
    spawn.leave(main(*map(int, sys.argv[1:])))
