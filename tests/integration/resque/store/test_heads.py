"""heads.lua: what it tells of queues, and how little."""

from resque.store.heads import PART, QueueHead, heads
from tests.support.server import ValkeyServer


def test_sizes_and_marks(client, store):
    """Equal elements have equal marks, whichever the queue; an empty one has none."""
    store.call("SADD", client.keys.queues, "a", "b", "c", "gone", b"\xff")
    for name, elements in {"a": ["x", "y"], "b": ["x"], "c": ["y"], b"\xff": ["x"]}.items():
        key = client.keys.queue("").encode() + (name if isinstance(name, bytes) else name.encode())
        store.call("RPUSH", key, *elements)

    found = heads(client.server, client.keys)

    assert {name: head.size for name, head in found.items()} == {
        "a": 2,
        "b": 1,
        "c": 1,
        "gone": 0,
        "\\xff": 1,
    }
    assert found["a"].mark == found["b"].mark == found["\\xff"].mark
    assert found["c"].mark not in (None, found["a"].mark)
    assert found["gone"].mark is None


def test_no_queues(client):
    """Nothing is asked for then."""
    assert heads(client.server, client.keys) == {}


def test_a_key_of_another_type(client, store):
    """It is told apart from an empty queue, and the others are there."""
    store.call("SADD", client.keys.queues, "a", "s")
    store.call("SET", client.keys.queue("s"), "x")
    store.call("RPUSH", client.keys.queue("a"), "x")

    found = heads(client.server, client.keys)

    assert found["s"] == QueueHead(size=None, mark=None)
    assert found["a"].size == 1


def test_large_elements_stay_on_the_server(client, store):
    """Told apart by length, beginning and end, in a reply of some bytes."""
    key = client.keys.queue("a")
    store.call("SADD", client.keys.queues, "a")
    large = b"x" * 5_000_000
    marks = []
    sent = _bytes_sent(store)
    for element in (large, large + b"x", b"y" + large[1:], large[:-1] + b"y", large):
        store.call("DEL", key)
        store.call("RPUSH", key, element)
        marks.append(heads(client.server, client.keys)["a"].mark)

    assert _bytes_sent(store) - sent < 100_000
    assert len(set(marks)) == 4
    assert marks[0] == marks[-1]
    assert len(large) > 2 * PART


def test_nothing_is_written(client, store, clean_valkey: ValkeyServer):
    """Also not where a replica is asked, which would refuse it."""
    store.call("SADD", client.keys.queues, "a")
    store.call("RPUSH", client.keys.queue("a"), "x")
    before = _changes(store)
    heads(client.server, client.keys)
    assert _changes(store) == before


def _bytes_sent(store) -> int:
    return _number(store.call("INFO", "stats"), b"total_net_output_bytes")


def _changes(store) -> int:
    return _number(store.call("INFO", "persistence"), b"rdb_changes_since_last_save")


def _number(text: bytes, name: bytes) -> int:
    return int(text.partition(name + b":")[2].split(b"\r\n", 1)[0])
