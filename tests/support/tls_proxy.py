"""TLS in front of a server that has none: one thread moves bytes both ways."""

import pathlib
import selectors
import socket
import ssl
import subprocess
import threading
from types import TracebackType
from typing import Self


def make_certificate(folder: pathlib.Path, name: str) -> tuple[pathlib.Path, pathlib.Path]:
    """Return the files of a self-signed certificate for ``name``, and of its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext"]
    command += [f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


class TlsProxy:
    """Listens on a loopback port with a certificate and forwards to ``target_port``."""

    def __init__(self, certificate: pathlib.Path, key: pathlib.Path, target_port: int) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # shut down
                return
            self._threads.append(threading.Thread(target=self._serve, args=(client,)))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(10)
        try:
            with self._context.wrap_socket(client, server_side=True) as inner:
                target = socket.create_connection(("127.0.0.1", self._target_port), timeout=10)
                with target:
                    _forward(inner, target)
        except OSError:  # refused by the client, or gone
            client.close()

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; clients must have closed their connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()


def _forward(inner: ssl.SSLSocket, target: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(inner, selectors.EVENT_READ, target)
        selector.register(target, selectors.EVENT_READ, inner)
        while True:
            for ready, _ in selector.select(10):
                source: socket.socket = ready.fileobj  # type: ignore[assignment]
                data = source.recv(65536)
                if not data:
                    return
                ready.data.sendall(data)
                while inner.pending():
                    target.sendall(inner.recv(65536))
