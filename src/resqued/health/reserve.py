"""A thread that is there before it is needed: where no more can be started, it does the work."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

Work = Callable[[], None]


class Reserve:
    """Does one thing after another, in a thread of its own."""

    def __init__(self) -> None:
        """Start the thread. Raises RuntimeError where not even that can be."""
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._thread = Thread(target=self._do_all)
        self._thread.start()

    def do(self, work: Work) -> None:
        """Have it done when all before it is; ``work`` must raise nothing."""
        self._work.put(work)

    def close(self) -> None:
        """End the thread when it has done all that it was given, and wait for that."""
        self._work.put(None)
        self._thread.join()

    def _do_all(self) -> None:
        while (work := self._work.get()) is not None:
            work()
