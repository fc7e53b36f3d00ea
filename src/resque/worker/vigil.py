"""How an idle worker learns that there may be a job."""

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from resque.client import Resque
from resque.store.queues import Nothing
from resque.store.server import Speaker
from resque.store.tracking import Tracking
from resque.worker.control import Control

if TYPE_CHECKING:
    from resque.worker.worker import Baton

#: Seconds until an idle worker looks for jobs although nobody has told of any: whoever should have
#: may hang, or be of another opinion about what there is to tell.
SAFETY_LOOK = 120.0
#: Seconds at least between two tries for a turn that nobody has announced; each wakes a process.
_LEAST_WAIT_FOR_TURN = 1.0
#: Times in a row that a connection may be lost over a look that asks to be told. After that the
#: interval counts in between, and a plain look: something on the way may not bear to be asked.
_MOST_LOSSES = 3


class Post(Enum):
    """What a worker does about jobs, or waits for."""

    AT_WORK = "at work"  #: no look has found nothing since its last job; nobody counts on it
    LOOKING = "looking"  #: idle; its look, or the next, is a plain one
    TO_ASK = "to ask"  #: the next look asks the server to tell of changes
    ASKING = "asking"  #: such a look is under way
    JOB = "job"  #: waits for word from the server of a job, on the worker's own connection
    PAUSE = "pause"  #: waits for word from the server that the pause may be over, likewise
    TURN = "turn"  #: waits for its turn; another worker of the same queues watches the server
    CLOCK = "clock"  #: waits for the interval's end; there is nobody to tell


class Vigil:
    """One idle worker's part in watching for jobs. No call of it waits, but ``wait``.

    A look that finds nothing is followed by ``stand``, which says for how long to sleep, by
    ``wait`` and ``is_over`` in turn, and by the next look. Of the workers that share a baton one
    watches, the others send nothing to the server. A worker that the pause key holds up watches
    that key itself.
    """

    def __init__(
        self, client: Resque, control: Control, baton: "Baton | None", interval: float
    ) -> None:
        """``interval`` is how often, in seconds, to see whether whoever watches is still there."""
        counted_by_all = [client.keys.stat("processed")]
        self._tracking: Tracking | None = client.server.tracking(counted_by_all)
        self._control = control
        self._baton = baton
        self._interval = max(interval, _LEAST_WAIT_FOR_TURN)
        self._post = Post.AT_WORK
        self._is_late = False  #: whether it has waited for its turn for an interval, about
        self._losses = 0  #: looks in a row that asked, and after which nobody would tell

    def begin_look(self) -> Speaker | None:
        """Return through what to look so that the server tells of changes; None: just look.

        A look that asks and fails is repeated as a plain one.
        """
        match self._post:
            case Post.AT_WORK:
                return None
            case Post.TO_ASK | Post.JOB | Post.CLOCK if self._tracking is not None:
                self._post = Post.ASKING
                self._tracking.begin()
                return self._tracking
            case Post.ASKING:
                self._losses += 1
            case _:
                pass
        self._post = Post.LOOKING
        return None

    def stand(self, nothing: Nothing, pause: Callable[[], float]) -> float:
        """Decide what to wait for after a look that found nothing; returns the seconds, at most.

        0: look again now, so that the server tells. ``pause`` returns the seconds where nobody
        does.
        """
        has_asked = self._post is Post.ASKING
        self._is_late = False
        self._post = Post.LOOKING
        tracking = self._tracking
        if tracking is None or tracking.is_refused:
            return self._wait_by_clock(pause)
        if nothing is Nothing.PAUSED:
            self._give_baton()  # the next one is to see that, too
        elif not self._has_turn():
            self._post = Post.TURN
            return SAFETY_LOOK
        if has_asked and tracking.is_on:
            self._losses = 0
            self._post = Post.PAUSE if nothing is Nothing.PAUSED else Post.JOB
            return SAFETY_LOOK
        self._losses += has_asked
        if self._losses > _MOST_LOSSES:
            return self._wait_by_clock(pause)
        self._post = Post.TO_ASK
        return 0.0

    def is_over(self) -> bool:
        """Tell whether to look now."""
        match self._post:
            case Post.AT_WORK:
                return True  # it has had something else to do
            case Post.JOB | Post.PAUSE:
                return self._tracking is None or self._tracking.has_news()
            case Post.TURN if self._has_turn():
                self._post = Post.TO_ASK
                return True
            case Post.TURN:
                return self._is_late and self._baton is not None and self._baton.is_stuck()
            case _:
                return False

    def wait(self, seconds: float) -> None:
        """Sleep for so long at most; ``is_over`` may have become true, or a signal have come."""
        match self._post:
            case Post.JOB | Post.PAUSE if self._tracking is not None:
                self._control.wait_for(self._tracking, seconds)
            case Post.TURN if self._baton is not None:
                self._is_late = True
                self._control.wait_for_turn(self._baton, min(seconds, self._interval))
            case _:
                self._control.wait(seconds)

    def leave(self) -> None:
        """Do something else from now on; another takes over. Costs nothing between two jobs."""
        if self._post is not Post.AT_WORK:
            self._post = Post.AT_WORK
            self._give_baton()

    def _wait_by_clock(self, pause: Callable[[], float]) -> float:
        self._post = Post.CLOCK
        self._give_baton()  # the others are to find out by themselves
        return pause()

    def _has_turn(self) -> bool:
        return self._baton is None or self._baton.is_held or self._baton.take()

    def _give_baton(self) -> None:
        if self._baton is not None:
            self._baton.give()
