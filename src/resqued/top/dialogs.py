"""What stands above the view for a moment: a question, or a text to be read."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static


class Question(ModalScreen[bool]):
    """Returns whether the answer was yes. Any key but those for yes and no changes nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,q", "answer(False)", "No"),
    ]

    def __init__(self, question: str) -> None:
        """``question`` is shown as it is: its maker has escaped what others have named."""
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Static(Text(f"{self._question}\n\ny yes   n no"), classes="dialog", markup=False)

    def action_answer(self, is_yes: bool) -> None:  # noqa: FBT001 - textual calls it so
        """Leave with the answer."""
        self.dismiss(is_yes)


class Page(ModalScreen[None]):
    """A text that may be longer than the screen, until a key ends it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,question_mark", "dismiss", "Back"),
    ]

    def __init__(self, text: str) -> None:
        """``text`` is shown as it is: its maker has escaped what others have named."""
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with VerticalScroll(classes="dialog"):
            yield Static(Text(self._text), markup=False)
