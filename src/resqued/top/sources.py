"""Where all that is shown comes from, and how the screen is told of it."""

from collections.abc import Callable
from dataclasses import dataclass
from signal import Signals
from typing import Protocol

from textual.message import Message

from resqued.top.model import BacklogView, PoolView
from resqued.top.watch import BacklogWatch, Master


class Inbox(Protocol):
    """Signals that have come, as ``resqued.process.signals.SignalInbox`` tells of them."""

    def fileno(self) -> int:
        """Return the descriptor that is readable while there are some."""
        ...

    def drain(self) -> list[Signals]:
        """Return those that have come."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where all that is shown comes from."""

    master: Master
    backlog: BacklogWatch
    stacks: Callable[[int], str]  #: those of a worker, as a text. Raises ResquedError
    inbox: Inbox | None = None  #: SIGCONT, and those that end the view


class PoolNews(Message):
    """The pool was asked."""

    def __init__(self, view: PoolView) -> None:
        super().__init__()
        self.view = view


class BacklogNews(Message):
    """The server was asked."""

    def __init__(self, view: BacklogView) -> None:
        super().__init__()
        self.view = view
