"""For how long the first jobs of queues have waited, as far as one observer can know."""

from collections.abc import Mapping

from resqued.clock import Clock


class HeadAges:
    """Remembers since when each queue has had the first job that it has.

    Resque's payloads carry no time, so this begins when a job was first seen at the head: it is a
    lower bound. Two jobs that are equal to the last byte cannot be told apart; where one follows
    the other at the head between two looks, both are taken for one.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heads: dict[str, tuple[int, float]] = {}

    def look(self, heads: Mapping[str, bytes | None]) -> dict[str, float | None]:
        """Take in the first job of each queue, None where none waits; returns their ages.

        A queue that is not named any more is forgotten.
        """
        now = self._clock.now()
        seen: dict[str, tuple[int, float]] = {}
        for queue, head in heads.items():
            if head is not None:
                digest = hash(head)  # a head may be long, and is to be kept for no longer than this
                known = self._heads.get(queue)
                seen[queue] = known if known is not None and known[0] == digest else (digest, now)
        self._heads = seen
        return {queue: now - seen[queue][1] if queue in seen else None for queue in heads}
