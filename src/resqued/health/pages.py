"""The pages: each asks the master over its control socket, and waits for no longer than a probe."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from resqued.clock import Clock
from resqued.control import client
from resqued.control.status import Health, read_health
from resqued.errors import ResquedError
from resqued.health import probes
from resqued.health.probes import Verdict
from resqued.health.server import Author, Page

#: Seconds within which a master that turns has answered; orchestrators wait for one.
PATIENCE = 0.8


class Probes:
    """The pages for orchestrators; for any number of threads."""

    def __init__(self, control: str, clock: Clock) -> None:
        """``control`` is the path of the master's socket."""
        self._control = control
        self._clock = clock
        self._has_started = False  #: whether a generation was seen to work

    @property
    def pages(self) -> Mapping[str, Author]:
        """The pages by path."""
        return {
            "/livez": lambda _accept: self._page(_alive),
            "/readyz": lambda _accept: self._page(probes.ready),
            "/startupz": lambda _accept: self._page(self._started),
        }

    def _started(self, health: Health) -> Verdict:
        verdict = probes.started(health, before=self._has_started)
        if verdict.is_good:  # never undone: another thread may have asked later, and be here first
            self._has_started = True
        return verdict

    def _page(self, judge: Callable[[Health], Verdict]) -> Page:
        try:
            verdict = judge(read_health(self._ask("health")))
        except ResquedError as error:
            verdict = Verdict(is_good=False, reason=str(error))
        status = HTTPStatus.OK if verdict.is_good else HTTPStatus.SERVICE_UNAVAILABLE
        return Page(f"{verdict.reason}\n".encode(errors="backslashreplace"), status)

    def _ask(self, verb: str) -> dict[str, Any]:
        return client.ask_within(PATIENCE, self._control, verb, self._clock)


def _alive(_health: Health) -> Verdict:
    return Verdict(is_good=True, reason="the master turns")


def without_metrics(_accept: str) -> Page:
    """Answer in the place of the metrics where what makes them is not installed."""
    text = "Metrics need prometheus-client: pip install 'resqued[metrics]'\n"
    return Page(text.encode(), HTTPStatus.NOT_IMPLEMENTED)
