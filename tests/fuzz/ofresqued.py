"""Readers of what the daemon's processes, files and owners give it."""

import contextlib
import fcntl
import json
import math
import os
import resource
import signal
import socket
import tempfile
from contextlib import suppress
from dataclasses import asdict
from enum import Enum
from typing import NoReturn

from resqued.clock import MonotonicClock
from resqued.config.errors import ConfigError
from resqued.config.loader import load
from resqued.control.protocol import RefusedError, parse_request
from resqued.health.place import HealthPlace, HealthPlaceError
from resqued.health.server import Handler, HealthServer, Page
from resqued.ipc import messages
from resqued.ipc.channel import Channel
from resqued.ipc.messages import (
    Boot,
    ForeignMessageError,
    Grant,
    Loaded,
    MalformedMessageError,
    PoolSlots,
    Proved,
    Scale,
    Scaled,
    Started,
)
from resqued.listener.process import Process
from resqued.master.cap import Phase
from resqued.master.generation import Stage
from resqued.master.options import Options
from resqued.master.state import SCHEMA, SavedGeneration, SavedState, SavedWorker, StateError
from resqued.process.holder import HolderError, find_holder
from resqued.worker.board import Board
from resqued.worker.gate import Gate
from resqued.worker.ledger import Ledger
from tests.fuzz.target import LIMIT, HangError, Target
from tests.support.clock import HandTurnedClock

_LINES = tuple(
    messages.encode(message)
    for message in (
        Boot(3, 1024, ("pool.py", "b.py"), "/srv", None),
        Grant(2),
        Loaded((("a", "b"), ("*",)), 300.0, 15.0, "0.1.0", (PoolSlots("p", 1, (1,)),)),
        Scale("p", 3),
        Scaled("p", 0, (("a", "b"), None), (1,)),
        Proved("abc"),
        Started(1, 4711),
    )
)
_REQUESTS = (
    b'{"v":1,"verb":"progress","reload":3}',
    b'{"v":1,"verb":"stop","now":true}',
    b'{"v":1,"verb":"scale","pools":{"mail":3,"b":0}}',
)
_GATE_LINES = (
    b'["ready","announces"]\n',
    b'["known","Mail"]\n["working"]\n',
    b'["failed","why"]\n',
)


def _message(raw: bytes) -> None:
    """Only the two errors; what is a message can be written again, and reads the same."""
    with suppress(MalformedMessageError, ForeignMessageError):
        message = messages.parse(raw)
        assert message is None or messages.parse(messages.encode(message)) == message


def _channel(raw: bytes) -> None:
    """Any bytes: a list of messages, and the end is noticed."""
    channel, theirs = Channel.pair()
    with contextlib.closing(channel), theirs:
        theirs.settimeout(1)
        theirs.sendall(raw[:100_000])
        theirs.close()
        while not channel.is_closed:
            channel.receive()


def _gate(raw: bytes) -> None:
    """A worker may say what it likes to its listener."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(1)
    process = Process(0, Gate(ours, Board(MonotonicClock())), MonotonicClock())
    with contextlib.closing(process.gate), theirs:
        theirs.sendall(raw[:100_000] + b"\n")
        process.listen()


def _state(raw: bytes) -> None:
    """Only StateError; what is read is written the same."""
    with suppress(StateError):
        state = SavedState.decode(raw)
        assert SavedState.decode(state.encode()) == state
        assert all(isinstance(number, int) for number in state.descriptors)


def _control(raw: bytes) -> None:
    """Only RefusedError, also of a field."""
    with suppress(RefusedError):
        request = parse_request(raw)
        assert isinstance(request.verb, str)
        with suppress(RefusedError):
            assert all(number >= 0 for number in request.numbers("pools").values())
        assert request.number("reload") >= 0


def _ledger(raw: bytes) -> None:
    """Whatever a worker's code has written over its memory, its listener reads counts."""
    ledger = Ledger()
    ledger._memory[: len(raw)] = raw[: len(ledger._memory)]
    for tally in ledger.read():
        assert min(tally.performed, tally.failed, tally.cut_off, *tally.runs) >= 0
        assert 0 <= tally.seconds < math.inf
        f"{tally.queue}{tally.job}".encode()
    ledger.close()


def _health_place(raw: bytes) -> None:
    """Only HealthPlaceError; what is read is written the same."""
    with suppress(HealthPlaceError):
        place = HealthPlace.parse(raw.decode("utf-8", "surrogateescape"))
        assert HealthPlace.parse(str(place)) == place


def _http(raw: bytes) -> None:
    """A client of the health pages may send what it likes."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(1)
    listening = socket.socketpair()
    pages = {"/livez": lambda _accept: Page(b"well\n")}
    serves = HealthServer(listening[0], pages, lambda: False, HandTurnedClock())
    with listening[1], serves as server, ours, theirs:
        theirs.sendall(raw[:100_000])
        theirs.shutdown(socket.SHUT_WR)
        Handler(ours, ("127.0.0.1", 1), server)


def _pidfile(raw: bytes) -> None:
    """Nobody holds an unlocked file; of a locked one its text is believed, or HolderError."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(raw)
        file.flush()
        assert find_holder(file.name) is None
        fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(HolderError):
            watch = find_holder(file.name)
            assert watch is not None
            assert watch.pid > 0
            watch.close()


