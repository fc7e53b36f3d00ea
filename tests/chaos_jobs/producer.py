"""Enqueues the numbers, at the speed at which they are performed."""

import threading
from random import Random

from resque.client import Resque
from resque.errors import ResqueError, ServerUnavailable

#: The queues, and how often each is chosen; only the worker of all queues works the last one.
QUEUES = {"a": 50, "b": 30, "c": 18, "d": 2}
#: Jobs that are sent at once, and that may wait before more are sent.
_BATCH = 40
_MOST = 300
#: Seconds between two looks at queues that are full, or for a server that is away.
_PAUSE = 0.05


class Producer:
    """A thread that goes on until ``count`` numbers are enqueued for certain.

    A batch whose reply was lost may have arrived or not: its numbers are ``uncertain``, and others
    are sent in their place.
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
        while not (self.is_done or self._is_over.is_set()):
            try:
                is_full = sum(self._client.queue_sizes().values()) > _MOST
            except ResqueError:
                is_full = True  # nothing can be sent
            if is_full or not self._send(range(self.next, self.next + min(_BATCH, self._left))):
                self._is_over.wait(_PAUSE)

    def _send(self, numbers: range) -> bool:
        """Send a batch; False if it has certainly not arrived."""
        names = self._chance.choices(list(QUEUES), list(QUEUES.values()), k=len(numbers))
        jobs = [
            self._client.prepare_to(queue, "Chaos", number)
            for queue, number in zip(names, numbers, strict=True)
        ]
        try:
            self._client.enqueue_many(jobs)
        except ServerUnavailable as error:
            if not error.was_sent:
                return False
            self.uncertain.update(numbers)
        except ResqueError:  # of several commands, some may have been run
            self.uncertain.update(numbers)
        self.next = numbers.stop
        return True
