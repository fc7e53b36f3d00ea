"""A line below all else that tells for a while what has become of an order."""

from rich.text import Text
from textual.timer import Timer
from textual.widgets import Static

from resqued.top.cells import WELL, WRONG

#: Seconds for which it is shown.
_SHOWN_FOR = 8.0


class Notice(Static):
    """Takes no room while there is nothing to tell."""

    DEFAULT_CSS = "Notice { height: auto; display: none; }"

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._end: Timer | None = None
        self._is_wrong = False  #: what was said last

    def say(self, text: str, *, is_wrong: bool) -> None:
        """Show a text, which its maker has escaped, in the place of what was shown before."""
        self.update(Text(text, style=WRONG if is_wrong else WELL))
        self.display = True
        self._is_wrong = is_wrong
        if self._end is not None:
            self._end.stop()
        self._end = self.set_timer(_SHOWN_FOR, self._hide)

    def withdraw(self) -> None:
        """Show no more what was wrong, which it is no longer; anything else stays."""
        if self._is_wrong:
            self._hide()

    def _hide(self) -> None:
        self.display = False
