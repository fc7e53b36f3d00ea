"""See to what dead workers have left, beside the listener's loop, which never waits for it."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from signal import Signals

from resqued.clock import Clock
from resqued.process import reaper, signals
from resqued.process.spawn import fork_child
from resqued.worker.death import WorkerDeath

log = logging.getLogger(__name__)

#: Seconds from a worker's death until it is left to whoever finds it on the server.
TIME_LIMIT = 30.0
#: How many deaths are seen to at once: all workers may have died together.
AT_ONCE = 8
#: Seconds between two tries to fork where there is no room for a process.
_FORK_PAUSE = 1.0

#: What the forked child runs, with the seconds that it has; returns the exit status.
RecoveryBody = Callable[[WorkerDeath, float], int]


@dataclass(frozen=True, slots=True)
class _Case:
    """One death, and until when it may be seen to."""

    death: WorkerDeath
    until: float  #: on the listener's clock


class Recoveries:
    """The listener's short-lived children, one for each dead worker."""

    def __init__(self, body: RecoveryBody | None, clock: Clock) -> None:
        """``body`` is None where the factory has no way with dead workers."""
        self._body = body
        self._clock = clock
        self._waiting: deque[_Case] = deque()
        self._running: dict[int, _Case] = {}  #: by the child's pid
        self._may_fork_at = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether there is a death still to be seen to."""
        return bool(self._waiting or self._running)

    @property
    def next_step_in(self) -> float | None:
        """Seconds until a child's time is over, or one can be forked; None: no such moment."""
        moments = [case.until for case in self._running.values()]
        if self._waiting and len(self._running) < AT_ONCE:
            moments.append(self._may_fork_at)
        return max(0.0, min(moments) - self._clock.now()) if moments else None

    def begin(self, death: WorkerDeath) -> None:
        """See to a worker that has been reaped, and its process group killed, from now on."""
        if self._body is not None:
            self._waiting.append(_Case(death, self._clock.now() + TIME_LIMIT))
            self._fork_due()

    def step(self) -> None:
        """Reap who is done, end who is late, fork who is next; never waits."""
        for pid, case in list(self._running.items()):
            status = reaper.reap(pid)
            if status is not None:
                del self._running[pid]
                if status.code is None:
                    _log_left(case.death, f"recovery ended: {status}")
            elif self._clock.now() >= case.until:
                signals.send(pid, Signals.SIGKILL)
        self._fork_due()

    def _fork_due(self) -> None:
        while self._waiting and len(self._running) < AT_ONCE:
            now = self._clock.now()
            case = self._waiting[0]
            if now >= case.until:
                _log_left(case.death, "there was no time for it")
            elif now < self._may_fork_at or not self._fork(case, case.until - now):
                return
            self._waiting.popleft()

    def _fork(self, case: _Case, seconds: float) -> bool:
        body = self._body
        assert body is not None
        try:
            pid = fork_child(lambda: body(case.death, seconds))
        except OSError as error:
            fields = {"event": "fork_failed", "reason": str(error)}
            log.error("Cannot fork, trying again: %s", error, extra=fields)  # noqa: TRY400
            self._may_fork_at = self._clock.now() + _FORK_PAUSE
            return False
        self._running[pid] = case
        return True


def _log_left(death: WorkerDeath, why: str) -> None:
    log.error(
        "What worker %d for %s has left was not seen to: %s",
        death.pid,
        ",".join(death.queues),
        why,
        extra={
            "event": "recovery_failed",
            "worker": death.pid,
            "queues": death.queues,
            "reason": why,
        },
    )
