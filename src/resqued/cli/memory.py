"""``resqued memory PIDFILE``: what memory the processes of a running pool share and own."""

import getopt
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from resqued.cli import footprint, roles
from resqued.cli.arguments import UsageError, one_pidfile
from resqued.cli.footprint import Footprint, Measured
from resqued.cli.output import say
from resqued.errors import ResquedError
from resqued.exit_codes import ExitCode
from resqued.process.command_line import command_line
from resqued.process.holder import HolderError, find_holder
from resqued.process.memory import MeasureError, measure
from resqued.process.tree import descendants

HELP = """Usage: resqued memory PIDFILE [options]
Prints what memory each process of the resqued that holds PIDFILE shares and owns (Linux).
    -h, --help                       Show this message
        --json                       Print it as JSON, in bytes
Exit status: 0 it was printed; 1 none is running, or it cannot be measured; 2 wrong usage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the command line asks for."""

    pidfile: str
    wants_json: bool = False
    wants_help: bool = False


def main(argv: Sequence[str]) -> int:
    """Run the command with the arguments after its name; returns its exit status."""
    try:
        order = parse(argv)
        say(HELP if order.wants_help else run(order))
    except ResquedError as error:
        print(f"resqued memory: {error}", file=sys.stderr)
        return ExitCode.USAGE if isinstance(error, UsageError) else ExitCode.FAILED
    return ExitCode.OK


def parse(argv: Sequence[str]) -> Order:
    """Read the arguments after the command's name. Raises UsageError."""
    try:
        options, words = getopt.gnu_getopt(argv, "h", ["help", "json"])
    except getopt.GetoptError as error:
        raise UsageError(str(error)) from None
    names = {name for name, _ in options}
    wants_help = bool(names & {"-h", "--help"})
    return Order(
        pidfile="" if wants_help else one_pidfile(words),
        wants_json="--json" in names,
        wants_help=wants_help,
    )


def run(order: Order) -> str:
    """Return what is to be printed. Raises ResquedError if there is nothing to measure."""
    measure()  # where that cannot be done, nothing need be looked for
    master = find_holder(order.pidfile)
    if master is None:
        is_there = os.path.exists(order.pidfile)
        raise HolderError(
            f"no resqued runs with pidfile {order.pidfile}"
            if is_there
            else f"there is no pidfile {order.pidfile}"
        )
    with closing(master):
        found = Footprint(list(_measured(master.pid)))
        if master.has_ended():
            raise HolderError(f"resqued (pid {master.pid}) ended meanwhile")
    return footprint.as_json(found) if order.wants_json else footprint.as_text(found)


def _measured(master: int) -> Iterator[Measured]:
    """Yield who is there, and has not ended before it was measured.

    Raises MeasureError if the master may not be looked at. A process below it that may not, a
    program of another user's, is left out, which is said.
    """
    below = [(each.pid, each.parent) for each in descendants(master)]
    titles = {pid: _title(pid) for pid, _ in below}
    for pid, part in [(master, roles.MASTER), *roles.parts(master, below, titles)]:
        try:
            memory = measure(pid)
        except MeasureError as error:
            if pid == master:
                raise
            print(f"resqued memory: {part.name} is left out: {error}", file=sys.stderr)
            continue
        if memory is not None:
            yield Measured(role=part.role, name=part.name, pid=pid, memory=memory)


def _title(pid: int) -> str:
    return (command_line(pid) or b"").decode("utf-8", "replace").rstrip()
