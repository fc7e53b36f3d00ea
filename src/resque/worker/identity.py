"""The name under which a worker registers."""

import os
import socket
from collections.abc import Sequence

from resque.errors import QueueNameError


def queue_patterns(queues: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns as Resque has them, stripped. Raises QueueNameError if none is left."""
    patterns = tuple(pattern.strip() for pattern in queues)
    if not all(patterns) or not any(not pattern.startswith("!") for pattern in patterns):
        raise QueueNameError(",".join(queues))
    return patterns


def worker_id(patterns: Sequence[str]) -> str:
    """Return ``host:pid:queues`` for a worker of this process, as Ruby Resque reads it."""
    shown = ",".join(pattern for pattern in patterns if not pattern.startswith("!"))
    return f"{socket.gethostname()}:{os.getpid()}:{shown}"
