"""Which job is the first of each queue, without fetching it; nothing is changed."""

from dataclasses import dataclass

from resque.inspection import shown
from resque.keys import Keys
from resque.store.script import Script
from resque.store.server import Server
from resque.store.survey import queue_names

_HEADS = Script.load("heads")
#: Bytes of an element's beginning, and of its end, by which it is told from another: to take all of
#: a large one would hold up the server.
PART = 4096


@dataclass(frozen=True, slots=True)
class QueueHead:
    """A queue's size, and what tells its first element from another one."""

    size: int | None  #: None: its key is no list
    mark: bytes | None  #: None: there is no element


def heads(server: Server, keys: Keys) -> dict[str, QueueHead]:
    """Return the size and the first element's mark of each queue, in two round trips.

    Elements longer than twice ``PART`` have the same mark if length, beginning and end are equal.
    """
    names = queue_names(server, keys)
    if not names:
        return {}
    start = keys.queue("").encode()
    found = server.run(_HEADS, [start + name for name in names], [PART])
    pairs = zip(names, found[::2], found[1::2], strict=True)
    return {shown(name): QueueHead(size, mark) for name, size, mark in pairs}
