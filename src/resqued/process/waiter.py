"""Sleep until a descriptor has something to say or a moment has come."""

import os
import select
import selectors
import sys
from typing import Protocol


class Source(Protocol):
    """Anything with a descriptor: a socket, an inbox of signals, the watch of a process."""

    def fileno(self) -> int:
        """Return the descriptor to watch."""
        ...


class Waiter:
    """One selector for all that a loop waits on.

    A forked child shares the kernel's object behind it and must only ``close`` its copy.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._handle: select.epoll | None = None

    def watch(self, source: Source) -> None:
        """Wake up when ``source`` is readable, until it is forgotten."""
        self._selector.register(source, selectors.EVENT_READ)

    def watch_writing(self, source: Source, *, wanted: bool) -> None:
        """Wake up also, or no longer, when ``source``, watched already, takes more output."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wanted else 0)
        if self._selector.get_key(source).events != events:
            self._selector.modify(source, events)

    def watch_for(self, source: Source, *, reading: bool, writing: bool) -> None:
        """Wake up when ``source`` is readable, or takes output, as wanted; for neither, not at all.

        It need not be watched before.
        """
        events = selectors.EVENT_READ * reading | selectors.EVENT_WRITE * writing
        key = self._selector.get_map().get(source)
        if key is None:
            if events:
                self._selector.register(source, events)
        elif not events:
            self._selector.unregister(source)
        elif key.events != events:
            self._selector.modify(source, events)

    def forget(self, source: Source) -> None:
        """Stop watching ``source``; call it before the descriptor is closed."""
        self._selector.unregister(source)

    def forget_if_watched(self, source: Source) -> None:
        """Stop watching ``source``, which may have been forgotten already."""
        try:
            self._selector.unregister(source)
        except (KeyError, ValueError):
            pass  # KeyError: not registered; ValueError: closed, which forgets as well

    def watch_shared(self, source: Source) -> None:
        """Wake up when ``source`` is readable, on which other processes sleep, too.

        On Linux the kernel wakes only one of them. ``wait`` does not return it.
        """
        # Through a second handle of the same kernel object: selectors has no name for an exclusive
        # wake-up. What is registered so wakes the selector, too, which passes over what it does
        # not know.
        if self._handle is None and sys.platform == "linux":
            self._handle = select.epoll.fromfd(os.dup(self._selector.fileno()))
        if self._handle is None:
            self.watch(source)
        else:
            self._handle.register(source.fileno(), select.EPOLLIN | select.EPOLLEXCLUSIVE)

    def forget_shared(self, source: Source) -> None:
        """Stop watching a shared source."""
        if self._handle is None:
            self.forget(source)
        else:
            self._handle.unregister(source.fileno())

    def wait(self, seconds: float | None) -> list[Source]:
        """Return the sources that are ready, at the latest after ``seconds`` (None: no limit)."""
        timeout = None if seconds is None else max(0.0, seconds)
        return [key.fileobj for key, _ in self._selector.select(timeout)]  # type: ignore[misc]

    def close(self) -> None:
        """Close this process's copy of the selector."""
        if self._handle is not None:
            self._handle.close()
        self._selector.close()
