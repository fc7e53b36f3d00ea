"""``resqued plan CONFIG...``: what a reload with these files would start, keep and stop."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from resqued.cli import running
from resqued.cli.arguments import with_suffix
from resqued.cli.output import say
from resqued.cli.running import Call, Pool, Syntax
from resqued.config import loader
from resqued.config.display import one_line
from resqued.config.errors import ConfigError
from resqued.control.status import PoolStatus, read_pool
from resqued.exit_codes import ExitCode

_SYNTAX = Syntax(
    name="plan",
    help="""Usage: resqued plan [options] resqued-config-files...
Shows how many workers of each list of queues a reload with these files would start, keep (in a new
process, on the new code) and stop. It runs the files but none of their hooks, and changes nothing.
    -h, --help                       Show this message
        --json                       Print it as JSON
Exit status: 0 it was shown; 1 the files cannot be read; 2 wrong usage; 3 no such pool runs.""",
    options=("json",),
    most_words=None,
    least_words=1,
)

#: A list of queues; in whatever order, it is the same work.
Queues = Sequence[str]


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of the workers of one list of queues."""

    queues: tuple[str, ...]
    start: int
    keep: int
    stop: int


def main(argv: Sequence[str]) -> int:
    """Run the command with the arguments after its name; returns its exit status."""
    return running.run(_SYNTAX, argv, _plan)


def changes(before: Iterable[Queues], after: Iterable[Queues]) -> list[Change]:
    """Compare two plans, in the order of the new one, then of what it no longer has."""
    old, new = list(before), list(after)
    had, wanted = Counter(map(frozenset, old)), Counter(map(frozenset, new))
    names = {frozenset(queues): tuple(queues) for queues in reversed([*new, *old])}
    return [
        Change(
            names[queues],
            start=max(0, wanted[queues] - had[queues]),
            keep=min(wanted[queues], had[queues]),
            stop=max(0, had[queues] - wanted[queues]),
        )
        for queues in dict.fromkeys(map(frozenset, [*new, *old]))
    ]


def _plan(pool: Pool, call: Call) -> ExitCode:
    before = _present(read_pool(pool.ask("status")))
    try:
        config = loader.load([with_suffix(path) for path in call.words])
    except ConfigError as error:
        print(error, file=sys.stderr)
        return ExitCode.FAILED
    for warning in config.warnings:
        print(warning, file=sys.stderr)
    found = changes(before, [worker.queues for worker in config.workers])
    if call.has("--json"):
        say(json.dumps([asdict(change) for change in found], indent=2))
    else:
        say("\n".join([_row("START", "KEEP", "STOP", "QUEUES"), *map(_shown, found)]))
    return ExitCode.OK


def _present(status: PoolStatus) -> list[Queues]:
    """Return what the owner asks for; nothing, if no generation works."""
    owners = (each for each in status.generations if each.state == "owner")
    workers = (worker for owner in owners for worker in owner.workers)
    return [worker.queues for worker in workers if not worker.is_surplus]


def _shown(change: Change) -> str:
    counts = (str(count or "-") for count in (change.start, change.keep, change.stop))
    start, keep, stop = counts
    return _row(start, keep, stop, one_line(",".join(change.queues)))


def _row(start: str, keep: str, stop: str, queues: str) -> str:
    return f"{start:>5}  {keep:>4}  {stop:>4}  {queues}"
