"""Readers of what lies on the server, or comes from it."""

import re
import socket
from contextlib import suppress

import hiredis

from resque import times
from resque.environment import command_settings, worker_settings
from resque.errors import (
    AddressError,
    DecodeError,
    EncodeError,
    EnvironmentValueError,
    NotRequeueableError,
    ReplyError,
    ResqueError,
)
from resque.failure.backend import FailureList
from resque.failure.entry import FailureEntry, parse_id
from resque.failure.raw_object import RawObject, read_object
from resque.failure.retry import retry_of
from resque.inspection import Element, WorkerEntries, WorkerInfo
from resque.payload import Payload, decode_json
from resque.ruby_json import encode_json
from resque.store import queues
from resque.store.address import Address
from resque.store.replies import normal_form
from resque.store.wire import UnexpectedReplyError, Wire
from resque.worker.pruning import Pruner
from resque.worker.title import printable
from tests.fuzz.target import Target

#: An array, map, set, push or attribute of a million items.
_ANNOUNCES_MANY = re.compile(rb"[*%~>|][+]?0*[1-9][0-9]{6,}")

_JOBS = (
    b'{"class":"Mail","args":[1,"two",{"three":3.5},null]}',
    b'{"class":"Mail","args":[1e20,-0.0,1e-7,1234567890123456.5,12345678901234567890]}',
    '{"class":"\u00c4","args":["\u2028\U0001f600","\\ud83d\\ude00"],"x":1,"class":"B"}'.encode(),
    b'{"args":{"a":[[[]]]},"class":"A"}',
    b'{"class":"A"}',
)
_RECORD = b'{"queue":"q","run_at":"2026-11-23T18:39:53Z","payload":%s}'
_RECORDS = (
    *(_RECORD % job for job in _JOBS),
    b'{"run_at":"2026-11-23T18:39:53Z","payload":{"class":"A","args":[]},"queue":"a\\",\\"b"}',
)
_FAILURE = (
    b'{"failed_at":"2026/11/23 18:39:53 UTC","payload":%s,"exception":"RuntimeError",'
    b'"error":"no","backtrace":["a.rb:1:in x","b.rb:2"],"worker":"h:1:q","queue":"q"}'
)
_FAILURES = (
    *(_FAILURE % job for job in _JOBS),
    (_FAILURE % _JOBS[0])[:-1] + b',"retried_at":"2026/11/23 18:40:00"}',
    _FAILURE % b'"not a job"',
)
_BEATS = (
    *(b"2026-11-23T18:39:53+05:30", b"2026-11-23 18:39:53 UTC", b"20261123T183953Z"),
    *(b"Mon, 23 Nov 2026 18:39:53 +0000", b"Mon Nov 23 18:39:53 GMT 2026", b"23-nov-2026 1:02"),
    *(b"2026/11/23 18:39:53.123456 -03", b"1 jan 9999 24:00:00", b"0001-01-01 00:00 EST"),
)


def _payload(raw: bytes) -> None:
    """Only DecodeError; what is accepted can be written again, and then reads the same."""
    element = Element.of(raw)
    try:
        payload = Payload.decode(raw)
    except DecodeError as error:
        str(error)
        assert element.is_malformed
        return
    assert element.payload == payload
    again = Payload.decode(Payload.encode(payload.class_name, payload.args))
    assert (again.class_name, again.args) == (payload.class_name, payload.args)
    printable(payload.class_name).encode()


def _json(raw: bytes) -> None:
    """The same for any value, beside one that Payload does not look at."""
    with suppress(DecodeError):
        value = decode_json(raw)
        assert decode_json(encode_json(value)) == value


def _worker(raw: bytes) -> None:
    """No id, record, counter or time is refused, and each can be shown."""
    for fields in (
        WorkerEntries(raw),
        WorkerEntries(b"h:1:q", raw, raw, raw, raw, raw),
    ):
        info = WorkerInfo.of(fields)
        assert info.pid is None or info.pid >= 0
        "".join((info.id, info.host, *info.queues, *info.problems)).encode()
        assert info.job is None or info.job.raw == raw


def _neighbour(raw: bytes) -> None:
    """Pruning's rule takes any id of this host, and no id makes it raise."""
    host = socket.gethostname().encode()
    pruner = Pruner.__new__(Pruner)
    pruner._patterns = frozenset({"*"})
    for worker_id in (raw, host + b":" + raw, host + b":" + raw + b":q"):
        assert pruner._is_dead_neighbour(worker_id) in (True, False)


def _heartbeat(raw: bytes) -> None:
    """A number or None."""
    beat = times.read_heartbeat(raw)
    assert beat is None or beat == beat  # noqa: PLR0124 - not a number is none


def _record(raw: bytes) -> None:
    """Some queue and some element, of text that a failure record can hold."""
    reserved = queues.from_record(raw)
    encode_json(reserved.queue)
    assert isinstance(reserved.element, bytes)


