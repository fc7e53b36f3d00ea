"""The control socket's side in the master: any number of clients, none of which it waits for."""

import logging
import os
import socket
from collections.abc import Callable, Iterable

from resqued.clock import Clock
from resqued.control.connection import Connection, Stage
from resqued.control.protocol import (
    Code,
    RefusedError,
    Request,
    encode_answer,
    encode_refusal,
    parse_request,
)
from resqued.process import limits
from resqued.process.waiter import Source, Waiter

log = logging.getLogger(__name__)

#: Clients at a time; for one more, who is there for longest and awaits no answer is sent away.
MAX_CLIENTS = 64
#: Clients that are taken in in one round, and requests that are met: what else there is to do must
#: not wait for a flood of either.
_MOST_ACCEPTED = 64
_MOST_ANSWERED = 8
#: Seconds without new clients when there was no descriptor left for one.
_ACCEPT_PAUSE = 1.0

#: Answers a request, at once or later. Raises RefusedError.
Answerer = Callable[[Request, "Reply"], None]


class Reply:
    """The way back to whoever has asked; what is sent there is lost if it has left."""

    def __init__(self, client: Connection) -> None:
        self._client = client

    def send(self, content: dict[str, object]) -> None:
        """Answer the request; done once."""
        self._client.answer(encode_answer(content))

    def refuse(self, error: RefusedError) -> None:
        """Say that the request cannot be met; done once, likewise."""
        self._client.answer(encode_refusal(error))

    def fail(self) -> None:
        """Say so where it is this program's own fault, in the handler of an exception.

        The log has all of it. The pool is not to end because somebody has looked at it.
        """
        fields = {"event": "request_failed"}
        log.exception(  # noqa: LOG004 - see above
            "A request at the control socket could not be met", extra=fields
        )
        self.refuse(RefusedError(Code.INTERNAL, "the master failed to answer; its log says why"))


class Server:
    """Takes clients in, reads their requests, hands them on; sends slow and silent ones away.

    Part of the master's loop: every method returns at once.
    """

    def __init__(
        self, listening: socket.socket, waiter: Waiter, clock: Clock, answerer: Answerer
    ) -> None:
        """``listening`` is the control socket, which is closed with the server."""
        self._listening = listening
        self._waiter = waiter
        self._clock = clock
        self._answerer = answerer
        self._clients: list[Connection] = []  #: who has asked last stands at the end
        self._accepts_at: float | None = None  #: when clients are taken in again
        waiter.watch(listening)

    @property
    def next_step_in(self) -> float | None:
        """Seconds until ``serve`` has something to do that no descriptor reports; None: nothing."""
        if any(client.has_request for client in self._clients):
            return 0.0
        due = [client.time_left for client in self._clients]
        if self._accepts_at is not None:
            due.append(self._accepts_at - self._clock.now())
        return max(0.0, min(due)) if due else None

    def serve(self, ready: Iterable[Source]) -> None:
        """Do one round: new clients, requests, answers, farewells."""
        found = {id(source) for source in ready}
        self._resume_accepting()
        if id(self._listening) in found:
            self._accept()
        for client in self._clients:
            if id(client) in found:
                client.flush() if client.wants_writing else client.read()
        self._meet_requests()
        self._send_away()
        self.watch_clients()

    def watch_clients(self) -> None:
        """Have the next wait end when a client can be read from or written to, as it needs."""
        for client in self._clients:
            if client.stage is not Stage.CLOSED:
                self._waiter.watch_for(
                    client, reading=client.wants_reading, writing=client.wants_writing
                )

    def listen_anew(self, descriptor: int) -> None:
        """Take clients in at another socket from now on; those who are connected stay."""
        # Before the kernel forgets what is closed here. Nothing that follows needs one file more.
        self._waiter.forget_if_watched(self._listening)
        os.dup2(descriptor, self._listening.fileno(), inheritable=False)
        if self._accepts_at is None:
            self._waiter.watch(self._listening)

    def close(self) -> None:
        """Let go of all clients, and of this side's descriptor of the socket."""
        for client in self._clients:
            self._close(client)
        self._clients.clear()
        self._waiter.forget_if_watched(self._listening)
        self._listening.close()

    def _accept(self) -> None:
        for _ in range(_MOST_ACCEPTED):
            try:
                end, _address = self._listening.accept()
            except BlockingIOError:
                return  # that were all
            except OSError as error:
                self._pause_accepting(error)
                return
            try:
                limits.refuse_last_files(end.fileno())
            except OSError as error:
                end.close()
                self._pause_accepting(error)
                return
            self._welcome(end)

    def _welcome(self, end: socket.socket) -> None:
        if len(self._clients) >= MAX_CLIENTS:
            self._drop(min(self._clients, key=_dispensability))
        client = Connection(end, self._clock)
        self._clients.append(client)
        client.read()  # most have asked by now

    def _pause_accepting(self, error: OSError) -> None:
        """Do without new clients for a while, or the loop would turn for nothing."""
        fields = {"event": "clients_refused", "reason": str(error)}
        log.warning("No client is taken in at the control socket for now: %s", error, extra=fields)
        self._waiter.forget(self._listening)
        self._accepts_at = self._clock.now() + _ACCEPT_PAUSE

    def _resume_accepting(self) -> None:
        if self._accepts_at is not None and self._clock.now() >= self._accepts_at:
            self._accepts_at = None
            self._waiter.watch(self._listening)

    def _meet_requests(self) -> None:
        """Meet some requests, first of those whose turn was longest ago."""
        asking = [client for client in self._clients if client.has_request]
        for client in asking[:_MOST_ANSWERED]:
            self._clients.remove(client)
            self._clients.append(client)
            reply = Reply(client)
            try:
                self._answerer(parse_request(client.take_request()), reply)
            except RefusedError as error:
                reply.refuse(error)
            except Exception:  # noqa: BLE001 - logged, and answered
                reply.fail()

    def _send_away(self) -> None:
        for client in self._clients[:]:
            if client.stage is Stage.CLOSED or (client.time_left <= 0 and not client.has_request):
                self._drop(client)

    def _drop(self, client: Connection) -> None:
        self._clients.remove(client)
        self._close(client)

    def _close(self, client: Connection) -> None:
        self._waiter.forget_if_watched(client)
        client.close()


def _dispensability(client: Connection) -> tuple[bool, float]:
    """Order clients by whom to send away first: not those whose answer is on its way from us."""
    return client.stage is Stage.WAITING or client.has_request, client.since
