"""For how long the first jobs of queues have waited, as far as one observer can know."""

from collections.abc import Mapping

from resqued.clock import Clock


class HeadAges:
    """Remembers since when each queue has had the first job that it has.

    Resque's payloads carry no time, so this begins when a job was first seen at the head: it is a
    lower bound. Two jobs with the same mark cannot be told apart; where one follows the other at
    the head between two looks, both are taken for one.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heads: dict[str, tuple[bytes, float]] = {}

    def look(self, marks: Mapping[str, bytes | None]) -> dict[str, float | None]:
        """Take in the mark of each queue's first job, None where none waits; returns their ages.

        A queue that is not named any more is forgotten.
        """
        now = self._clock.now()
        seen: dict[str, tuple[bytes, float]] = {}
        for queue, mark in marks.items():
            if mark is not None:
                known = self._heads.get(queue)
                seen[queue] = known if known is not None and known[0] == mark else (mark, now)
        self._heads = seen
        return {queue: now - seen[queue][1] if queue in seen else None for queue in marks}
