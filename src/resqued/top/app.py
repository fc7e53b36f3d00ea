"""The screen: shows what the watchers have seen, and does what keys ask for."""

import asyncio
from collections.abc import Callable
from functools import partial
from signal import Signals
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Footer, Static

from resqued import wording
from resqued.clock import Clock
from resqued.config.display import one_line
from resqued.errors import ResquedError
from resqued.process import signals
from resqued.top import orders, rows, texts
from resqued.top.dialogs import Page, Question
from resqued.top.listing import Listing
from resqued.top.model import BacklogView, PoolView
from resqued.top.notice import Notice
from resqued.top.orders import Order
from resqued.top.rounds import Rounds
from resqued.top.sources import BacklogNews, PoolNews, Sources
from resqued.top.watch import PoolWatch

#: Where less room is, only one of the three lists is shown at a time.
_LEAST_WIDTH, _LEAST_HEIGHT = 60, 16
#: Seconds after which "since when" is told anew, however seldom anybody is asked.
_TICK = 1.0


class Top(App[int]):
    """The view of one pool. Returns its exit status."""

    TITLE = "resqued top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #header { height: auto; }
    #workers { height: 2fr; }
    #lower { height: 1fr; min-height: 6; }
    #queues { width: 2fr; margin-right: 1; }
    #failures { width: 3fr; }
    .small #lower { height: 1fr; min-height: 1; }
    .small #queues { margin-right: 0; }
    Question, Page { align: center middle; }
    .dialog { width: auto; max-width: 90%; height: auto; max-height: 90%;
              border: round $primary; padding: 0 1; background: $surface; }
    VerticalScroll.dialog { width: 90%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause/resume"),
        Binding("r", "reload", "Reload"),
        Binding("R", "restart", "Restart"),
        Binding("s", "stacks", "Stacks"),
        Binding("tab", "turn(1)", "Next", show=False, priority=True),
        Binding("shift+tab", "turn(-1)", show=False, priority=True),
        Binding("question_mark", "explain", "Help", key_display="?"),
        Binding("q", "leave", "Quit"),
        Binding("ctrl+c", "leave", show=False, priority=True),
        Binding("ctrl+z", "put_aside", show=False, priority=True),
    ]

    def __init__(self, sources: Sources, clock: Clock, interval: float) -> None:
        """Ask every ``interval`` seconds."""
        super().__init__()
        self.theme = "ansi-dark"  # the colours that the terminal has, whatever it is
        self._sources = sources
        self._clock = clock
        self._pool = PoolView()
        self._backlog = BacklogView()
        self._pool_rounds = Rounds(interval)
        self._backlog_rounds = Rounds(interval)
        # Kept here: news may still come when the screen that they were on is gone.
        self._header = Static(id="header", markup=False)
        self._worker_list = Listing(rows.WORKER_COLUMNS, id="workers")
        self._queue_list = Listing(rows.QUEUE_COLUMNS, id="queues")
        self._failure_list = Listing(rows.FAILURE_COLUMNS, id="failures")
        self._notice = Notice()

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield self._header
        yield self._worker_list
        with Horizontal(id="lower"):
            yield self._queue_list
            yield self._failure_list
        yield self._notice
        yield Footer()

    def on_mount(self) -> None:
        """Begin to ask, in threads: an answer may take seconds, and the keys are not to wait."""
        self._worker_list.focus()
        self.run_worker(self._watch_pool, thread=True)
        self.run_worker(self._watch_backlog, thread=True)
        self.set_interval(_TICK, self._show_header)
        inbox = self._sources.inbox
        if inbox is not None:
            # Textual's own handlers would take the terminal once more wherever SIGCONT comes.
            signals.ignore(Signals.SIGTSTP)
            signals.ignore(Signals.SIGCONT)
            asyncio.get_running_loop().add_reader(inbox.fileno(), self._on_signals)

    def on_unmount(self) -> None:
        """Ask no more; an answer that is under way is waited for."""
        self._pool_rounds.end()
        self._backlog_rounds.end()

    # --- in threads of their own

    def _watch_pool(self) -> None:
        watch = PoolWatch(self._sources.master, self._clock)
        self._pool_rounds.run(lambda: self.post_message(PoolNews(watch.look())))

    def _watch_backlog(self) -> None:
        watch = self._sources.backlog
        try:
            self._backlog_rounds.run(lambda: self.post_message(BacklogNews(watch.look())))
        finally:
            watch.close()

    def _do(self, work: Callable[[], str], tell: Callable[[str], object]) -> None:
        try:
            text = work()
        except ResquedError as error:
            self.call_later(self._say, one_line(str(error)), is_wrong=True)
        else:
            self.call_later(tell, text)
        self._pool_rounds.hurry()

    # --- showing

    def on_pool_news(self, news: PoolNews) -> None:
        """Show what has become of the pool."""
        if self._pool.trouble is not None and news.view.trouble is None:
            self._notice.withdraw()  # that an order has not reached the master is what it may say
        self._pool = news.view
        self._show_header()
        self._worker_list.put(rows.worker_rows(news.view))

    def on_backlog_news(self, news: BacklogNews) -> None:
        """Show what has become of the queues."""
        self._backlog = news.view
        self._show_header()
        now = self._clock.now()
        self._queue_list.put(rows.queue_rows(news.view), texts.queues_title(news.view, now))
        self._failure_list.put(rows.failure_rows(news.view), texts.failures_title(news.view, now))

    def on_resize(self, event: events.Resize) -> None:
        """Show no more lists than there is room for."""
        is_small = event.size.width < _LEAST_WIDTH or event.size.height < _LEAST_HEIGHT
        self.set_class(is_small, "small")
        self._arrange(self._current)
        self._show_header()

    def on_listing_chosen(self, chosen: Listing.Chosen) -> None:
        """Show all about a row."""
        self.push_screen(Page("\n".join(chosen.row.detail)))

    def _show_header(self) -> None:
        lines = texts.header(self._pool, self._backlog, self._clock.now(), self.size.width)
        self._header.update(Text("\n").join(lines))

    def _arrange(self, current: Listing) -> None:
        shown = (current,) if self.has_class("small") else self._lists
        for listing in self._lists:
            listing.display = listing in shown
        lower = self._queue_list.parent
        assert isinstance(lower, Horizontal)
        lower.display = current is not self._worker_list or len(shown) > 1

    @property
    def _lists(self) -> tuple[Listing, ...]:
        return self._worker_list, self._queue_list, self._failure_list

    @property
    def _current(self) -> Listing:
        """The list that keys are for."""
        focused = self.screen_stack[0].focused
        return focused if isinstance(focused, Listing) else self._worker_list

    def _say(self, text: str, *, is_wrong: bool = False) -> None:
        self._notice.say(text, is_wrong=is_wrong)

    # --- keys

    def action_turn(self, lists: int) -> None:
        """Go on to the next list."""
        if len(self.screen_stack) > 1:
            return
        following = (self._lists.index(self._current) + lists) % len(self._lists)
        self._arrange(self._lists[following])
        self._lists[following].focus()

    def action_pause(self) -> None:
        """Pause the pool, or resume."""
        status = self._pool.status
        if status is not None:
            self._ask(orders.pause_or_resume(status))

    def action_reload(self) -> None:
        """Reload."""
        self._ask(orders.reload())

    def action_restart(self) -> None:
        """Restart the selected worker."""
        pid = self._selected_worker()
        if pid is not None:
            self._ask(orders.restart(pid))

    def action_stacks(self) -> None:
        """Show where the selected worker is in its code."""
        pid = self._selected_worker()
        if pid is not None:
            self._beside(partial(self._sources.stacks, pid), self._show_stacks)

    def action_explain(self) -> None:
        """Show what the keys do."""
        self.push_screen(Page(texts.HELP))

    def action_leave(self) -> None:
        """End the view; the pool goes on."""
        self.exit(0)

    def action_put_aside(self) -> None:
        """Give the terminal back until SIGCONT; the threads stand still as well."""
        with self.suspend():
            signals.put_aside()

    def _selected_worker(self) -> int | None:
        """Return the pid of the selected worker, and say so if there is none."""
        row = self._worker_list.selected
        pid = orders.worker_at(self._pool.status, row.key) if row is not None else None
        if pid is None:
            self._say("No worker is selected")
        return pid

    def _ask(self, order: Order) -> None:
        """Carry an order out, after a question if it takes workers from their work."""

        def go_on(is_yes: bool | None) -> None:  # noqa: FBT001 - textual calls it so
            if is_yes:
                self._beside(partial(order.carry_out, self._sources.master), self._say)

        if order.question is None:
            go_on(is_yes=True)
        else:
            self.push_screen(Question(order.question), go_on)

    def _beside(self, work: Callable[[], str], tell: Callable[[str], object]) -> None:
        """Do what may take seconds in a thread of its own, and tell what it returns."""
        self.run_worker(partial(self._do, work, tell), thread=True)

    def _show_stacks(self, stacks: str) -> None:
        self.push_screen(Page(wording.several_lines(stacks).expandtabs()))

    def _on_signals(self) -> None:
        assert self._sources.inbox is not None
        for received in self._sources.inbox.drain():
            if received is Signals.SIGCONT:
                self.refresh()  # somebody else may have written to the terminal meanwhile
            else:
                self.exit(128 + received)  # as the shell reports a command that a signal has ended
