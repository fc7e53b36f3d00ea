"""A control socket at which one answer is given to whatever is asked."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread


@contextmanager
def answering(path: str, content: Mapping[str, object]) -> Iterator[None]:
    """Listen there meanwhile, and answer each request in turn."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        thread = Thread(target=_answer, args=(listening, content))
        thread.start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _answer(listening: socket.socket, content: Mapping[str, object]) -> None:
    line = json.dumps({"v": 1, "ok": True, **content}).encode() + b"\n"
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return  # shut down
        with client:
            client.recv(65536)
            client.sendall(line)
