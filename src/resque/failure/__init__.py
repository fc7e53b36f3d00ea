"""What is written down of a job that failed, where, and how to get at it again."""

from resque.failure.backend import (
    BackendChoice,
    BackendFactory,
    FailedJob,
    FailureBackend,
    FailureList,
    RecordBackend,
)
from resque.failure.choice import backend_named
from resque.failure.entry import FailureEntry
from resque.failure.failures import Failures
from resque.failure.multiple import MultipleBackend, multiple
from resque.failure.record import Failure
from resque.failure.redis_backend import RedisBackend
from resque.failure.redis_multi_queue import RedisMultiQueueBackend
from resque.failure.retry import Requeued

__all__ = [
    "BackendChoice",
    "BackendFactory",
    "FailedJob",
    "Failure",
    "FailureBackend",
    "FailureEntry",
    "FailureList",
    "Failures",
    "MultipleBackend",
    "RecordBackend",
    "RedisBackend",
    "RedisMultiQueueBackend",
    "Requeued",
    "backend_named",
    "multiple",
]