def _failure(raw: bytes) -> None:
    """There is an entry for anything, it can be shown; retrying it may only be refused."""
    for queue in (None, "q"):
        entry = FailureEntry.parse(FailureList("failed", queue), 7, raw)
        assert parse_id(entry.id) == (7, entry.digest)
        assert entry.shown(50).isprintable()
        shown = (entry.class_name, entry.exception, entry.error, entry.worker, entry.queue)
        "".join(text for text in (*shown, *entry.backtrace) if text).encode()
        with suppress(NotRequeueableError):
            retry = retry_of(entry, "2026/11/23 18:40:00 UTC")
            read_object(retry.element)
            retried = FailureEntry.parse(FailureList("failed", queue), 7, retry.retried)
            assert retried.is_retried
            retry.queue.encode()


def _raw_object(raw: bytes) -> None:
    """Only ValueError; what is taken out is there, what is left out is not."""
    with suppress(ValueError):
        read = RawObject.parse(raw)
        assert read_object(raw).keys() == {member.key for member in read.members}
        for member in read.members[:5]:
            assert member.key not in read_object(read.without(member.key))


def _reply(raw: bytes) -> None:
    """Garbled replies: only what ``Wire`` says, and no waiting for what will not come.

    Except that hiredis makes room for as many items as a reply announces, up to 2**32.
    """
    if _ANNOUNCES_MANY.search(raw):
        return
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(1)
        theirs.settimeout(1)
        theirs.sendall(raw[:100_000])
        theirs.shutdown(socket.SHUT_WR)
        wire = Wire(ours, ReplyError.parse)
        with suppress(EOFError, OSError, hiredis.ProtocolError, UnexpectedReplyError):
            for reply in wire.exchange(b"PING\r\n", 3):
                with suppress(ValueError):  # of a list whose pairs do not come out even
                    normal_form([b"LRANGE"], reply, lambda error: error)
            wire.drain()


def _address(raw: bytes) -> None:
    """Only AddressError; no message quotes what stands where a password may."""
    url = raw.decode("utf-8", "surrogateescape")
    try:
        shown = str(Address.parse(url))
    except AddressError as error:
        shown = "" if "s3cret" in url.rpartition("@")[2] else str(error)
    else:
        assert shown.isprintable()
        return
    assert "s3cret" not in shown


def _environment(raw: bytes) -> None:
    """Only EnvironmentValueError, for any value of any variable."""
    text = raw.decode("utf-8", "surrogateescape")
    names = ("COUNT", "INTERVAL", "RESQUE_TERM_TIMEOUT", "QUEUE", "PIDFILE", "MIN_INTERVAL")
    for name in names:
        with suppress(EnvironmentValueError):
            worker_settings({name: text})
        with suppress(EnvironmentValueError):
            command_settings({name: text, "MAX_INTERVAL": text, "BACKOFF_INTERVAL": "1"})


def _enqueued(raw: bytes) -> None:
    """Text of any kind as class or argument: only EncodeError, or a payload that reads the same."""
    text = raw.decode("utf-8", "surrogateescape")
    with suppress(EncodeError):
        payload = Payload.decode(Payload.encode(text, [text, {text: 1}]))
        assert (payload.class_name, payload.args) == (text, (text, {text: 1}))
    assert issubclass(EncodeError, ResqueError)


_REPLIES = (
    *(
        b"+OK\r\n:1\r\n$3\r\nabc\r\n",
        b"*2\r\n$1\r\na\r\n*1\r\n:7\r\n_\r\n#t\r\n",
        b",1.5\r\n,inf\r\n",
    ),
    *(
        b"%1\r\n+a\r\n:1\r\n~2\r\n+a\r\n+b\r\n",
        b">2\r\n+invalidate\r\n*0\r\n+OK\r\n",
        b"(99999\r\n",
    ),
    *(b"=7\r\ntxt:abc\r\n-ERR no\r\n!5\r\nERR x\r\n", b"%1\r\n*0\r\n+x\r\n", b"~1\r\n%0\r\n"),
    *(
        b"*1000000\r\n",
        b"$-1\r\n*-1\r\n",
        b"|1\r\n+a\r\n+b\r\n+OK\r\n",
        b"$?\r\n;3\r\nabc\r\n;0\r\n",
    ),
)
_URLS = (
    *(b"redis://localhost:6379/1", b"rediss://u:s3cret@[::1]:6380/0?ssl_ca_certs=/a.pem"),
    *(b"unix://:s3cret@/run/valkey.sock?db=2", b"redis://:s3cret%40@h", b"redis://h?db=1&x=2"),
)

TARGETS = (
    Target("payload", _JOBS, _payload),
    Target("json", _JOBS, _json),
    Target("enqueued", (b"Mail", "\u00c4\u2028".encode(), b"a\x1b[31m"), _enqueued),
    Target("worker", (b"host:123:a,b", b"h:1:*", *_RECORDS, *_BEATS, b"42"), _worker),
    Target("neighbour", (b"123:a", b"1:q", b"0:q", b"-1:q", b"00007:*", b"12:a:b"), _neighbour),
    Target("heartbeat", _BEATS, _heartbeat),
    Target("record", _RECORDS, _record),
    Target("failure", _FAILURES, _failure),
    Target("raw-object", (*_FAILURES, *_JOBS, b'{"a":1,"a":2,"b":{"a":3}}'), _raw_object),
    Target("reply", _REPLIES, _reply),
    Target("address", _URLS, _address),
    Target("environment", (b"1", b"5.0", b"1e3", b"nan", b"0x10", b"a,b"), _environment),
)
