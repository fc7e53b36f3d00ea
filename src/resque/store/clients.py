"""The server through a redis-py or valkey-py client that the application already has."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from resque.errors import AuthenticationError, ProtocolError, ReplyError, ServerUnavailable
from resque.store.replies import normal_form
from resque.store.script import Script
from resque.store.words import Reply, Word, encode_word

#: Error codes that the clients leave in the message. Any other first word belongs to an ERR.
_CODES_IN_MESSAGES = frozenset(
    {"BUSY", "BUSYGROUP", "BUSYKEY", "CROSSSLOT", "DENIED", "INPROG", "MISCONF", "NOAUTH"}
    | {"NOGROUP", "NOMASTERLINK", "NOPROTO", "NOREPLICAS", "NOTBUSY", "OOM", "TRYAGAIN"}
    | {"UNBLOCKED", "UNKILLABLE", "WRONGPASS", "WRONGTYPE"}
)

#: ... and those that they turn into a class.
_CODES_OF_CLASSES = {
    "AskError": "ASK",
    "BusyLoadingError": "LOADING",
    "ClusterDownError": "CLUSTERDOWN",
    "ExecAbortError": "EXECABORT",
    "MasterDownError": "MASTERDOWN",
    "MovedError": "MOVED",
    "NoPermissionError": "NOPERM",
    "NoScriptError": "NOSCRIPT",
    "OutOfMemoryError": "OOM",
    "ReadOnlyError": "READONLY",
}


class ClientAdapter:
    """A ``Server`` made of a client object; neither library is ever imported for it.

    Retries, timeouts and forks are the client's own affair: a client that retries may send a
    command twice. Its decoding and its response callbacks are kept away from the replies.
    """

    def __init__(self, client: Any) -> None:
        """``client`` has redis-py's ``execute_command`` and ``pipeline``."""
        self._client = client
        self.openings = 0  #: none of them is ours
        self.address = f"the server of {type(client).__module__}.{type(client).__qualname__}"

    def call(self, name: Word, *words: Word) -> Reply:
        """Send one command and return its reply; raises as ``Connection.call``."""
        command = _encode((name, *words))
        with self._errors_as_ours():
            # As bytes the name finds no response callback.
            reply = self._client.execute_command(*command, NEVER_DECODE=True)
        return normal_form(command, reply, _reply_error)

    def pipeline(self, commands: Iterable[Sequence[Word]]) -> list[Reply]:
        """Send all commands in one write; raises as ``Connection.pipeline``."""
        encoded = [_encode(command) for command in commands]
        with self._errors_as_ours(), self._client.pipeline(transaction=False) as pipe:
            for command in encoded:
                pipe.execute_command(*command, NEVER_DECODE=True)
            raw = pipe.execute(raise_on_error=False)
        replies = [
            normal_form(command, reply, _reply_error)
            for command, reply in zip(encoded, raw, strict=True)
        ]
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise reply
        return replies

    def run(self, script: Script, keys: Sequence[Word], args: Sequence[Word] = ()) -> Reply:
        """Run a script by its hash, with its text if the server lacks it; raises as ``call``."""
        return script.evaluate(self.call, keys, args)

    def posting(
        self,
        script: Script,  # noqa: ARG002
        keys: Sequence[Word],  # noqa: ARG002
        args: Sequence[Word] = (),  # noqa: ARG002
    ) -> Callable[[], bool]:
        """Prepare nothing: how the client shares its connections is its own affair."""
        return lambda: False

    def collect(self) -> Reply:
        """Raise: nothing is ever posted."""
        raise RuntimeError("a client of the application posts nothing")

    def tracking(self, ignoring: Collection[str] = ()) -> None:
        """Return nothing: push messages are the client's own affair, if it gets any."""

    def twin(self) -> "ClientAdapter":
        """Return this one: the client has as many connections as it needs."""
        return self

    def close(self) -> None:
        """Do nothing: the client belongs to the application."""

    @contextmanager
    def _errors_as_ours(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            ours = _translate(error, self.address)
            if ours is None:
                raise
            raise ours from error


def _encode(words: Sequence[Word]) -> list[bytes]:
    """The client's own encoding may be another than UTF-8, so it gets bytes only."""
    return [encode_word(word, place) for place, word in enumerate(words)]


def _translate(error: Exception, address: str) -> Exception | None:
    """Return our error for one of the client library's, by the names of its classes."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if not names & {"RedisError", "ValkeyError"}:
        return None
    if names & {"AuthenticationError", "AuthorizationError"}:
        return AuthenticationError(address, str(error))
    if names & {"ResponseError", "BusyLoadingError"}:
        return _reply_error(error)
    if names & {"ConnectionError", "TimeoutError"}:
        return ServerUnavailable(address, error, was_sent=True)
    return ProtocolError(address, str(error)) if "InvalidResponse" in names else None


def _reply_error(error: Exception) -> ReplyError:
    """Put together again what the library took apart: the code and the message."""
    kept = getattr(error, "status_code", None)  # redis-py has it since version 7
    by_class = _CODES_OF_CLASSES.get(type(error).__name__)
    if kept or by_class:
        return ReplyError(str(kept or by_class), str(error))
    code, _, message = str(error).partition(" ")
    return (
        ReplyError(code, message) if code in _CODES_IN_MESSAGES else ReplyError("ERR", str(error))
    )
