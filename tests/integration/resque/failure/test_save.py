"""What each backend leaves on the server: the keys and the bytes of Ruby's."""

import json

import pytest

from resque.failure import multiple
from tests.support.failures import RECORD, failed_job
from tests.support.monitor import Monitor


@pytest.fixture
def commands(clean_valkey, connect, namespace):
    """Return the commands that saving with a backend sends, without the namespace."""

    def of(failed, choice="redis"):
        client = connect(choice)
        client.server.call("PING")
        with Monitor(clean_valkey.port) as monitor:
            client.failure_backend.save(failed)
            client.server.call("ECHO", "the end")
            found = monitor.read_until("the end")
        return [[word.replace(f"{namespace}:", "") for word in command] for command in found]

    return of


def test_the_redis_backend(commands, zone):
    """One RPUSH, as Ruby's; nothing is counted here."""
    zone("UTC")
    assert commands(failed_job()) == [["RPUSH", "failed", RECORD.decode()]]


def test_the_redis_multi_queue_backend(commands, zone):
    """SADD and RPUSH, as Ruby's; the list's name is that of the queue with an end to it."""
    zone("UTC")
    assert commands(failed_job(), "redis_multi_queue") == [
        ["SADD", "failed_queues", "q1_failed"],
        ["RPUSH", "q1_failed", RECORD.decode()],
    ]


def test_several_backends(commands, zone):
    """Each writes the same record, one after the other."""
    zone("UTC")
    assert commands(failed_job(), multiple("redis_multi_queue", "redis")) == [
        ["SADD", "failed_queues", "q1_failed"],
        ["RPUSH", "q1_failed", RECORD.decode()],
        ["RPUSH", "failed", RECORD.decode()],
    ]


@pytest.mark.parametrize(
    ("name", "failed_at"),
    [
        ("UTC", "2026/11/23 18:46:58 UTC"),
        ("Asia/Kolkata", "2026/11/24 00:16:58 IST"),
        ("America/Sao_Paulo", "2026/11/23 15:46:58 -03"),
    ],
)
def test_the_time_of_a_failure(client, store, zone, name, failed_at):
    """It is local, with the zone's name."""
    zone(name)
    client.failure_backend.save(failed_job())
    assert store.failures()[0]["failed_at"] == failed_at


@pytest.mark.parametrize("element", [b"", b"null", b"\xff\xfe", b'{"class":5}', b"[1]", b"{" * 9])
def test_an_element_that_was_no_job(client, store, element):
    """Its text is the payload, so that Ruby's page can show the record."""
    client.failure_backend.save(failed_job(element))
    assert store.failures()[0]["payload"] == element.decode("utf-8", "replace")


@pytest.mark.parametrize("choice", ["redis", "redis_multi_queue"])
def test_names_that_are_not_unicode(connect, choice):
    """A queue's name with a lone surrogate is shown by its escape."""
    client = connect(choice)
    client.failure_backend.save(failed_job(queue="q\ud83d"))
    assert client.failures.get(0).queue == "q\\ud83d"


def test_a_record_is_json_whatever_the_error_says(client, store):
    """Control characters, lone surrogates, quotes: the record can be read again."""
    client.failure_backend.save(failed_job(error='\x00\x1b[1m"\\\udcff\u2028\x7f'))
    (record,) = store.call("LRANGE", store.keys.failed, 0, -1)
    assert json.loads(record.decode())["error"] == '\x00\x1b[1m"\\\\udcff\u2028\x7f'
