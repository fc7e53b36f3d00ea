"""Parts of what is shown, and the styles in which the view shows them."""

import re
from collections.abc import Sequence

from rich.text import Text

from resqued.control.status import WorkerState
from resqued.top.model import KEPT

WELL, MOVING, WRONG, HEADING = "green", "yellow", "bold red", "bold"
STYLES = {
    WorkerState.IDLE.value: WELL,
    WorkerState.READY.value: WELL,
    WorkerState.BUSY.value: WELL,
    WorkerState.STARTING.value: MOVING,
    WorkerState.WAITING.value: MOVING,
    WorkerState.LEAVING.value: MOVING,
    WorkerState.BACKOFF.value: WRONG,
}
_UNKNOWN = Text("-")
#: Cells of a spark line, each an eighth of the height taller than the one before.
_BARS = "▁▂▃▄▅▆▇█"
_TIME = re.compile(r"\d{4}/(\d\d/\d\d \d\d:\d\d:\d\d) \S+")


def cell(value: object) -> Text:
    """Return a number or a text of ours; what is not known is shown as such."""
    return _UNKNOWN if value is None else Text(str(value))


def counted(count: int, one: str, many: str) -> str:
    """Return a number of things."""
    return f"{count:,} {one if count == 1 else many}"


def speed(rates: Sequence[float], highest: float, mean: float) -> str:
    """Return bars and a number, so that neither moves when the other changes."""
    return f"{spark(rates, highest)} {rate(mean):>5}"


def spark(rates: Sequence[float], highest: float) -> str:
    """Return a bar for each rate, the newest to the right; the tallest means ``highest``."""
    bars = [_BARS[_height(rate, highest)] for rate in rates[-KEPT:]]
    return "".join(bars).rjust(KEPT)


def rate(jobs_a_second: float) -> str:
    """Return a rate in no more than five characters."""
    return f"{jobs_a_second:.1f}" if jobs_a_second < 100 else f"{jobs_a_second:.0f}"


def short(at: str) -> str:
    """Return a time without its year and its zone, if it is written as Resque does."""
    found = _TIME.fullmatch(at)
    return at if found is None else found[1]


def _height(value: float, highest: float) -> int:
    """Return which bar stands for a value: only nothing at all has the lowest."""
    if value <= 0 or highest <= 0:
        return 0
    return max(1, min(len(_BARS) - 1, round(value / highest * (len(_BARS) - 1))))
