"""Ask the listeners what their workers do, when somebody wants to know; they may not answer."""

from resqued.clock import Clock
from resqued.ipc import messages
from resqued.master import snapshot
from resqued.master.generation import Generation
from resqued.master.generations import Generations

#: Seconds that the listeners get; a hook may hang there, and whoever asks is not to wait for it.
PATIENCE = 0.5


class Survey:
    """One round of questions at a time; whoever asks meanwhile shares its answers."""

    def __init__(self, generations: Generations, clock: Clock) -> None:
        self._generations = generations
        self._clock = clock
        self._asked: list[Generation] = []
        self._until: float | None = None  #: None: nobody has asked
        self._has_figures = False  #: whether this round asks for them, too
        #: The number of the last round, which its answers bear.
        self.number = 0

    @property
    def is_under_way(self) -> bool:
        """Whether a round has begun, and was not ended."""
        return self._until is not None

    @property
    def is_complete(self) -> bool:
        """Whether all have answered, or have had their time."""
        return self.due_in == 0.0 or not any(map(self._is_awaited, self._asked))

    @property
    def due_in(self) -> float | None:
        """Seconds until they have had their time; None: nobody has asked."""
        return None if self._until is None else max(0.0, self._until - self._clock.now())

    def begin(self, *, wants_figures: bool = False) -> None:
        """Ask all that can answer, unless that is done already; once more for more than before."""
        if self.is_under_way and (self._has_figures or not wants_figures):
            return
        self._has_figures = wants_figures
        self.number += 1
        self._until = self._clock.now() + PATIENCE
        self._asked = [each for each in self._generations.with_listener if snapshot.is_asked(each)]
        for generation in self._asked:
            if not generation.channel.has_output:  # or the questions would pile up
                generation.channel.send(messages.Look(self.number, wants_figures))

    def end(self) -> None:
        """Let the next who asks begin another round."""
        self._until = None
        self._asked = []

    def _is_awaited(self, generation: Generation) -> bool:
        seen = generation.seen
        has_answered = seen is not None and seen.number == self.number
        return generation.has_listener and not has_answered
