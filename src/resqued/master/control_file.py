"""The control socket's file, as the master keeps it: to delete it is not to cut the pool off."""

import logging
from collections.abc import Callable, Iterable
from signal import Signals

from resqued.backoff import Backoff
from resqued.clock import Clock
from resqued.control.place import PlaceError
from resqued.control.socket_file import SocketFile, SocketFileError

log = logging.getLogger(__name__)

#: Seconds between two looks at the file while all is well.
INTERVAL = 5.0


class ControlFile:
    """Sees to it that the control socket is found under its name. No method waits.

    What a cleaner of temporary files or the end of a session has taken away is made anew; the place
    of another process is not taken.
    """

    def __init__(
        self, file: SocketFile | None, clock: Clock, listen_anew: Callable[[], None]
    ) -> None:
        """``listen_anew`` is called when ``file`` has another socket; None: there is no file."""
        self._file = file
        self._clock = clock
        self._listen_anew = listen_anew
        self._backoff = Backoff(clock)
        self._looks_at = clock.now()
        self._complaint: str | None = None  #: what was logged last; None: nothing is wrong

    @property
    def due_in(self) -> float | None:
        """Seconds until ``keep`` looks again; None: there is nothing to look at."""
        return None if self._file is None else max(0.0, self._looks_at - self._clock.now())

    def hear(self, received: Iterable[Signals]) -> None:
        """Look at once if one of these signals is HUP: who sends it may miss the socket."""
        if Signals.SIGHUP in received:
            self._looks_at = self._clock.now()

    def keep(self) -> None:
        """Look at the file if that is due, and make it anew if it is not in its place."""
        if self._file is None or self.due_in != 0.0:
            return
        if self._file.is_in_place:
            self._is_well()
        else:
            self._renew(self._file)

    def _renew(self, file: SocketFile) -> None:
        self._backoff.started()
        try:
            file.renew()
        except (SocketFileError, PlaceError) as error:
            self._backoff.ended(expected=False)
            self._looks_at = self._clock.now() + self._backoff.due_in
            self._complain(str(error))
            return
        self._listen_anew()
        self._is_well()
        fields = {"event": "control_socket_renewed"}
        log.warning("The control socket was gone, and has been made anew", extra=fields)

    def _is_well(self) -> None:
        self._backoff.ended(expected=True)
        self._looks_at = self._clock.now() + INTERVAL
        self._complaint = None

    def _complain(self, reason: str) -> None:
        if reason != self._complaint:
            self._complaint = reason
            fields = {"event": "control_socket_lost", "reason": reason}
            log.error("The control socket is gone, trying again: %s", reason, extra=fields)