def _config(raw: bytes) -> None:
    """A file of any bytes: a configuration, or ConfigError of printable lines; no crash."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _load_and_leave(raw, writer)
    os.close(writer)
    try:
        with open(reader, "rb") as pipe:
            said = pipe.read()
    except HangError:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(pid, 0)
    assert status == 0, f"{said.decode('utf-8', 'replace')}\nstatus {status}"


def _load_and_leave(raw: bytes, writer: int) -> NoReturn:
    """In the child, which may do no harm to others: no files, no new processes, little time."""
    status = 1
    try:
        signal.setitimer(signal.ITIMER_REAL, 0)
        with tempfile.NamedTemporaryFile(suffix=".py") as file:
            file.write(raw)
            file.flush()
            resource.setrlimit(resource.RLIMIT_CPU, (int(LIMIT), int(LIMIT)))
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            problems = _problems(file.name)
            assert all(line.isprintable() for line in problems), problems
            status = 0
    except BaseException as error:  # noqa: BLE001 - reported by the parent
        os.write(writer, f"{type(error).__name__}: {error}"[:4000].encode("utf-8", "replace"))
    finally:
        os._exit(status)


def _problems(path: str) -> tuple[str, ...]:
    try:
        load([path])
    except ConfigError as error:
        return error.problems
    return ()


def _of_enum(member: Enum) -> object:
    return member.value


_WORKER = SavedWorker(1, ("a", "b"), Phase.TOLD, 1.5, None, 11, 12)
_GENERATION = SavedGeneration(
    number=3,
    pid=10,
    channel=13,
    unread="\xff{",
    unsent="",
    stage=Stage.PROVED,
    started_at=1.0,
    kill_at=None,
    has_failed=False,
    told_by=signal.Signals.SIGTERM,
    slots=(("a",), ("a", "b")),
    boot_timeout=None,
    stop_timeout=15.0,
    asking=(0,),
    workers=(_WORKER,),
    failed_starts=0,
    failed_at=1.0,
    told_elsewhere=0,
    heard_at=2.0,
    is_silent=False,
)
_STATE = SavedState(
    schema=SCHEMA,
    protocol=messages.MAJOR,
    options=Options(paths=("pool.py",), inherit=(7,), pidfile="/run/p", pidfile_lock=8),
    program="/usr/bin/python",
    folder="/srv/current",
    lifeline=(5, 6),
    file_limit=1024,
    generations=(_GENERATION,),
    last_number=3,
    owner=3,
    fallback=None,
    is_paused=False,
    pending=(signal.Signals.SIGHUP,),
)
_CONFIGS = tuple(
    text.encode()
    for text in (
        r"""
worker_pool(5, 'a', name='x', interval=1.5, shuffle_queues=True)
queue('low', percent=20)
worker('a', ['b', ('c', ['d'])], interval=0)
worker()
boot_timeout(10)
stop_timeout(1e9)
""",
        r"""
@before_fork
def load(context): pass
@after_fork
def connect(worker): pass
@after_exit
def count(summary): pass
@worker_factory
def make(queues): return None
""",
        r"""
class N(str):
    def __repr__(self): raise SystemExit(3)
    def __str__(self): 1/0
worker(N('a'))
worker_pool(N('5'))
boot_timeout(N)
worker_pool(1 << 20000)
""",
        r"""
names = ('a',)
for _ in "DEPTH": names = [names]
worker(names)
queue(names, count=-1)
""".replace("DEPTH", "x" * 5000),  # no number that a mutation could make endless
        "names = ['a']\nnames.append(names)\nworker(names)\n",
        r"raise SystemExit('\x1b[31m\n')",
        r"worker('a\n', 'b\ud800', '', None, 5, b'x', **{'\x1b': 1, 'interval': float('nan')})",
    )
)

_HTTP = (
    b"GET /livez HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n\r\n",
    b"HEAD /livez?a=1 HTTP/1.0\r\n\r\n",
    b"GET /nothing\r\n",
    b"POST /livez HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
)

TARGETS = (
    Target("message", _LINES, _message),
    Target("channel", _LINES, _channel),
    Target("gate", _GATE_LINES, _gate),
    Target(
        "state", (_STATE.encode(), json.dumps(asdict(_STATE), default=_of_enum).encode()), _state
    ),
    Target("control", _REQUESTS, _control),
    Target("ledger", (bytes(5000), b"\xff" * 5000), _ledger),
    Target("health_place", (b"9100", b"127.0.0.1:0", b"[::1]:9100", b"host:65535"), _health_place),
    Target("http", _HTTP, _http),
    Target("pidfile", (b"4711\n", b"1", b"0", b"-1", b"99999999999", b"12 34"), _pidfile),
    Target("config", _CONFIGS, _config),
)
