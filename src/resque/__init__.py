"""resque: a job library that speaks Resque's wire protocol.

    import resque

    @resque.job(queue="mail")
    def send(address, subject="hello"): ...

    send.enqueue("a@example.org")

A worker of the same queue, here or in Ruby, on this host or another, runs it.
"""

__version__ = "0.1.0"

from resque.application import APPLICATION
from resque.client import Resque
from resque.errors import (
    AddressError,
    DecodeError,
    DirtyExit,
    DontPerform,
    EncodeError,
    FailureGoneError,
    FailureHookError,
    JobTimeout,
    NoPermissionError,
    NotAJobError,
    NotRequeueableError,
    QueueNameError,
    ReplyError,
    ResqueError,
    ServerUnavailable,
    TermException,
    UnknownJobError,
    UnknownWorkerError,
)
from resque.function import JobFunction
from resque.inspection import Element, Info, JobInHand, QueueSample, WorkerInfo, WorkerState
from resque.job import Job
from resque.plugins import lint
from resque.prepared import PreparedJob

# The module ``resque.job`` has been imported above, by the client: from here on the name is ours.
job = APPLICATION.job
connect = APPLICATION.connect
enqueue = APPLICATION.enqueue
enqueue_many = APPLICATION.enqueue_many
enqueue_to = APPLICATION.enqueue_to
prepare = APPLICATION.prepare
prepare_to = APPLICATION.prepare_to
dequeue = APPLICATION.dequeue
dequeue_from = APPLICATION.dequeue_from
reserve = APPLICATION.reserve
push = APPLICATION.push
pop = APPLICATION.pop
peek = APPLICATION.peek
size = APPLICATION.size
queues = APPLICATION.queues
queue_sizes = APPLICATION.queue_sizes
sample_queues = APPLICATION.sample_queues
remove_queue = APPLICATION.remove_queue
workers = APPLICATION.workers
working = APPLICATION.working
remove_worker = APPLICATION.remove_worker
info = APPLICATION.info
key_names = APPLICATION.key_names

before_first_fork = APPLICATION.worker_hooks.before_first_fork
before_fork = APPLICATION.worker_hooks.before_fork
after_fork = APPLICATION.worker_hooks.after_fork
before_pause = APPLICATION.worker_hooks.before_pause
after_pause = APPLICATION.worker_hooks.after_pause
queue_empty = APPLICATION.worker_hooks.queue_empty
shutdown = APPLICATION.worker_hooks.shutdown
worker_exit = APPLICATION.worker_hooks.worker_exit

__all__ = [
    "AddressError",
    "DecodeError",
    "DirtyExit",
    "DontPerform",
    "Element",
    "EncodeError",
    "FailureGoneError",
    "FailureHookError",
    "Info",
    "Job",
    "JobFunction",
    "JobInHand",
    "JobTimeout",
    "NoPermissionError",
    "NotAJobError",
    "NotRequeueableError",
    "PreparedJob",
    "QueueNameError",
    "QueueSample",
    "ReplyError",
    "Resque",
    "ResqueError",
    "ServerUnavailable",
    "TermException",
    "UnknownJobError",
    "UnknownWorkerError",
    "WorkerInfo",
    "WorkerState",
    "after_fork",
    "after_pause",
    "before_first_fork",
    "before_fork",
    "before_pause",
    "connect",
    "dequeue",
    "dequeue_from",
    "enqueue",
    "enqueue_many",
    "enqueue_to",
    "info",
    "job",
    "key_names",
    "lint",
    "peek",
    "pop",
    "prepare",
    "prepare_to",
    "push",
    "queue_empty",
    "queue_sizes",
    "queues",
    "remove_queue",
    "remove_worker",
    "reserve",
    "sample_queues",
    "shutdown",
    "size",
    "worker_exit",
    "workers",
    "working",
]
