"""What ``--test --memory`` runs in a fresh interpreter; no command of its own."""

import io
import os
import socket
import sys
from signal import Signals

from resqued.clock import MonotonicClock
from resqued.exit_codes import ExitCode
from resqued.ipc.channel import Channel
from resqued.ipc.messages import Boot
from resqued.listener.rehearsal import Rehearsal
from resqued.process import kernel, spawn

#: Seconds in which the process that has just started us must have said what to load.
_ORDER_TIMEOUT = 30.0


def main(channel_end: int) -> int:
    """Rehearse for whoever has the other end of this channel."""
    # The application's code may hang, and then nothing of ours notices that nobody looks any more.
    kernel.die_with_parent(Signals.SIGKILL)
    os.set_inheritable(channel_end, False)
    # Here and in the workers: all of them are killed in the end, with what is in their buffers.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    channel = Channel(socket.socket(fileno=channel_end))
    order = next(iter(channel.receive_now(_ORDER_TIMEOUT)), None)
    if not isinstance(order, Boot):
        return ExitCode.FAILED
    os.chdir(order.folder)
    return Rehearsal(channel, order, MonotonicClock()).run()


if __name__ == "__main__":
    spawn.leave(main(int(sys.argv[1])))
