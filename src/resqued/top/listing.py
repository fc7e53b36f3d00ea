"""A list of rows on the screen, one of which is selected."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from resqued.top.table import Column, Layout, Row, cut


class Listing(Widget, can_focus=True):
    """Shows as many rows as there is room for, the selected one among them.

    Only those are laid out: a pool may have hundreds of workers.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "move(-1000000)", show=False),
        Binding("end", "move(1000000)", show=False),
        Binding("enter", "choose", "Details"),
    ]

    class Chosen(Message):
        """Posted when somebody wants to know all about a row."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    def __init__(self, columns: Sequence[Column], *, id: str) -> None:  # noqa: A002 - textual's name
        super().__init__(id=id)
        self._columns = columns
        self._title: Text | None = None
        self._rows: Sequence[Row] = ()
        #: Of the selected row. None: the first one is, whichever that is: new failures are seen.
        self._key: object = None
        self._place = 0  #: where that row was last
        self._top = 0  #: which row is the first that is shown

    def put(self, rows: Sequence[Row], title: Text | None = None) -> None:
        """Show other rows; what was selected stays so, or what has come into its place is."""
        self._title = title
        self._rows = rows
        keys = [row.key for row in rows]
        if self._key is None:
            self._place = self._nearest(0, 1)
        elif self._key in keys:
            self._place = keys.index(self._key)
        else:
            self._place = self._nearest(self._place, 1)
        self.refresh()

    @property
    def selected(self) -> Row | None:
        """The selected row; None: there is none that can be."""
        row = self._rows[self._place] if self._place < len(self._rows) else None
        return row if row is not None and row.key is not None else None

    def render(self) -> Text:
        """Draw what fits."""
        width, height = self.size
        layout = Layout.of(self._columns, self._rows, width)
        lines = [] if self._title is None else [cut(self._title, width)]
        room = height - len(lines) - 1
        self._scroll(room)
        lines.append(layout.titles())
        for place in range(self._top, min(self._top + room, len(self._rows))):
            line = layout.line(self._rows[place])
            if place == self._place and self.has_focus and self.selected is not None:
                line.stylize("reverse")
            lines.append(line)
        return Text("\n", no_wrap=True).join(lines)

    def action_move(self, rows: int) -> None:
        """Select a row further down, or up."""
        step = 1 if rows > 0 else -1
        self._place = self._nearest(self._place + rows, step)
        self._remember()
        self.refresh()

    def action_page(self, pages: int) -> None:
        """Select a row one page further down, or up."""
        self.action_move(pages * max(1, self.size.height - 3))

    def action_choose(self) -> None:
        """Ask for all about the selected row."""
        if self.selected is not None:
            self.post_message(self.Chosen(self.selected))

    def on_mouse_scroll_down(self, _event: events.MouseScrollDown) -> None:
        """Move as the keys do."""
        self.action_move(1)

    def on_mouse_scroll_up(self, _event: events.MouseScrollUp) -> None:
        """Move as the keys do."""
        self.action_move(-1)

    def on_click(self, event: events.Click) -> None:
        """Select the row under the pointer."""
        place = self._top + event.y - 1 - (self._title is not None)
        if event.y > (self._title is not None) and place < len(self._rows):
            self.action_move(place - self._place)

    def _remember(self) -> None:
        """Keep the key of the selected row: rows come and go above it."""
        is_first = self._place == self._nearest(0, 1)
        self._key = None if is_first or self.selected is None else self.selected.key

    def _nearest(self, place: int, step: int) -> int:
        """Return the place of the first row from there on that can be selected, or else before."""
        places = [n for n, row in enumerate(self._rows) if row.key is not None]
        if not places:
            return 0
        if step > 0:
            return next((n for n in places if n >= place), places[-1])
        return next((n for n in reversed(places) if n <= place), places[0])

    def _scroll(self, room: int) -> None:
        """Move the part that is shown no further than it takes; headings above it are seen, too."""
        if self._place == self._nearest(0, 1):
            self._top = 0
        self._top = min(self._top, max(0, len(self._rows) - room))
        if self._place < self._top:
            self._top = self._place
        elif self._place >= self._top + room > 0:
            self._top = self._place - room + 1
