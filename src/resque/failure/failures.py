"""The failure records that are there: look at them, requeue their jobs, remove them.

Nothing here is done to a bare index, which others may shift at any moment: a record is named by
the entry that was read, and stays untouched unless it is still the same, byte for byte.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

from resque.clock import Clock, SystemClock
from resque.errors import FailureGoneError, NotRequeueableError, UnreadableBackendError
from resque.failure import scan
from resque.failure.backend import FailureBackend, FailureList, RecordBackend
from resque.failure.entry import FailureEntry, parse_id
from resque.failure.raw_object import RawObject
from resque.failure.retry import Requeued, retry_of
from resque.failure.selection import Selection
from resque.keys import Keys
from resque.store import failures
from resque.store.failures import Place, Retry
from resque.store.server import Server

T = TypeVar("T")


class Failures:
    """Reads and mends one backend's records; see docs/failures.md.

    ``queue`` is the failed job's queue and ``class_name`` its payload's class; either narrows
    what is meant. Every method asks the server and may raise what its calls raise. Long lists are
    read in pieces, so others may change them meanwhile.
    """

    def __init__(
        self, server: Server, keys: Keys, backend: FailureBackend, clock: Clock | None = None
    ) -> None:
        """Raises UnreadableBackendError for a backend that keeps no records."""
        if not isinstance(backend, RecordBackend):
            raise UnreadableBackendError(backend)
        self._server = server
        self._keys = keys
        self._backend = backend
        self._clock = clock or SystemClock()

    # --- reading --------------------------------------------------------------------------

    def count(self, *, queue: str | None = None, class_name: str | None = None) -> int:
        """Return how many there are; by class, or by queue in one list for all, it reads all."""
        selection = Selection(queue, class_name)
        lists = self._backend.lists(queue)
        if all(selection.takes_all_of(where) for where in lists):
            return sum(failures.lengths(self._server, [where.key for where in lists]))
        entries = self.each(queue=queue, class_name=class_name, newest_first=True)
        return sum(1 for _ in entries)

    def count_by_queue(self) -> dict[str | None, int]:
        """Return how many there are of each queue; None: of those that do not say."""
        lists = self._backend.lists()
        sizes = failures.lengths(self._server, [where.key for where in lists])
        found: Counter[str | None] = Counter()
        for where, size in zip(lists, sizes, strict=True):
            if where.queue is not None:
                found[where.queue] += size
            else:
                for chunk in scan.newest_first(self._server, where):
                    found.update(entry.queue for entry in chunk)
        return {queue: size for queue, size in found.items() if size}

    def count_by_class(self, *, queue: str | None = None) -> dict[str | None, int]:
        """Return how many there are of each class; None: of those that were no job."""
        entries = self.each(queue=queue, newest_first=True)
        return dict(Counter(entry.class_name for entry in entries))

    def page(
        self,
        offset: int = 0,
        limit: int = 20,
        *,
        queue: str | None = None,
        class_name: str | None = None,
        newest_first: bool = True,
    ) -> list[FailureEntry]:
        """Return up to ``limit`` entries after the first ``offset`` of those that are meant.

        With a list for each queue the order is by time within each, and the lists follow each
        other by name. Raises ValueError for negative numbers.
        """
        if offset < 0 or limit < 0:
            raise ValueError(f"offset and limit count records, not {offset} and {limit}")
        selection = Selection(queue, class_name)
        lists = self._backend.lists(queue)
        if all(selection.takes_all_of(where) for where in lists):
            return scan.page(self._server, lists, offset, limit, newest_first=newest_first)
        entries = self.each(queue=queue, class_name=class_name, newest_first=newest_first)
        return list(islice(entries, offset, offset + limit))

    def each(
        self,
        *,
        queue: str | None = None,
        class_name: str | None = None,
        newest_first: bool = False,
    ) -> Iterator[FailureEntry]:
        """Yield all entries that are meant, reading on as they are taken."""
        selection = Selection(queue, class_name)
        walk = scan.newest_first if newest_first else scan.oldest_first
        for where in self._backend.lists(queue):
            for chunk in walk(self._server, where):
                yield from filter(selection, chunk)

    def get(self, offset: int, *, queue: str | None = None) -> FailureEntry | None:
        """Return the entry after the ``offset`` oldest ones; None if there are not so many."""
        return next(iter(self.page(offset, 1, queue=queue, newest_first=False)), None)

    def find(self, entry_id: str, *, queue: str | None = None) -> FailureEntry | None:
        """Return the entry with this ``id``, wherever it has been shifted to.

        None if it has been changed (so, too, if it was retried) or removed since.
        """
        known = parse_id(entry_id)
        if known is None:
            return None
        index, digest = known
        lists = self._backend.lists(queue)
        near = (entry for where in lists for entry in scan.window(self._server, where, index, 1))
        entries = chain(filter(Selection(queue), near), self.each(queue=queue, newest_first=True))
        return next((entry for entry in entries if entry.digest == digest), None)

    # --- mending --------------------------------------------------------------------------

    def requeue(self, entry: FailureEntry) -> None:
        """Put the job into its queue again; the record stays, and says when that was.

        No enqueue hook runs, and only class and arguments are pushed, as in Ruby. A second call
        with the same entry fails. Raises FailureGoneError, NotRequeueableError.
        """
        retry = retry_of(entry, self._now())
        if not self._requeue(entry.where, [retry])[0]:
            raise FailureGoneError(entry.index, entry.where.key)

    def requeue_all(
        self,
        *,
        queue: str | None = None,
        class_name: str | None = None,
        again: bool = False,
        report: Callable[[Requeued], object] = lambda _: None,
    ) -> Requeued:
        """Requeue all that are meant, the oldest first, but for those that were retried before.

        With ``again`` these as well, which is what Ruby does, unless they were retried within
        this same second. Records that come in meanwhile are left alone. Each job is requeued, and
        its record marked, in one step; if it stops half-way, a second call goes on. ``report`` is
        called with what was done so far, after every hundred records that were read.
        """
        now = self._now()
        selection = Selection(queue, class_name)
        total = Requeued()
        for where in self._backend.lists(queue):
            for chunk in scan.oldest_first(self._server, where):
                wanted = [entry for entry in chunk if selection(entry)]
                # Whatever says now was requeued by this call: the walk may come by twice.
                due = [e for e in wanted if not e.is_retried or (again and e.retried_at != now)]
                total += Requeued(skipped=len(wanted) - len(due))
                total += self._requeue_chunk(where, due, now)
                report(total)
        return total

    def remove(self, entry: FailureEntry) -> bool:
        """Remove a record, and its copies in other backends; return whether there was any."""
        places = [Place(entry.index, entry.raw)]
        removed = self._remove(entry.where, places) > 0
        if entry.is_retried:
            places.append(Place(entry.index, RawObject.parse(entry.raw).without("retried_at")))
        for where in self._backend.copies(entry.queue):
            removed |= any(self._remove(where, [place]) for place in places)
        return removed

    def clear(self, *, queue: str | None = None, class_name: str | None = None) -> int:
        """Remove all that are meant, whatever they are; return how many there were."""
        selection = Selection(queue, class_name)
        lists = self._backend.lists(queue)
        if all(selection.takes_all_of(where) for where in lists):
            return failures.clear(self._server, [where.key for where in lists])
        return self._remove_where(queue, selection)

    def clear_retried(self, *, queue: str | None = None, class_name: str | None = None) -> int:
        """Remove all that are meant and were retried; return how many there were."""
        selection = Selection(queue, class_name)
        return self._remove_where(queue, lambda entry: entry.is_retried and selection(entry))

    def _remove_where(self, queue: str | None, wanted: Callable[[FailureEntry], bool]) -> int:
        removed = 0
        for where in self._backend.lists(queue):
            for chunk in scan.newest_first(self._server, where):
                places = [Place(entry.index, entry.raw) for entry in chunk if wanted(entry)]
                removed += self._remove(where, places)
        return removed

    def _remove(self, where: FailureList, places: Sequence[Place]) -> int:
        """Remove records, those that others have shifted one by one; return how many."""
        tombstone = b"removed " + os.urandom(16).hex().encode()

        def run(some: Sequence[Place]) -> list[bool]:
            return failures.remove(self._server, where.key, some, tombstone)

        return _count(run, places)

    def _requeue_chunk(
        self, where: FailureList, entries: Sequence[FailureEntry], now: str
    ) -> Requeued:
        retries = []
        for entry in entries:
            try:
                retries.append(retry_of(entry, now))
            except NotRequeueableError:
                continue
        done = _count(lambda some: self._requeue(where, some), retries)
        refused = len(entries) - len(retries)
        return Requeued(requeued=done, refused=refused, gone=len(retries) - done)

    def _requeue(self, where: FailureList, retries: Sequence[Retry]) -> list[bool]:
        return failures.requeue(self._server, self._keys, where.key, retries)

    def _now(self) -> str:
        return self._backend.retried_at(self._clock.epoch())


def _count(run: Callable[[Sequence[T]], list[bool]], items: Sequence[T]) -> int:
    """Return how many of the items ``run`` could do, together or else each alone."""
    if not items:
        return 0
    done = run(items)
    left = [item for item, is_done in zip(items, done, strict=True) if not is_done]
    if len(items) > 1:
        done += [is_done for item in left for is_done in run([item])]
    return sum(done)
