"""Every command of a worker's life, in order, as the server sees them."""

import re

import pytest

import resque
from resque.store.script import Script
from tests.support.monitor import Monitor

FINISH = (
    "EVALSHA finish 5 NS:worker:ID NS:stat:processed NS:stat:processed:ID NS:stat:failed"
    " NS:stat:failed:ID"
)
SCRIPTS = ["claim", "register", "reserve", "finish", "unregister"]


@pytest.fixture
def listen(clean_valkey, store, namespace):
    """Return what was said while a worker lived, in words that are the same each time."""
    names = {store.call("SCRIPT", "LOAD", Script.load(n).source).decode(): n for n in SCRIPTS}

    def run(life):
        with Monitor(clean_valkey.port) as monitor:
            worker = life()
            assert worker.wait() == 0
            store.call("ECHO", "the end")
            commands = monitor.read_until("the end")
        return [shown(command, worker) for command in commands]

    def shown(command, worker):
        text = " ".join(names.get(word, word) for word in command)
        text = text.replace(f"{namespace}:", "NS:").replace(worker.id, "ID")
        text = re.sub(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \S+?(?=\")", "FAILED_AT", text)
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", "STARTED", text)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "RUN_AT", text)
        return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", "HEARTBEAT", text)

    return run


def test_a_life_with_one_job(listen, application, start_worker):
    """Register, one job, nothing more to do, unregister."""

    @application.job(queue="low", name="Ok")
    def perform(number): ...

    perform.enqueue(1)
    record = '{"queue":"low","run_at":"RUN_AT","payload":{"class":"Ok","args":[1]}}'
    register = (
        "EVALSHA register 5 NS:workers NS:worker:ID:started NS:workers:heartbeat"
        " NS:workers:deaths_allowed NS:pruning_dead_workers_in_progress ID STARTED +00:00  60"
    )
    unregister = (
        "EVALSHA unregister 7 NS:workers NS:workers:heartbeat NS:workers:deaths_allowed"
        " NS:worker:ID NS:worker:ID:started NS:stat:processed:ID NS:stat:failed:ID ID"
    )
    reserve = (
        "EVALSHA reserve 6 NS:worker:ID NS:pause-all-workers NS:stat:processed"
        ' NS:stat:processed:ID NS:queue:high NS:queue:low RUN_AT  "high" "low"'
    )
    assert listen(lambda: start_worker("high", "low", interval=0)) == [
        "HELLO 3",
        "HGET NS:workers:heartbeat ID",
        "TIME",
        "EVALSHA claim 1 NS:workers:heartbeat ID  HEARTBEAT",
        "lua HGET NS:workers:heartbeat ID",
        "lua HSET NS:workers:heartbeat ID HEARTBEAT",
        "GET NS:worker:ID",
        register,
        "lua TIME",
        "lua SADD NS:workers ID",
        "lua SET NS:worker:ID:started STARTED",
        "lua HSET NS:workers:heartbeat ID HEARTBEAT",
        "lua SET NS:pruning_dead_workers_in_progress ID EX 60 NX",
        "lua HGETALL NS:workers:heartbeat",
        "lua SMEMBERS NS:workers",
        reserve,
        "lua GET NS:stat:processed:ID",
        "lua GET NS:worker:ID",
        "lua GET NS:pause-all-workers",
        "lua LPOP NS:queue:high",
        "lua LPOP NS:queue:low",
        f"lua SET NS:worker:ID {record}",
        FINISH + " 0 0",
        "lua GET NS:stat:processed:ID",
        "lua DEL NS:worker:ID",
        "lua INCRBY NS:stat:processed 1",
        "lua INCRBY NS:stat:processed:ID 1",
        reserve,
        "lua GET NS:stat:processed:ID",
        "lua GET NS:worker:ID",
        "lua GET NS:pause-all-workers",
        "lua LPOP NS:queue:high",
        "lua LPOP NS:queue:low",
        "HGET NS:workers:deaths_allowed ID",
        "GET NS:worker:ID",
        unregister,
        "lua SREM NS:workers ID",
        "lua HDEL NS:workers:heartbeat ID",
        "lua HDEL NS:workers:deaths_allowed ID",
        "lua DEL NS:worker:ID",
        "lua DEL NS:worker:ID:started",
        "lua DEL NS:stat:processed:ID",
        "lua DEL NS:stat:failed:ID",
    ]


def test_a_job_that_fails(listen, application, start_worker):
    """Its own process says so, over a connection of its own, and counts it."""

    @application.job(queue="q", name="Boom")
    def perform():
        raise resque.TermException("x")

    perform.enqueue()
    commands = listen(lambda: start_worker("*", interval=0))
    record = next(text for text in commands if text.startswith("RPUSH NS:failed "))
    assert re.fullmatch(
        r'RPUSH NS:failed {"failed_at":"FAILED_AT","payload":{"class":"Boom","args":\[\]},'
        r'"exception":"Resque::TermException","error":"x",'
        r'"backtrace":\["[^"]*:in `[^"]*perform\'"\],"worker":"ID","queue":"q"}',
        record,
    )
    begin = commands.index("SMEMBERS NS:queues")
    assert [re.sub(" {.*", " RECORD", text) for text in commands[begin : begin + 16]] == [
        "SMEMBERS NS:queues",
        (
            "EVALSHA reserve 5 NS:worker:ID NS:pause-all-workers NS:stat:processed"
            ' NS:stat:processed:ID NS:queue:q RUN_AT  "q"'
        ),
        "lua GET NS:stat:processed:ID",
        "lua GET NS:worker:ID",
        "lua GET NS:pause-all-workers",
        "lua LPOP NS:queue:q",
        "lua SET NS:worker:ID RECORD",
        "HELLO 3",
        "RPUSH NS:failed RECORD",
        FINISH + " 0 1",
        "lua GET NS:stat:processed:ID",
        "lua DEL NS:worker:ID",
        "lua INCRBY NS:stat:processed 1",
        "lua INCRBY NS:stat:processed:ID 1",
        "lua INCRBY NS:stat:failed 1",
        "lua INCRBY NS:stat:failed:ID 1",
    ]
