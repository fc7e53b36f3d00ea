"""Two hundred idle workers on one queue: what a job costs the server, and how long it waits."""

import time

from benchmarks import application
from benchmarks.contenders.model import Contender
from benchmarks.measures import fleet, latency
from benchmarks.measures.fleet import Rest
from benchmarks.measures.latency import Sample
from benchmarks.plain_queue import KEY, QUEUES
from benchmarks.stage import Stage
from tests.support.monitor import Monitor

WORKERS = 200
_END = "end of the jobs"


def measure(stage: Stage, contender: Contender, rest: Rest, sample: Sample) -> dict[str, float]:
    """Start workers, let them be, and then enqueue one job at a time."""
    stage.clear()
    with stage.running(contender, WORKERS, application.BARE) as program:
        latency.wait_until_ready(stage, contender, program, WORKERS)
        time.sleep(rest.settling)
        values = {"memory": fleet.memory(program)}
        values["commands"] = fleet.idle_commands(stage, rest.idle) / WORKERS
        with Monitor(stage.port) as monitor:
            done = stage.produce(contender, "alone", stage.notes, sample.jobs, sample.seconds)
            stage.client.echo(_END)
            seen = [words for words in monitor.read_until(_END) if not is_producers(words)]
        jobs = int(done["notes"])
        values["commands a job"] = fleet.commands_of(seen) / jobs
        return values | latency.waits(stage, program, jobs)


def is_producers(words: list[str]) -> bool:
    """Tell the producer's commands: its greeting, as redis-py sends it, and its jobs."""
    return words[:1] == ["HELLO"] or words[:2] in (
        ["CLIENT", "SETINFO"],
        ["SADD", QUEUES],
        ["RPUSH", KEY],
    )
