"""Failures as the tests of their backends want them."""

from collections.abc import Callable, Iterable, Sequence

from resque.client import Resque
from resque.failure import FailedJob, Failure, Failures
from resque.store.script import Script
from resque.store.server import Server
from resque.store.words import Reply, Word

#: 2026-11-23 18:46:58 UTC and a fraction, which no format shows.
MOMENT = 1795459618.987
JOB = b'{"class":"Boom","args":["x"]}'

#: What lies in ``failed`` after ``failed_job()``, in UTC.
RECORD = (
    b'{"failed_at":"2026/11/23 18:46:58 UTC","payload":{"class":"Boom","args":["x"]},'
    b'"exception":"ArgumentError","error":"bad thing: [\\"x\\"]",'
    b'"backtrace":["app/jobs.rb:4:in `perform\'"],"worker":"vm:14522:q1","queue":"q1"}'
)


def failed_job(
    element: bytes = JOB,
    queue: str = "q1",
    error: str = 'bad thing: ["x"]',
    exception: BaseException | None = None,
) -> FailedJob:
    """Return the failure of a job."""
    failure = Failure("ArgumentError", error, ("app/jobs.rb:4:in `perform'",))
    return FailedJob(queue, element, "vm:14522:q1", failure, MOMENT, exception)


def numbered(number: int, queue: str = "q1", class_name: str = "Boom") -> FailedJob:
    """Return the failure of a job that can be told from others by its argument."""
    element = b'{"class":"%s","args":[%d]}' % (class_name.encode(), number)
    return failed_job(element, queue)


class StandingClock:
    """Stands in for ``resque.clock.SystemClock``: it is always the same moment."""

    def now(self) -> float:
        """Return nothing of meaning."""
        return 0.0

    def epoch(self) -> float:
        """Return the moment."""
        return MOMENT


class WatchedServer:
    """A server that notes how much is read at once, and lets others act in between."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.longest = 0  #: records in a reply, or words in a script's call
        self.after_read: Callable[[], object] = lambda: None

    def call(self, name: Word, *words: Word) -> Reply:
        """Pass it on."""
        reply = self._server.call(name, *words)
        if name == "LRANGE":
            self.longest = max(self.longest, len(reply))
            self.after_read()
        return reply

    def pipeline(self, commands: Iterable[Sequence[Word]]) -> list[Reply]:
        """Pass it on."""
        return self._server.pipeline(commands)

    def run(self, script: Script, keys: Sequence[Word], args: Sequence[Word] = ()) -> Reply:
        """Pass it on."""
        self.longest = max(self.longest, len(keys) + len(args))
        return self._server.run(script, keys, args)

    def close(self) -> None:
        """Pass it on."""
        self._server.close()


def watched(client: Resque) -> tuple[WatchedServer, Failures]:
    """Return a client's failures, seen through a watched server, at a standing time."""
    server = WatchedServer(client.server)
    return server, Failures(server, client.keys, client.failure_backend, StandingClock())
