"""Every command of each call of a client, as the server sees them: protocol section 12."""

import pytest

from tests.support.monitor import Monitor

ONE = '{"class":"send","args":[1]}'
TWO = '{"class":"send","args":[2]}'
OTHER = '{"class":"Other","args":[1]}'


@pytest.fixture
def send(application):
    """A job of the queue ``mail``, class ``send``."""

    @application.job(queue="mail", name="send")
    def send(*numbers): ...

    return send


@pytest.fixture
def listen(clean_valkey, store, namespace, client):
    """Return what a call says to the server, the namespace shown as NS."""
    client.size("mail")  # so that the connection is there

    def run(call):
        with Monitor(clean_valkey.port) as monitor:
            call()
            store.call("ECHO", "the end")
            commands = monitor.read_until("the end")
        return [" ".join(words).replace(f"{namespace}:", "NS:") for words in commands]

    return run


@pytest.mark.parametrize(
    ("call", "commands"),
    [
        (
            lambda client, send: client.enqueue(send, 1),
            ["SADD NS:queues mail", f"RPUSH NS:queue:mail {ONE}"],
        ),
        (
            lambda client, send: send.enqueue(1),
            ["SADD NS:queues mail", f"RPUSH NS:queue:mail {ONE}"],
        ),
        (
            lambda client, send: client.enqueue_to("a:b", "Mod::Klass", "hi", {"/": None}),
            [
                "SADD NS:queues a:b",
                'RPUSH NS:queue:a:b {"class":"Mod::Klass","args":["hi",{"/":null}]}',
            ],
        ),
        (
            lambda client, send: client.enqueue_many(
                [send.prepare(1), client.prepare_to("q", "Other", 1), send.prepare(2)]
            ),
            [
                "SADD NS:queues mail q",
                f"RPUSH NS:queue:mail {ONE} {TWO}",
                f"RPUSH NS:queue:q {OTHER}",
            ],
        ),
        (lambda client, send: client.enqueue_many([]), []),
        (
            lambda client, send: client.push("q", {"any": [1.0, None]}),
            ["SADD NS:queues q", 'RPUSH NS:queue:q {"any":[1.0,null]}'],
        ),
        (lambda client, send: client.dequeue(send, 1), [f"LREM NS:queue:mail 0 {ONE}"]),
        (
            lambda client, send: client.dequeue(send),
            [
                "LRANGE NS:queue:mail 0 -1",
                f"LREM NS:queue:mail 0 {ONE}",
                f"LREM NS:queue:mail 0 {TWO}",
            ],
        ),
        (lambda client, send: client.pop("mail"), ["LPOP NS:queue:mail"]),
        (lambda client, send: client.reserve("mail"), ["LPOP NS:queue:mail"]),
        (lambda client, send: client.size("mail"), ["LLEN NS:queue:mail"]),
        (lambda client, send: client.peek("mail"), ["LINDEX NS:queue:mail 0"]),
        (lambda client, send: client.peek("mail", 3), ["LINDEX NS:queue:mail 3"]),
        (lambda client, send: client.peek("mail", 2, 3), ["LRANGE NS:queue:mail 2 4"]),
        (lambda client, send: client.peek("mail", -2, 2), ["LRANGE NS:queue:mail -2 -1"]),
        (lambda client, send: client.peek("mail", -2, 9), ["LRANGE NS:queue:mail -2 -1"]),
        (lambda client, send: client.peek("mail", -5, 2), ["LRANGE NS:queue:mail -5 -4"]),
        (lambda client, send: client.peek("mail", 0, 0), []),
        (lambda client, send: client.peek("mail", 0, -1), []),
        (lambda client, send: client.queues(), ["SMEMBERS NS:queues"]),
        (
            lambda client, send: client.remove_queue("mail"),
            ["SREM NS:queues mail", "DEL NS:queue:mail"],
        ),
        (lambda client, send: client.queue_sizes(), ["SMEMBERS NS:queues", "LLEN NS:queue:mail"]),
        (
            lambda client, send: client.sample_queues(5),
            ["SMEMBERS NS:queues", "LLEN NS:queue:mail", "LRANGE NS:queue:mail 0 4"],
        ),
        (
            lambda client, send: client.workers(),
            [
                "SMEMBERS NS:workers",
                "MGET NS:worker:h:1:a NS:worker:h:2:b",
                "MGET NS:worker:h:1:a:started NS:worker:h:2:b:started",
                "HMGET NS:workers:heartbeat h:1:a h:2:b",
                "MGET NS:stat:processed:h:1:a NS:stat:processed:h:2:b",
                "MGET NS:stat:failed:h:1:a NS:stat:failed:h:2:b",
            ],
        ),
        (
            lambda client, send: client.info(),
            [
                "SMEMBERS NS:queues",
                "SMEMBERS NS:workers",
                "GET NS:stat:processed",
                "LLEN NS:failed",
                "LLEN NS:queue:mail",
                "MGET NS:worker:h:1:a NS:worker:h:2:b",
            ],
        ),
        (lambda client, send: client.worker_ids(), ["SMEMBERS NS:workers"]),
        (lambda client, send: client.failure_count(), ["LLEN NS:failed"]),
        (
            lambda client, send: client.key_names(),
            ["EXISTS NS:queues", "SCAN 0 MATCH NS:* COUNT 1000"],  # a cluster redirects the first
        ),
    ],
)
def test_commands(listen, client, store, send, call, commands):
    """Exactly these, in this order."""
    store.push("mail", ONE.encode(), b"junk", OTHER.encode(), TWO.encode(), ONE.encode())
    store.call("SADD", store.keys.workers, "h:1:a", "h:2:b")
    assert [sorted_ids(text) for text in listen(lambda: call(client, send))] == commands


