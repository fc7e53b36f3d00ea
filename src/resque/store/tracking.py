"""Have the server tell when something changes that was read here (CLIENT TRACKING)."""

import logging
from collections.abc import Collection, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from resque.errors import ReplyError
from resque.store.script import Script
from resque.store.words import Reply, Word

if TYPE_CHECKING:
    from resque.store.connection import Connection

log = logging.getLogger(__name__)

#: OPTIN: only what follows CLIENT CACHING is remembered, so that all other commands cost the server
#: nothing. NOLOOP: what this connection changes itself is no news.
_TRACKING: Sequence[Word] = ("CLIENT", "TRACKING", "ON", "OPTIN", "NOLOOP")
_CACHING: Sequence[Word] = ("CLIENT", "CACHING", "YES")
_NEWS = b"invalidate"


class _State(Enum):
    """What is known of the connection that is open."""

    UNASKED = "unasked"  #: nothing
    ON = "on"  #: the server tells
    REFUSED = "refused"  #: it will not


class Tracking:
    """Looks whose reads the server remembers, over one connection of ours.

    The next change of a key that was read, by whomever, comes as a push message, once; a script's
    reads count as well. What the server remembers goes with the connection, so its loss is news,
    too: look again, and the server is asked anew.

    Redis up to 7.0 remembers all keys that a script is given, not only those that it reads. What
    changes all the time and is no news is to be ignored, therefore.
    """

    def __init__(self, connection: "Connection", ignoring: Collection[str] = ()) -> None:
        self._connection = connection
        self._ignored = frozenset(key.encode() for key in ignoring)
        self._state = _State.UNASKED
        self._opening = 0  #: of which the state is
        self._first_opening = 0  #: with which the look began; 0: it has not
        self._has_changed = False  #: whether something was, since the look began

    def begin(self) -> None:
        """Begin a look, of one or several calls, all of which count: the news so far are old."""
        self._connection.pop_pushes()
        self._first_opening = 0
        self._has_changed = False

    def call(self, name: Word, *words: Word) -> Reply:
        """Send one command of a look; raises as ``Connection.call`` does."""
        connection = self._connection
        if not self._is_of_this_opening:
            self._state = _State.UNASKED
        if self._state is _State.REFUSED:
            return connection.call(name, *words)
        asks = self._state is _State.UNASKED
        ahead, reply = connection.call_behind(
            [_TRACKING, _CACHING] if asks else [_CACHING], (name, *words)
        )
        self._opening = connection.openings
        self._first_opening = self._first_opening or self._opening
        self._state = self._state_by(ahead, reply, asked=asks)
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def run(self, script: Script, keys: Sequence[Word], args: Sequence[Word] = ()) -> Reply:
        """Run a script in the same way; raises as ``call``."""
        return script.evaluate(self.call, keys, args)

    @property
    def is_on(self) -> bool:
        """Whether the server tells of all that the look has read, as far as is known here."""
        is_whole = self._first_opening == self._opening
        return self._state is _State.ON and is_whole and self._is_of_this_opening

    @property
    def is_refused(self) -> bool:
        """Whether the server has refused to tell, on the connection that is open."""
        return self._state is _State.REFUSED and self._is_of_this_opening

    def has_news(self) -> bool:
        """Tell, without waiting, whether to look again: after a change, or a lost connection.

        Call it before sleeping on ``fileno``: news may have been read along with a reply.
        """
        if any(self._is_news(push) for push in self._connection.pop_pushes()):
            self._has_changed = True
        return self._has_changed or not self.is_on

    def fileno(self) -> int:
        """Return the descriptor that is readable when there may be news; -1: there are, now."""
        return self._connection.fileno()

    @property
    def _is_of_this_opening(self) -> bool:
        connection = self._connection
        return connection.is_connected and connection.openings == self._opening

    def _state_by(self, ahead: Sequence[Reply], reply: Reply, *, asked: bool) -> _State:
        refusal = next((reply for reply in ahead if isinstance(reply, ReplyError)), None)
        if refusal is None:
            return _State.ON
        if not asked:
            return _State.UNASKED  # the connection was replaced under way
        if isinstance(reply, ReplyError) and reply.code == refusal.code:
            return _State.UNASKED  # it refuses everything just now: BUSY, LOADING
        fields = {"event": "tracking_refused", "reason": str(refusal)}
        text = "The server does not tell of new jobs, which are looked for now: %s"
        log.info(text, refusal, extra=fields)
        return _State.REFUSED

    def _is_news(self, push: Reply) -> bool:
        match push:
            case [kind, list(changed)] if kind == _NEWS:
                return not self._ignored.issuperset(changed)
            case [kind, *_]:
                return bool(kind == _NEWS)  # of all keys there are
            case _:
                return False
