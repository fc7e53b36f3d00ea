"""A client of the control socket that trusts nothing: bytes in, bytes out."""

import json
import os
import pathlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from resqued.control.address import address_of
from tests.support.waiting import PATIENCE


@contextmanager
def connected(path: pathlib.Path) -> Iterator[socket.socket]:
    """Connect; nothing that is done there takes for ever."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        with address_of(os.fspath(path)) as address:
            client.connect(address)
        yield client


def read_line(client: socket.socket) -> bytes:
    """Return one line; what has come of it if the other side closes before its end."""
    received = b""
    while not received.endswith(b"\n"):
        chunk = client.recv(65536)
        if not chunk:
            break
        received += chunk
    return received


def ask(path: pathlib.Path, verb: str, **fields: object) -> dict[str, Any]:
    """Send one request and return the answer."""
    with connected(path) as client:
        client.sendall(json.dumps({"v": 1, "verb": verb, **fields}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(read_line(client))
        return answer


def workers_of(status: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the workers of all generations that a status shows, places without one left out."""
    return [w for each in status["generations"] for w in each["workers"] if w["pid"]]
