"""``resqued --test --memory``: what memory the workers would share and own, tried out."""

import sys
from contextlib import closing
from signal import Signals

from resqued.cli import footprint
from resqued.cli.arguments import Request
from resqued.cli.footprint import Footprint, Measured
from resqued.cli.output import say
from resqued.cli.show import print_workers
from resqued.cli.stage import Stage, opened
from resqued.clock import MonotonicClock
from resqued.config.display import one_line
from resqued.config.errors import ConfigError
from resqued.errors import ResquedError
from resqued.exit_codes import ExitCode
from resqued.process.memory import MeasureError, measure
from resqued.process.signals import SignalInbox
from resqued.process.waiter import Waiter

_ENDING = (Signals.SIGHUP, Signals.SIGINT, Signals.SIGQUIT, Signals.SIGTERM)


def run(request: Request) -> int:
    """Load everything as a listener does, fork every worker, and print what they take.

    None of them works, and none is left afterwards. Returns the exit status.
    """
    try:
        measure()  # where that cannot be done, nothing need be started
        with SignalInbox(_ENDING) as inbox, opened(request, MonotonicClock()) as stage:
            interrupted = _wait(stage, inbox, request)
            if interrupted is not None:
                return 128 + interrupted  # as the shell reports it
            found = Footprint(_measured(stage))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return ExitCode.FAILED
    except ResquedError as error:
        print(f"resqued: {error}", file=sys.stderr)
        return ExitCode.FAILED
    say(footprint.as_json(found) if request.wants_json else f"\n{footprint.as_text(found)}")
    return ExitCode.OK


def _wait(stage: Stage, inbox: SignalInbox, request: Request) -> Signals | None:
    """Wait until everything stands; returns the signal that ended that sooner.

    Raises ConfigError or RehearsalError if it never will.
    """
    is_listed = request.wants_json
    with closing(Waiter()) as waiter:
        for source in (stage.channel, stage.watch, inbox):
            waiter.watch(source)
        while not stage.is_set:
            waiter.wait(stage.time_left)
            for received in inbox.drain():
                return received
            stage.read()
            if stage.channel.is_closed:
                waiter.forget_if_watched(stage.channel)
            if stage.queues is not None and not is_listed:
                print_workers(request.paths, stage.queues)
                is_listed = True
            stage.check()
    return None


def _measured(stage: Stage) -> list[Measured]:
    """Measure all of them. Raises MeasureError."""
    found = [_measure("listener", "listener", stage.pid)]
    for number, (queues, pid) in enumerate(
        zip(stage.queues or (), stage.worker_pids, strict=True), start=1
    ):
        found.append(_measure("worker", one_line(f"worker {number}: {','.join(queues)}"), pid))
    return found


def _measure(role: str, name: str, pid: int) -> Measured:
    memory = measure(pid)
    if memory is None:
        raise MeasureError(f"{name} ended before it was measured")
    return Measured(role=role, name=name, pid=pid, memory=memory)
