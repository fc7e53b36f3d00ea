"""The lines around the lists; all that others have named is escaped, and is never markup."""

from collections.abc import Iterator

from rich.text import Text

from resqued import wording
from resqued.config.display import one_line
from resqued.control.status import PoolStatus
from resqued.top.cells import HEADING, MOVING, WELL, WRONG, counted
from resqued.top.model import BacklogView, PoolView, Trouble
from resqued.top.table import cut
from resqued.wording import duration

#: Keys that are named, of those that cannot be read.
_MOST_NAMED = 10
#: What the keys do and the columns mean.
HELP = """\
p         pause, or resume
r         reload
R         restart the selected worker
s         the stacks of the selected worker: where it is in its code
Enter     all about the selected line
Up, Down  another line; also j, k, Page Up, Page Down, Home, End
Tab       another list
q         quit; the pool goes on

JOBS      done by this process of the worker
JOBS/S    from look to look, the newest on the right, and the mean;
          in the row of all workers the newest; the highest bar is
          the highest rate of any worker
PRIVATE   memory that the worker shares with nobody
ENDS      workers that have ended in this place, why the last one has
OLDEST    at least so long has the first job waited: since it was
          first seen here"""


def header(pool: PoolView, backlog: BacklogView, now: float, width: int) -> list[Text]:
    """Return the lines about the master: who it is, the last reload, and what is wrong.

    Only those about what is wrong may be wider.
    """
    lines = [] if pool.status is None else list(_header(pool, pool.status))
    lines = [cut(line, width) for line in lines]
    if pool.trouble is not None:
        seen_at = None if pool.status is None else pool.seen_at
        lines.append(_trouble("No news of the pool", pool.trouble, seen_at, now))
    if backlog.trouble is not None:
        seen_at = None if backlog.backlog is None else backlog.seen_at
        lines.append(_trouble("No news of the server", backlog.trouble, seen_at, now))
    elif backlog.backlog is not None and backlog.backlog.unreadable:
        names = ", ".join(backlog.backlog.unreadable[:_MOST_NAMED])
        text = f"Of another type than they are to be: {one_line(names, 200)}"
        lines.append(Text(text, style=WRONG))
    return lines or [Text("Asking the pool", style=MOVING)]


def queues_title(view: BacklogView, now: float) -> Text:
    """Return the line above the queues: how much waits, where, and what is wrong."""
    if view.trouble is not None:
        return Text(f"Queues: no news for {duration(now - view.trouble.since)}", style=WRONG)
    if view.backlog is None:
        return Text("Queues: asking the server", style=MOVING)
    total = sum(queue.depth for queue in view.backlog.queues)
    where = f"{one_line(view.backlog.server)}, {one_line(view.backlog.namespace)}"
    return Text.assemble((f"{counted(total, 'job waits', 'jobs wait')}", HEADING), f" at {where}")


def failures_title(view: BacklogView, now: float) -> Text:
    """Return the line above the failures."""
    if view.trouble is not None:
        return Text(f"Failures: no news for {duration(now - view.trouble.since)}", style=WRONG)
    if view.backlog is None:
        return Text("Failures: asking the server", style=MOVING)
    if view.backlog.failed is None:
        return Text("Failures are not recorded on this server, or cannot be read")
    count = view.backlog.failed
    shown = len(view.backlog.failures)
    rest = f", the last {shown}" if shown < count else ""
    return Text(f"{counted(count, 'failure', 'failures')}{rest}", style=HEADING)


def _header(view: PoolView, status: PoolStatus) -> Iterator[Text]:
    master = status.master
    yield Text.assemble(
        (wording.who(master), HEADING),
        ": ",
        (one_line(master.mode), WELL if master.mode == "working" else MOVING),
        f", {wording.files(master)}{wording.private_size(view.memory.get(master.pid))}",
    )
    reload = status.reload
    if reload is not None:
        style = {"failed": WRONG, "done": ""}.get(reload.outcome, MOVING)
        yield Text(f"Last {one_line(wording.reload_line(reload))}", style=style)
    if status.listener_ends.count:
        yield Text(wording.listener_ends(status.listener_ends), style=WRONG)


def _trouble(what: str, found: Trouble, seen_at: float | None, now: float) -> Text:
    """Return a line that says since when nothing is known, why, and how old the rest is."""
    line = f"{what} for {duration(now - found.since)}: {one_line(found.reason, 200)}"
    if seen_at is not None:
        line += f" (what is shown is {duration(now - seen_at)} old)"
    return Text(line, style=WRONG)
