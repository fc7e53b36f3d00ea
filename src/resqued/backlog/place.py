"""Where the jobs of a running pool are, as its master tells."""

from typing import Any

from resqued.errors import ResquedError
from resqued.ipc.messages import QueueServer
from resqued.typed import from_json


class PlaceError(ResquedError):
    """Raised for an answer that this version does not understand."""


def read_place(content: dict[str, Any]) -> QueueServer | None:
    """Return what an answer to the verb ``server`` holds; None: no worker has told yet.

    Raises PlaceError.
    """
    found = content.get("server")
    if found is None:
        return None
    try:
        return from_json(QueueServer, found)
    except (KeyError, TypeError) as error:
        raise PlaceError("the master named a server in a way that is not understood") from error
