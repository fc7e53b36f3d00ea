"""The script that makes a worker known: one command, the time of the server, one who prunes."""

import re

import pytest

from resque import times
from resque.store import workers
from resque.store.script import Script
from resque.store.workers import Roll

WORKER = "host:1:a"
NOW = 1795459193.9

#: The script up to its first write, asked for what it would write at a moment.
FORMAT = Script.load("register").source.partition("redis.call('SADD'")[0] + (
    "return heartbeat(tonumber(ARGV[1]), ARGV[2])"
)


@pytest.fixture
def register(client):
    """Register a worker."""

    def run(worker_id=WORKER, **options):
        return workers.register(client.server, client.keys, worker_id, NOW, **options)

    return run


@pytest.mark.parametrize("name", ["UTC", "Asia/Kolkata", "America/Sao_Paulo", "Europe/Berlin"])
def test_the_format_of_a_heartbeat(client, zone, name):
    """The script writes what the library does, in the zone of the worker, on any day."""
    zone(name)
    moments = [0, 951782399, 951782400, 951868800, 1709164800, 1735689599, 4107542400, 4133980799]
    moments += range(1_700_000_000, 1_900_000_000, 7_654_321)
    for moment in moments:
        said = client.server.call("EVAL", FORMAT, 0, moment, times.zone(moment))
        assert said.decode() == times.heartbeat(moment)


def test_the_time_is_the_servers(register, client, store):
    """Whatever this host's clock says."""
    before = int(workers.server_time(client.server))
    register()
    beat = times.read_heartbeat(store.call("HGET", store.keys.heartbeats, WORKER))
    assert before <= beat <= workers.server_time(client.server)


def test_one_is_to_prune(register, store):
    """It gets what it needs for that; the others nothing, until the lock is over."""
    store.call("HSET", store.keys.heartbeats, b"\xff", b"old")
    store.call("SADD", store.keys.workers, b"\xff")
    roll = register(prune_for=60)
    assert isinstance(roll, Roll)
    assert roll.heartbeats.keys() == {b"\xff", WORKER.encode()}
    assert roll.ids == [WORKER.encode(), b"\xff"]
    assert int(roll.now) == int(times.read_heartbeat(roll.heartbeats[WORKER.encode()]))
    assert store.call("GET", store.keys.prune_lock) == WORKER.encode()
    assert 0 < store.call("TTL", store.keys.prune_lock) <= 60
    assert register(prune_for=60) is None
    assert register("host:2:b", prune_for=60) is None
    store.call("DEL", store.keys.prune_lock)
    assert register() is None
    assert store.call("EXISTS", store.keys.prune_lock) == 0


def test_how_often_its_jobs_may_kill(register, store):
    """That is written in the same step, if anything is to be."""
    register()
    assert store.call("EXISTS", store.keys.deaths_allowed) == 0
    register(max_deaths=3)
    assert store.call("HGETALL", store.keys.deaths_allowed) == {WORKER.encode(): b"3"}


def test_one_command(register, client):
    """And no other: hundreds of workers send it every minute."""
    register()

    def calls():
        stats = client.server.call("INFO", "commandstats")
        found = re.findall(rb"cmdstat_(?!info)(\w+):calls=(\d+)", stats)
        return {name: int(number) for name, number in found}

    before = calls()
    register(max_deaths=3, prune_for=60)
    after = calls()
    grown = {name: after[name] - before.get(name, 0) for name in after}
    by_script = {b"time", b"sadd", b"set", b"hset", b"hgetall", b"smembers"}
    assert {name for name, number in grown.items() if number} - by_script == {b"evalsha"}
