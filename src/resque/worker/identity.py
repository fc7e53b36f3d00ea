"""The name under which a worker registers."""

import os
import socket
from collections.abc import Sequence

from resque import times
from resque.client import Resque
from resque.errors import QueueNameError
from resque.store import workers


def queue_patterns(queues: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns as Resque has them, stripped. Raises QueueNameError if none is left."""
    patterns = tuple(pattern.strip() for pattern in queues)
    if not all(patterns) or not any(not pattern.startswith("!") for pattern in patterns):
        raise QueueNameError(",".join(queues))
    return patterns


def worker_id(patterns: Sequence[str], discriminator: str = "") -> str:
    """Return ``host:pid:queues`` for a worker of this process, as Ruby Resque reads it.

    The discriminator, without ``:`` and ``/``, goes to the host's part: the pid's must be a plain
    number (protocol, section 19).
    """
    shown = ",".join(pattern for pattern in patterns if not pattern.startswith("!"))
    host = socket.gethostname() + (f".{discriminator}" if discriminator else "")
    return f"{host}:{os.getpid()}:{shown}"


def claim_id(
    client: Resque, patterns: Sequence[str], fresh: float, ours: set[bytes] | None = None
) -> str:
    """Return an id that nobody else uses, its first heartbeat written.

    Two containers may have a hostname, and a worker's pid, in common. A heartbeat younger than
    ``fresh`` seconds is taken for another worker's, and the host's part gets a discriminator. An
    older one is that of a worker whose pid has come round: its id, and what it has left, is ours.
    Raises what the server's calls raise; repeated after that, with the same set ``ours``, it knows
    what it had written itself.
    """
    ours = set() if ours is None else ours
    server, keys = client.server, client.keys
    discriminator = ""
    while True:
        own = worker_id(patterns, discriminator)
        seen = workers.heartbeat(server, keys, own)
        now = workers.server_time(server)
        beat = times.read_heartbeat(seen)
        if beat is not None and now - beat < fresh and seen not in ours:
            discriminator = os.urandom(3).hex()
            continue
        new = times.heartbeat(now)
        ours.add(new.encode())
        if workers.claim(server, keys, own, seen, new):
            return own
        ours.discard(new.encode())
