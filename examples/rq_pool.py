# RQ's workers under resqued: `resqued examples/rq_pool.py`, with RQ installed and REDIS_URL set.
#
# resqued asks a worker to finish its job and leave by QUIT, which RQ does not handle; what RQ does
# at INT and TERM is just that.

import os
import signal

from redis import Redis
from rq import Queue, Worker


class RQWorker:
    """Fits RQ's worker to resqued."""

    def __init__(self, queues):
        self._connection = Redis.from_url(os.environ.get("REDIS_URL", "redis://localhost:6379/0"))
        self._queues = [Queue(name, connection=self._connection) for name in queues]

    def work(self, interval):
        """Work until told to leave; RQ waits for jobs by itself, and has no use for an interval."""
        worker = Worker(self._queues, connection=self._connection)
        signal.signal(signal.SIGQUIT, worker.request_stop)
        worker.work()


worker_factory(RQWorker)
worker_pool(2, "default", name="rq")
