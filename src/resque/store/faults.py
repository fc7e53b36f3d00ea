"""What goes wrong in a conversation with a server, as the errors that callers know."""

from hiredis import ProtocolError as MalformedReply

from resque.errors import (
    AuthenticationError,
    NoPermissionError,
    ProtocolError,
    ReplyError,
    ResqueError,
    ServerUnavailable,
    ServerVersionError,
)
from resque.store.address import Address

#: Modules whose OSErrors are the network's; see ``_is_of_the_network``.
_NETWORK_MODULES = frozenset({"socket", "ssl", "resque.store.sockets", "resque.store.wire"})

#: What a script's lack of a right is called since version 7, and before.
_NOPERM_IN_SCRIPT = ("ACL failure in script: ", ": -NOPERM ")


def of_reply(address: Address, text: str) -> ReplyError:
    """Return the error for the text of an error reply."""
    error = ReplyError.parse(text)
    lacks = error.code == "NOPERM" or any(mark in error.message for mark in _NOPERM_IN_SCRIPT)
    return NoPermissionError(str(address), error.message) if lacks else error


def of_greeting(address: Address, reply: ReplyError) -> ResqueError:
    """Return what a refused HELLO means.

    A server older than 6 does not know the command, one that is full or in protected mode
    answers it with a reason and closes.
    """
    if reply.code in {"WRONGPASS", "NOAUTH", "NOPERM"}:
        return AuthenticationError(str(address), str(reply))
    if reply.code == "NOPROTO" or "unknown command" in reply.message:
        return ServerVersionError(str(address), str(reply))
    return ServerUnavailable(str(address), reply, was_sent=False)


def of_exception(
    address: Address, error: BaseException, limit: float, *, was_sent: bool
) -> ResqueError | None:
    """Return what an exception within an exchange means; None: it is not the conversation's.

    ``limit`` is how many seconds the server had to answer.
    """
    if isinstance(error, MalformedReply):
        return ProtocolError(str(address), str(error))
    if isinstance(error, OSError | EOFError) and _is_of_the_network(error):
        cause = f"no answer within {limit:g} s" if _is_timeout(error) else error
        return ServerUnavailable(str(address), cause, was_sent=was_sent)
    return None


def _is_timeout(error: OSError | EOFError) -> bool:
    return isinstance(error, TimeoutError) and error.errno is None


def _is_of_the_network(error: BaseException) -> bool:
    """Tell the network's errors from one that a signal handler raised into our wait.

    A job's time limit may well be a TimeoutError, which is an OSError: it is the job's to see.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") in _NETWORK_MODULES
