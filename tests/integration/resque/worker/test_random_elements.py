"""Anything may lie in a queue: a worker makes a failure of it, and goes on."""

import base64
import json
import random

from resque.errors import DecodeError
from resque.payload import Payload

COUNT = 10_000


def elements():
    """Yield random bytes, and jobs with random damage; always the same ones."""
    chance = random.Random(4)
    job = '{"class":"Ok","args":[1,"hé 世",null,[],{},12345678901234567890,1e300]}'.encode()
    for number in range(COUNT):
        if number % 2:
            yield chance.randbytes(chance.randrange(40))
            continue
        damaged = bytearray(job)
        for _ in range(chance.randrange(3)):
            place = chance.randrange(len(damaged))
            damaged[place : place + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        yield bytes(damaged)


def is_ours(element):
    """Tell whether it is a job that the application has declared."""
    try:
        return Payload.decode(element).class_name == "Ok"
    except DecodeError:
        return False


def test_ten_thousand_random_elements(start_worker, application, store):
    """Each is performed or in the failed list, and it is one worker that did it all."""
    performed = []

    @application.job(queue="q", name="Ok")
    def perform(*args):
        performed.append(args)

    def in_process(worker):
        worker.fork_per_job = False
        worker.hooks.worker_exit(lambda: store.call("SET", store.keys.stat("ours"), len(performed)))

    pushed = list(elements())
    for start in range(0, COUNT, 1000):
        store.push("q", *pushed[start : start + 1000])
    worker = start_worker("q", interval=60, prepare=in_process)
    pid = worker.pid
    worker.wait_until(lambda: store.size("q") == 0, "the end of the queue")
    worker.wait_until_idle()
    assert worker.pid == pid
    worker.leave()

    assert int(store.call("GET", store.keys.stat("ours"))) == sum(map(is_ours, pushed))
    failures = [json.loads(record) for record in store.call("LRANGE", store.keys.failed, 0, -1)]
    assert len(failures) + sum(map(is_ours, pushed)) == COUNT
    assert store.stats() == (COUNT, len(failures))
    # Each failure shows what lay there, in its order.
    bad = [element for element in pushed if not is_ours(element)]
    for element, failure in zip(bad, failures, strict=True):
        shown = failure["payload"]
        text = shown if isinstance(shown, str) else json.dumps(shown)
        assert isinstance(shown, dict) or text == element.decode("utf-8", "replace"), (
            base64.b64encode(element)
        )
