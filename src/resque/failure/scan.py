"""Walks over lists of failures that others change meanwhile, in pieces of bounded size."""

from collections.abc import Iterator, Sequence

from resque.failure.backend import FailureList
from resque.failure.entry import FailureEntry
from resque.store import failures
from resque.store.failures import Place
from resque.store.server import Server

#: Records read at once: some hundred kilobytes, as records go.
CHUNK = 100

#: How often a walk looks for its place again: a list that somebody trims all the time, because it
#: grows all the time, would keep it going for ever.
_MOST_RETURNS = 10

_RETRIED = b',"retried_at":'


def oldest_first(server: Server, where: FailureList) -> Iterator[list[FailureEntry]]:
    """Yield the records that are there now, in chunks.

    Records that others remove meanwhile move those behind them forward. The walk finds its place
    again by the first record of the next chunk; if that is gone as well it begins anew, so that
    it passes over nothing, and some come twice.
    """
    (end,) = failures.lengths(server, [where.key])
    start, first, returns = 0, None, 0
    while start < end:
        places = failures.read(server, where.key, start, CHUNK + 1)
        is_lost = first is not None and not (places and _stem(places[0].record) == _stem(first))
        if first is not None and is_lost and returns < _MOST_RETURNS:
            start, returns = failures.find(server, where.key, first) or 0, returns + 1
            places = failures.read(server, where.key, start, CHUNK + 1)
        chunk, following = places[: min(CHUNK, end - start)], places[CHUNK:]
        if chunk:
            yield _entries(where, chunk)
        if not following:
            return
        start, first = start + CHUNK, following[0].record


def newest_first(server: Server, where: FailureList) -> Iterator[list[FailureEntry]]:
    """Yield the records that are there now, in chunks, the newest first.

    Nobody's removals hide a record from this walk, the caller's own of what was yielded neither;
    but what lay behind a record that others removed may come twice.
    """
    (end,) = failures.lengths(server, [where.key])
    while end > 0:
        start = max(0, end - CHUNK)
        yield _entries(where, failures.read(server, where.key, start, end - start)[::-1])
        end = start


def window(server: Server, where: FailureList, start: int, count: int) -> Iterator[FailureEntry]:
    """Yield up to ``count`` records from the index ``start`` on."""
    while count > 0:
        places = failures.read(server, where.key, start, min(CHUNK, count))
        yield from _entries(where, places)
        if not places:
            return
        start, count = start + len(places), count - len(places)


def page(
    server: Server, lists: Sequence[FailureList], offset: int, limit: int, *, newest_first: bool
) -> list[FailureEntry]:
    """Return up to ``limit`` records after the first ``offset``, one list after the other."""
    found: list[FailureEntry] = []
    sizes = failures.lengths(server, [where.key for where in lists])
    for where, size in zip(lists, sizes, strict=True):
        count = max(0, min(limit - len(found), size - offset))
        start = size - offset - count if newest_first else offset
        entries = list(window(server, where, start, count)) if count else []
        found += entries[::-1] if newest_first else entries
        offset = max(0, offset - size)
    return found


def _entries(where: FailureList, places: list[Place]) -> list[FailureEntry]:
    return [FailureEntry.parse(where, place.index, place.record) for place in places]


def _stem(record: bytes) -> bytes:
    """Return what of a record a retry does not change."""
    head, mark, _ = record.partition(_RETRIED)
    return head if mark else record.removesuffix(b"}")
