"""Error replies which say that another server is the right one.

What got such a reply was not run.
"""

from collections.abc import Sequence
from dataclasses import replace

from resque.errors import ReplyError
from resque.store.address import Address
from resque.store.words import Reply

#: The server has become a replica, or a cluster has the key elsewhere.
_CODES = frozenset({"READONLY", "MASTERDOWN", "MOVED"})
#: What servers older than 7 make of a script's error: ``ERR Error running script ...: -READONLY``.
_IN_SCRIPT = (": -READONLY ", ": -MASTERDOWN ")


def are_elsewhere(replies: Sequence[Reply]) -> bool:
    """Tell whether one of the replies says that its command belongs to another server."""
    for reply in replies:  # noqa: SIM110 - each reply to each worker passes here
        if isinstance(reply, ReplyError) and _is_elsewhere(reply):
            return True
    return False


def all_moved(replies: Sequence[Reply]) -> bool:
    """Tell whether a cluster has run none of the commands, so that all can be sent again."""
    return all(map(_is_moved, replies))


def destination(replies: Sequence[Reply], asked: Address) -> Address | None:
    """Return the node named by the first MOVED of the node ``asked``, None if there is none.

    The form is ``MOVED 3999 host:port``, with an empty host for the one that was asked.
    """
    for reply in filter(_is_moved, replies):
        host, _, port = reply.message.partition(" ")[2].rpartition(":")
        if port.isdigit():
            return replace(asked, host=host or asked.host, port=int(port), path=None)
    return None


def _is_moved(reply: Reply) -> bool:
    return isinstance(reply, ReplyError) and reply.code == "MOVED"


def _is_elsewhere(error: ReplyError) -> bool:
    return error.code in _CODES or any(mark in error.message for mark in _IN_SCRIPT)
