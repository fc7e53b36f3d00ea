"""The HTTP side: which page belongs to a path, and who may hold a connection for how long."""

import errno
import logging
import select
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from math import inf
from typing import Any

from resqued.clock import Clock
from resqued.health.reserve import Reserve, Work

log = logging.getLogger(__name__)

#: Seconds that a client may take for each part of its request, and between two of them.
PATIENCE = 10.0
#: Clients at a time; for one more, who is there for longest is sent away.
MAX_CLIENTS = 32
#: Seconds that a new one waits for one of those to be gone, where as many are not yet.
_FAREWELL = 0.1
#: Seconds between two looks whether it is over, where no client comes.
_LOOK = 0.5
#: Seconds between two attempts to take a client in, where none can be.
PAUSE = 0.2
#: Seconds without a failed attempt after which the next one is told of again.
CALM = 10.0
#: Why none can be: it waits on and on, so that an attempt at once would fail as well.
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    kind: str = TEXT  #: its content type


#: Makes a page from the ``Accept`` header of the request, in a thread of the client's own.
Author = Callable[[str], Page]


class HealthServer(HTTPServer):
    """Serves some pages, each client in a thread; leaves when all have had them, or time."""

    def __init__(
        self,
        listening: socket.socket,
        pages: Mapping[str, Author],
        is_over: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """Serve ``pages`` by path at ``listening``, until ``is_over``; asked twice a second.

        Raises RuntimeError if no thread can be started.
        """
        super().__init__(("", 0), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.pages = pages
        self._is_over = is_over
        self._clock = clock
        self._changed = threading.Condition()
        self._clients: dict[socket.socket, None] = {}  #: the oldest first
        #: Who was sent away, and has a thread until the page is made that it is not to get.
        self._sent_away: set[socket.socket] = set()
        self._reserve = Reserve()
        self._lacks_threads = False  #: and that was logged
        self._lacked_files_at = -inf  #: the last time

    def serve(self) -> None:
        """Take clients in until it is over."""
        while not self._is_over():
            if select.select((self.socket,), (), (), _LOOK)[0]:
                self.handle_request()

    def server_close(self) -> None:
        """Take nobody in any more, and wait for those who are there, for ``PATIENCE`` at most.

        Pages that are being made by then are waited for.
        """
        super().server_close()
        with self._changed:
            if not self._changed.wait_for(self._is_empty, PATIENCE):
                self._send_all_away()
            self._changed.wait_for(self._is_empty)
        self._reserve.close()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a client; where there is no room for any, say so, and wait a moment."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in _NO_ROOM:
                self._wait_for_room(error)
            raise

    def _wait_for_room(self, error: OSError) -> None:
        now = self._clock.now()
        if now - self._lacked_files_at >= CALM:
            fields = {"event": "health_files_lacking", "reason": str(error)}
            log.warning("Clients of --http have to wait: %s", error, extra=fields)
        self._lacked_files_at = now
        with self._changed:
            self._changed.wait(PAUSE)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a client in, and send another away for it if there are too many.

        Or itself, if too many of those have pages still being made: threads are not without end.
        """
        with self._changed:
            has_room = self._changed.wait_for(self._has_room, _FAREWELL)
            if has_room:
                if len(self._clients) >= MAX_CLIENTS:
                    self._send_oldest_away()
                self._clients[request] = None
        if has_room:
            self._begin(partial(self._serve_client, request, client_address))
        else:
            self.shutdown_request(request)

    def _begin(self, work: Work) -> None:
        """Do it in a thread; where the process may have no more, in the one that it has."""
        try:
            start_thread(work)
        except RuntimeError as error:
            if not self._lacks_threads:
                fields = {"event": "health_threads_lacking", "reason": str(error)}
                log.warning("Clients of --http are served one by one: %s", error, extra=fields)
            self._lacks_threads = True
            self._reserve.do(work)
        else:
            self._lacks_threads = False

    def _serve_client(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except Exception:  # noqa: BLE001 - logged, unless the client is the reason
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)

    def close_request(self, request: Any) -> None:
        """Forget a client that has left; whoever waits for that finds its descriptor free."""
        try:
            super().close_request(request)
        finally:
            with self._changed:
                self._clients.pop(request, None)
                self._sent_away.discard(request)
                self._changed.notify()

    def _has_room(self) -> bool:
        return len(self._sent_away) < MAX_CLIENTS

    def _is_empty(self) -> bool:
        return not self._clients and not self._sent_away

    def _send_all_away(self) -> None:
        while self._clients:
            self._send_oldest_away()

    def _send_oldest_away(self) -> None:
        oldest = next(iter(self._clients))
        del self._clients[oldest]
        self._sent_away.add(oldest)
        _cut(oldest)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - its base's
        """Log a mistake of ours: who has left in the middle, or was sent away, is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            fields = {"event": "page_failed"}
            log.exception(  # noqa: LOG004 - called where one is handled
                "A client of --http could not be served", extra=fields
            )


class Handler(BaseHTTPRequestHandler):
    """One client, and one request of its: none is kept that would hold up who must leave."""

    server: HealthServer
    server_version = "resqued"
    sys_version = ""
    timeout = PATIENCE
    error_content_type = TEXT
    error_message_format = "%(code)d %(message)s\n"

    def do_GET(self) -> None:
        """Answer with a page."""
        page = self._page()
        self._begin(page)
        self.wfile.write(page.body)

    def do_HEAD(self) -> None:
        """Answer with what stands above a page."""
        self._begin(self._page())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - likewise
        """Say nothing: probes come every few seconds."""

    def _page(self) -> Page:
        path = self.path.partition("?")[0]
        author = self.server.pages.get(path)
        if author is None:
            known = ", ".join(self.server.pages)
            text = f"There is no such page; there are {known}\n"
            return Page(text.encode(), HTTPStatus.NOT_FOUND)
        try:
            return author(self.headers.get("Accept", ""))
        except Exception:
            fields = {"event": "page_failed", "page": path}
            log.exception("The page %s could not be made", path, extra=fields)
            text = "The page could not be made; the log says why\n"
            return Page(text.encode(), HTTPStatus.INTERNAL_SERVER_ERROR)

    def _begin(self, page: Page) -> None:
        self.send_response(page.status)
        self.send_header("Content-Type", page.kind)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()


def start_thread(work: Work) -> None:
    """Do it in a thread of its own. Raises RuntimeError where the system gives none."""
    threading.Thread(target=work).start()


def _cut(client: socket.socket) -> None:
    """End a connection under the thread that serves it."""
    try:
        client.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has left in this moment
