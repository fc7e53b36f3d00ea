"""``resqued scale POOL=N``: another number of workers for a pool, until the next reload."""

import re
from collections.abc import Iterable, Sequence

from resqued.cli import running
from resqued.cli.arguments import UsageError
from resqued.cli.output import say
from resqued.cli.running import Call, Pool, Syntax
from resqued.config.display import one_line, shown
from resqued.exit_codes import ExitCode

_SYNTAX = Syntax(
    name="scale",
    help="""Usage: resqued scale [options] POOL=N [POOL=N ...]
Gives each worker_pool of that name N workers until the next reload, which has the sizes of the
files again, as has the listener after one that died. Workers that are too many leave when their
jobs are done. Does not wait for that.
    -h, --help                       Show this message
Exit status: 0 it was asked for; 1 it was refused; 2 wrong usage; 3 no such pool runs.""",
    most_words=None,
    least_words=1,
)

#: A pool may be named as its application likes; only the last "=" is ours. Nobody has more workers
#: than nine digits can say.
_SIZE = re.compile("(?P<pool>.*)=(?P<size>[0-9]{1,9})", re.DOTALL)


def main(argv: Sequence[str]) -> int:
    """Run the command with the arguments after its name; returns its exit status."""
    return running.run(_SYNTAX, argv, _scale)


def sizes(words: Iterable[str]) -> dict[str, int]:
    """Return the size that is asked for, for each pool. Raises UsageError."""
    found: dict[str, int] = {}
    for word in words:
        match = _SIZE.fullmatch(word)
        if match is None or not match["pool"]:
            raise UsageError(f"POOL=N is needed, with a whole number N, not {shown(word)}")
        if match["pool"] in found:
            raise UsageError(f"pool {shown(match['pool'])} is named twice")
        found[match["pool"]] = int(match["size"])
    return found


def _scale(pool: Pool, call: Call) -> ExitCode:
    answer = pool.ask("scale", pools=sizes(call.words))
    changes = answer["pools"].items()
    say("\n".join(_change(name, each["was"], each["now"]) for name, each in changes))
    return ExitCode.OK


def _change(name: str, was: int, now: int) -> str:
    """Say what becomes of a pool; the answer has them in the order of the request."""
    name = one_line(name)
    if now == was:
        return f"Pool {name} stays at {now}"
    then = "" if now > was else "; those too many leave when their jobs are done"
    return f"Pool {name} goes from {was} to {now} until the next reload{then}"
