"""The worker: takes jobs from queues and has each performed in a process of its own."""

from resque.worker.recovery import recover
from resque.worker.worker import Worker

__all__ = ["Worker", "recover"]
