"""What the master becomes by USR1, and what probes that beforehand; no command of its own."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from resqued import embedded, log
from resqued.clock import MonotonicClock
from resqued.control.socket_file import SocketFile
from resqued.exit_codes import ExitCode
from resqued.master.app import Master
from resqued.master.options import Options
from resqued.master.state import SavedState, StateError
from resqued.process.pidfile import Pidfile
from resqued.process.start_context import StartContext


def main(descriptor: int, *, is_probe: bool) -> int:
    """Go on as the master whose state is behind ``descriptor``.

    A probe does only what could fail, which is then all that it prints.
    """
    try:
        with os.fdopen(descriptor, "rb") as file:
            state = SavedState.decode(file.read())
        if is_probe:
            _configure_log(state.options)
            return ExitCode.OK
    except (StateError, OSError) as error:
        print(error, file=sys.stderr)
        return ExitCode.FAILED
    for inherited in state.descriptors:
        os.set_inheritable(inherited, False)
    context = StartContext(state.program, state.folder, dict(os.environ))
    _configure_log(state.options)
    with _belongings(state.options) as control:
        return Master(
            state.options, context, MonotonicClock(), _LongAgo(), state, control=control
        ).run()


def _configure_log(options: Options) -> None:
    log.configure(options.log_path, options.log_format, os.environ.get("JOURNAL_STREAM"))


@contextmanager
def _belongings(options: Options) -> Iterator[SocketFile | None]:
    """Clean up afterwards what the former program had begun; yields its control socket."""
    control = None
    with ExitStack() as stack:
        if options.pidfile is not None and options.pidfile_lock is not None:
            stack.enter_context(Pidfile.adopt(options.pidfile, options.pidfile_lock))
        if options.control is not None and options.control_socket is not None:
            control = SocketFile.adopt(
                options.control, options.control_socket, options.control_folder
            )
            stack.enter_context(control)
        if options.health_socket is not None:
            stack.enter_context(socket.socket(fileno=options.health_socket))
        if options.guard is not None:
            wait = not options.fast_exit
            stack.enter_context(embedded.held(options.inherit[0], options.guard, wait=wait))
        yield control


class _LongAgo:
    """The first start was before the exec; nobody waits for it any more."""

    def started(self) -> None:
        """Never called."""

    def failed(self, reason: str) -> None:
        """Never called."""


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[-1]), is_probe="--probe" in sys.argv))