def sorted_ids(command):
    """Return a command with the two workers in their order: that of a set is any."""
    words = command.split(" ")
    if command.startswith("MGET NS:worker:") and command.count(":started") == 0:
        words[1:] = sorted(words[1:])
    return " ".join(words)


def test_very_many_go_in_several_pieces(listen, client, send):
    """A thousand at once, so that neither side holds all of them."""
    commands = listen(lambda: client.enqueue_many(send.prepare(n) for n in range(2500)))
    assert [text.split(" ")[0] for text in commands] == ["SADD", "RPUSH"] * 3
    assert [text.count('"class"') for text in commands[1::2]] == [1000, 1000, 500]


def test_refused_at_enqueue(listen, client, send):
    """Nothing is sent of what cannot be, or of what a hook refused."""
    send.before_enqueue(lambda *numbers: numbers != (1,))

    def refused():
        assert client.enqueue(send, 1) is False
        assert client.enqueue_many([send.prepare(1)] * 3) == 0

    assert listen(refused) == []


def test_a_forgotten_worker(listen, client, store, namespace):
    """Its job's failure is recorded first, then all its entries go at once."""
    store.call("SADD", store.keys.workers, "h:1:a")
    store.call("SET", store.keys.worker("h:1:a"), '{"queue":"mail","payload":' + ONE + "}")
    commands = [
        text.partition(' {"failed_at"')[0] for text in listen(lambda: client.remove_worker("h:1:a"))
    ]
    assert [text for text in commands if not text.startswith("EVAL")] == [
        "SMEMBERS NS:workers",
        "HGET NS:workers:deaths_allowed h:1:a",
        "GET NS:worker:h:1:a",
        "RPUSH NS:failed",
        "lua SREM NS:workers h:1:a",
        "lua HDEL NS:workers:heartbeat h:1:a",
        "lua HDEL NS:workers:deaths_allowed h:1:a",
        "lua DEL NS:worker:h:1:a",
        "lua DEL NS:worker:h:1:a:started",
        "lua DEL NS:stat:processed:h:1:a",
        "lua DEL NS:stat:failed:h:1:a",
    ]
