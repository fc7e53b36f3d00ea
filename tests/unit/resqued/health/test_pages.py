"""What the probes remember from one to the next."""

from typing import Any

from resqued.control.status import Health
from resqued.health.pages import Probes
from tests.support.clock import HandTurnedClock

WORKS = Health(mode="working", generation=1, configured=1, serving=1)
LOADS = Health(mode="working", generation=None, configured=None, serving=0)


def test_an_older_answer_does_not_undo_that_the_pool_has_started():
    """Each client has a thread: one may have asked before another, and judge after it."""
    probes = Probes("nowhere", HandTurnedClock())

    class Outrun:
        @property
        def generation(self) -> None:
            assert probes._started(WORKS).is_good

    older: Any = Outrun()
    assert not probes._started(older).is_good
    assert probes._started(LOADS).is_good
