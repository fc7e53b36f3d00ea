"""Start processes: a forked copy of this one, or a fresh interpreter."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from resqued.exit_codes import ExitCode
from resqued.process import at_fork, kernel, signals
from resqued.process.start_context import StartContext


def fork_child(body: Callable[[], int], *, keeps_handlers: bool = False) -> int:
    """Fork; the child runs ``body`` and exits with what it returns. Returns the child's pid.

    The child starts with the parent's signal mask, and with default signal handlers, or, if it
    ``keeps_handlers``, with the parent's, which wake nobody there. It never comes back up the
    parent's stack: it leaves through ``os._exit``, an exception through ``sys.excepthook`` before.
    Raises OSError if the kernel has no room for another process.
    """
    begin = signals.deafen if keeps_handlers else signals.reset_for_child
    _flush_streams()  # or the child would write what the parent has in its buffers again
    mask = signals.hold_back()
    try:
        pid = os.fork()
        if pid == 0:
            code: int = ExitCode.FAILED
            try:
                code = _run_child(begin, body, mask)
            finally:
                leave(code)
    finally:
        signals.set_mask(mask)
    return pid


def rehearse_child(body: Callable[[], int]) -> int:
    """Do here what a forked child that keeps its handlers does, but for the fork and the exit.

    For whoever is to fork such children, and wants Python to have seen it before
    (``resque.worker.warm_up``). Signals and their handlers are as before afterwards. Returns what
    the child would have ended with. To be called while no other thread runs: its locks are new.
    """
    with signals.kept():
        at_fork.rehearse()
        code = _run_child(signals.deafen, body, signals.hold_back())
    _flush_streams()
    return code


def _run_child(begin: Callable[[], None], body: Callable[[], int], mask: set[int]) -> int:
    """Return the exit status; raises only what ``sys.excepthook`` and writing to stderr do."""
    try:
        begin()
        signals.set_mask(mask)
        return body()
    except SystemExit as leaving:
        return _exit_code(leaving)
    except BaseException:  # noqa: BLE001 - nothing may pass into the parent's stack
        sys.excepthook(*sys.exc_info())  # which prints it, or logs it
        return ExitCode.FAILED


def leave(code: int) -> NoReturn:
    """End this process at once: no exit handlers, no waiting for threads, streams flushed."""
    _flush_streams()
    kernel.end(code)


def _exit_code(leaving: SystemExit) -> int:
    """Read ``sys.exit(...)`` as the interpreter does."""
    if leaving.code is None:
        return ExitCode.OK
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    print(leaving.code, file=sys.stderr)  # noqa: T201 - sys.exit("text") promises this line
    return ExitCode.FAILED


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            pass  # a closed terminal or pipe: what is in the buffer can go nowhere


def become(program: str, arguments: Sequence[str]) -> NoReturn:
    """Run another program in this process from now on. Raises OSError if it cannot be run."""
    os.execv(program, [program, *arguments])


def spawn_interpreter(
    context: StartContext,
    module: str,
    arguments: Sequence[str],
    inherit: Sequence[int],
    output: int | None = None,
) -> int:
    """Start ``python -P -m module arguments...`` in a fresh process and return its pid.

    It inherits the descriptors ``inherit`` under their numbers, and starts with every handled
    signal blocked, so that none is lost before its ``SignalInbox`` stands. What it prints goes to
    the descriptor ``output``, if given. ``-P`` keeps modules in the working directory from
    shadowing the standard library while it starts. Raises OSError if it cannot be started.
    """
    streams = () if output is None else (1, 2)
    with _inheritable(inherit):
        return os.posix_spawn(
            context.program,
            _command(context, module, arguments),
            context.environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, output, stream) for stream in streams],
            setsigmask=signals.HANDLED,
            setsigdef=signals.HANDLED,
        )


def become_interpreter(
    context: StartContext, module: str, arguments: Sequence[str], inherit: Sequence[int]
) -> NoReturn:
    """Replace this process by ``python -P -m module arguments...``, its pid and children kept.

    Handled signals are held back across it; those that come meanwhile are the new program's.
    Raises OSError, nothing having changed, if it cannot be done.
    """
    with signals.blocked(), _inheritable(inherit):
        _flush_streams()
        os.execve(context.program, _command(context, module, arguments), context.environment)


def _command(context: StartContext, module: str, arguments: Sequence[str]) -> list[str]:
    return [context.program, "-P", "-m", module, *arguments]


@contextmanager
def _inheritable(descriptors: Sequence[int]) -> Iterator[None]:
    """Let a program that is started meanwhile have these descriptors."""
    former = {descriptor: os.get_inheritable(descriptor) for descriptor in descriptors}
    try:
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        yield
    finally:
        for descriptor, inheritable in former.items():
            os.set_inheritable(descriptor, inheritable)
