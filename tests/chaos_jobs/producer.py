"""Enqueues the numbers, at the speed at which they are performed."""

import threading
from random import Random

from resque.client import Resque
from resque.errors import ResqueError, ServerUnavailable

#: The queues; only the worker of all queues works the first.
QUEUES = ("a", "b", "c", "d")
#: Jobs to which each queue is filled up.
_FULL = 100
#: Seconds between two looks.
_PAUSE = 0.05


class Producer:
    """A thread that goes on until ``count`` numbers are enqueued for certain.

    All queues are kept filled, so that no worker ever waits. Numbers whose reply was lost may have
    arrived or not: they are ``uncertain``, and others are sent in their place.
    """

    def __init__(self, client: Resque, count: int, seed: int) -> None:
        """``client`` is the thread's alone."""
        self._client = client
        self._count = count
        self._chance = Random(seed)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="producer", daemon=True)
        self.next = 0  #: all numbers below were sent
        self.uncertain: set[int] = set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._is_over.set()
        self._thread.join()
        self._client.close()

    @property
    def is_done(self) -> bool:
        """Whether all are enqueued."""
        return self._left <= 0

    @property
    def _left(self) -> int:
        return self._count - (self.next - len(self.uncertain))

    def _run(self) -> None:
        while not (self.is_done or self._is_over.wait(_PAUSE)):
            try:
                sizes = self._client.queue_sizes()
            except ResqueError:
                continue  # the server is away
            room = [queue for queue in QUEUES for _ in range(_FULL - sizes.get(queue, 0))]
            self._chance.shuffle(room)
            if room:
                self._send(room[: self._left])

    def _send(self, queues: list[str]) -> None:
        """Send the next numbers, each to its queue; none if that has certainly not worked."""
        numbers = range(self.next, self.next + len(queues))
        jobs = [
            self._client.prepare_to(queue, "Chaos", number)
            for queue, number in zip(queues, numbers, strict=True)
        ]
        try:
            self._client.enqueue_many(jobs)
        except ServerUnavailable as error:
            if not error.was_sent:
                return
            self.uncertain.update(numbers)
        except ResqueError:  # of several commands, some may have been run
            self.uncertain.update(numbers)
        self.next = numbers.stop
