"""The processes that one worker forks: how they come to be, and how it waits for their end."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from resque.errors import ResqueError
from resque.worker.child import JobChild, Limits
from resque.worker.control import Control
from resque.worker.deadline import Deadline
from resque.worker.liveness import Liveness
from resqued.process.reaper import ExitStatus

if TYPE_CHECKING:
    from resque.worker.worker import Worker

log = logging.getLogger(__name__)

#: Seconds for which a worker sleeps at first when it has forked. What it writes to while the child
#: is there the kernel has to copy, and by then most children are gone.
_DOZE = 0.01
#: Seconds between tries to fork when the kernel has no room for a process.
_FORK_PAUSE = 1.0


class NoRoomError(ResqueError):
    """Raised when the worker was told to leave before the kernel had room for the job."""


class JobProcesses:
    """Forks and sees off; nothing else of the worker's runs while it does."""

    def __init__(self, worker: "Worker", control: Control, liveness: Liveness) -> None:
        """``liveness`` beats meanwhile."""
        self._worker = worker
        self._control = control
        self._liveness = liveness
        #: Ends what can be done without, called before a wait for room.
        self.make_room: Callable[[], None] | None = None

    def fork(self, body: Callable[[], int], deadline: Deadline | None) -> JobChild:
        """Fork, as soon as the kernel has room. Raises NoRoomError when told to leave first."""
        while True:
            try:
                return self.fork_now(body, deadline)
            except OSError as error:
                fields = {"event": "fork_failed", "reason": str(error)}
                if self.make_room is not None:
                    self.make_room()
                log.error("Cannot fork, trying again: %s", error, extra=fields)  # noqa: TRY400
                self._control.wait(_FORK_PAUSE)
                self._liveness.beat_aside_if_due()
                if self._control.asked:
                    raise NoRoomError(str(error)) from error

    def fork_now(self, body: Callable[[], int], deadline: Deadline | None) -> JobChild:
        """Fork. Raises OSError if the kernel has no room."""
        limits = Limits(
            pre_shutdown=self._worker.pre_shutdown_timeout, term=self._worker.term_timeout
        )
        return JobChild(body, self._worker.clock, limits, deadline)

    def see_off(
        self,
        child: JobChild,
        *,
        lasts: Callable[[], object] | None = None,
        meanwhile: Callable[[], float] | None = None,
    ) -> ExitStatus:
        """Wait for a child's end, whatever is asked meanwhile.

        ``lasts`` is called once, if that does not come within 10 ms, or until another signal.
        ``meanwhile`` is called at first, and whenever something was asked, or its own time has
        come, which it returns in seconds.
        """
        longest = _DOZE if child.deadline is None else min(_DOZE, child.deadline.due_in)
        self._control.doze(longest if meanwhile is None else min(longest, meanwhile()))
        if (status := child.reap()) is not None:
            return status
        if lasts is not None:
            lasts()
        while (status := child.reap()) is None:
            moments: list[float | None] = [self._liveness.next_beat_in]
            if meanwhile is not None:
                moments.append(meanwhile())
            child.end_if_due(wanted=self._control.job_must_end)  # perhaps before the job began
            moments.append(child.next_step_in)
            self._control.wait(min(m for m in moments if m is not None))
            self._liveness.beat_aside_if_due()
        return status
