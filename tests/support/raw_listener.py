"""A listening socket that answers whatever it is told to: servers that are none, or broken."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class RawListener:
    """Sends ``answer`` to each client once something was received, then waits for its end.

    With ``closes`` it closes after the answer instead.
    """

    def __init__(self, answer: bytes, *, closes: bool = False) -> None:
        self._answer = answer
        self._closes = closes
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.received: list[bytes] = []
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve)

    @property
    def url(self) -> str:
        """The address, as if it were a server's."""
        return f"redis://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        while True:
            try:
                self._client, _ = self._socket.accept()
            except OSError:  # shut down
                return
            with self._client:
                self._answer_one(self._client)

    def _answer_one(self, client: socket.socket) -> None:
        client.settimeout(10)
        try:
            while data := client.recv(65536):
                self.received.append(data)
                client.sendall(self._answer)
                if self._closes:
                    return
        except OSError:  # the client is gone
            return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        if self._client is not None:
            with suppress(OSError):  # gone already
                self._client.shutdown(socket.SHUT_RD)
        self._thread.join(10)
        self._socket.close()
