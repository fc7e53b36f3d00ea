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
from resque.failure.record import Failure
from resque.failure.redis_backend import RedisBackend

__all__ = [
    "BackendChoice",
    "BackendFactory",
    "FailedJob",
    "Failure",
    "FailureBackend",
    "FailureList",
    "RecordBackend",
    "RedisBackend",
    "backend_named",
]
