"""How a listener gets its process: a fresh interpreter, what it inherits, its first order."""

from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.master.options import Options
from resqued.master.state import SavedState
from resqued.process import limits
from resqued.process.lifeline import Lifeline
from resqued.process.spawn import spawn_interpreter
from resqued.process.start_context import StartContext

#: What the master runs in a fresh interpreter for each generation.
LISTENER_MODULE = "resqued.cli.listener"


class Launcher:
    """Spawns listeners that are all alike but for the code that is installed by then."""

    def __init__(self, options: Options, context: StartContext, resumed: SavedState | None) -> None:
        """Make what every listener gets from the master, or go on with what ``resumed`` has."""
        self._options = options
        self._context = context
        self.lifeline = Lifeline(resumed.lifeline if resumed else None)
        #: How many files workers may have open: the limit before it was raised for the master.
        self.file_limit = resumed.file_limit if resumed else limits.raise_file_limit()

    def launch(self) -> tuple[int, Channel]:
        """Start a process that waits for its order; returns its pid, and the way to it.

        Raises OSError if there is no room for one.
        """
        self._context.enter()
        channel, theirs = Channel.pair()
        with theirs:
            inherit = (theirs.fileno(), self.lifeline.reader, *self._options.inherit)
            arguments = [str(descriptor) for descriptor in inherit]
            try:
                pid = spawn_interpreter(self._context, LISTENER_MODULE, arguments, inherit)
            except OSError:
                channel.close()
                raise
        return pid, channel

    def order(self, generation: int) -> messages.Boot:
        """Return what the listener of the generation with that number is told first."""
        return messages.Boot(
            generation,
            self.file_limit,
            self._options.paths,
            self._context.folder,
            self._options.log_path,
            self._options.log_format,
        )
